package store

import (
	"context"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// Stay is how a user is, or was, in a room.
type Stay struct {
	Room     wire.PublicRoom       `json:"room"`
	EndedAt  *wire.Time            `json:"endedAt"` // when the room ended
	Status   wire.MembershipStatus `json:"membershipStatus"`
	JoinedAt wire.Time             `json:"joinedAt"`
	LeftAt   *wire.Time            `json:"leftAt"`
	LastRead *wire.Time            `json:"lastMessageReadAt"`
}

// Exports gives what is kept of a user, for the user.
type Exports interface {
	// Stays gives how a user is and was in rooms, in the order of the rooms' ids, behind the one with the id, at most so many.
	Stays(ctx context.Context, user, behind uuid.UUID, limit int) ([]Stay, error)
}
