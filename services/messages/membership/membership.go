// Package membership tells the messages service who is in a room.
//
// rooms owns that knowledge. This package asks it once and keeps the answer for a while, and it follows the log of the
// rooms to drop an answer as soon as a newer version of the membership passes by.
package membership

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
)

var (
	// ErrRoomNotFound says that there is no such room.
	ErrRoomNotFound = errors.New("room not found")
	// ErrUnavailable says that rooms cannot be asked now.
	ErrUnavailable = errors.New("rooms is unavailable")
)

// Rooms is what is asked for a room's membership. Errors: [ErrRoomNotFound]; any other means that it cannot be said now.
type Rooms interface {
	Membership(ctx context.Context, room uuid.UUID) (events.Membership, error)
}
