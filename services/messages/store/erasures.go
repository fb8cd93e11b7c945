package store

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Erasure is what is to be done, and has been done, about the messages of a user who was deleted. Its times have microseconds.
type Erasure struct {
	ID, UserID uuid.UUID
	Tenant     string
	At         time.Time // when the user was deleted
	Progress
}

// Progress is how far an erasure is.
type Progress struct {
	Stage  Stage
	From   []byte // where the walk of the stage goes on, see [Written]; nil: at its beginning
	Erased int64  // messages that the walk has found erased
	// ClaimedBy is the process that carries it on, until ClaimedUntil is over.
	ClaimedBy    uuid.UUID
	ClaimedUntil time.Time
}

// Stage says what an erasure is about. Numbers are stored.
type Stage int

// The stages, in their order.
const (
	Erasing  Stage = iota // a first walk erases what is there
	Settling              // what was on its way when the user was deleted may still come
	Checking              // a last walk erases that, and counts
)

// Erasures keeps erasures until they are finished.
type Erasures interface {
	// BeginErasure records an erasure, unless it is there or is finished.
	BeginErasure(ctx context.Context, erasure Erasure) error

	// PendingErasures gives erasures that are not finished, in the order of their ids, behind an id, at most so many.
	PendingErasures(ctx context.Context, behind uuid.UUID, limit int) ([]Erasure, error)

	// SaveErasure saves how far an erasure is. Of two that save at once one is right, and one that is finished stays so.
	SaveErasure(ctx context.Context, erasure Erasure) error

	// FinishErasure says that nothing is left to be done.
	FinishErasure(ctx context.Context, erasure Erasure, at time.Time) error
}
