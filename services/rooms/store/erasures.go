package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// ErrErasureNotFound says that there is no such erasure.
var ErrErasureNotFound = errors.New("erasure not found")

// DeletedName is the name of a user who was deleted.
const DeletedName = wire.DeletedName

// Erasure is the receipt of a user's deletion.
type Erasure struct {
	ID     uuid.UUID     `json:"id"`
	UserID uuid.UUID     `json:"userId"`
	Tenant string        `json:"tenant"`
	At     wire.Time     `json:"requestedAt"`
	Parts  []ErasurePart `json:"services"` // in the order of their names
}

// FinishedAt is when the last of its parts was finished; nil: not all are.
func (e Erasure) FinishedAt() (last *wire.Time) {
	for _, part := range e.Parts {
		if part.FinishedAt == nil {
			return nil
		}
		if last == nil || part.FinishedAt.After(last.Time) {
			last = part.FinishedAt
		}
	}
	return last
}

// NewErasure is an erasure that begins.
type NewErasure struct {
	ID uuid.UUID
	At time.Time
	By []string // the services that have a part of it, rooms among them
}

// ErasurePart says what a service has erased.
type ErasurePart struct {
	Service    string     `json:"service"`
	Erased     int64      `json:"erased"`     // things, as the service counts them
	FinishedAt *wire.Time `json:"finishedAt"` // nil: not yet
}

// Pending is an erasure of which rooms has not finished its part.
type Pending struct {
	ID, UserID uuid.UUID
	Tenant     string
	At         time.Time
	Restored   bool // the backend has put the user again
}

// Erasures are the deletions of users.
type Erasures interface {
	// Erasure gives a receipt of the tenant, "" for any. Errors: [ErrErasureNotFound].
	Erasure(ctx context.Context, tenant string, id uuid.UUID) (Erasure, error)

	// PendingErasures gives erasures of which rooms has not finished its part, at most so many.
	PendingErasures(ctx context.Context, limit int) ([]Pending, error)
}

// ErasuresTx is the part of a transaction that deletes users.
type ErasuresTx interface {
	// DeleteUser takes all that is known of a user of the tenant, "" for any, begins the erasure, and gives the user's tenant. Whoever has locked the user
	// is waited for. Where the user has been deleted, began is false, and the id that of the newest erasure. Errors: [people.ErrUserNotFound].
	DeleteUser(ctx context.Context, tenant string, user uuid.UUID, erasure NewErasure) (id uuid.UUID, of string, began bool, err error)

	// AnyRelatives gives users to whom a user stands in any relationship, at most so many.
	AnyRelatives(ctx context.Context, user uuid.UUID, limit int) ([]uuid.UUID, error)

	// CountErased adds to what rooms has erased.
	CountErased(ctx context.Context, erasure uuid.UUID, things int) error

	// FinishErasure says that rooms has finished its part.
	FinishErasure(ctx context.Context, erasure uuid.UUID, at time.Time) error

	// FinishPart puts what another service has erased into the receipt, unless that has finished before. An erasure that is not there stays so.
	FinishPart(ctx context.Context, erasure uuid.UUID, part ErasurePart) error
}
