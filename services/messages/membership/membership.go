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

// Membership is who is in a room, as of a version that rooms counts up with every change.
type Membership struct {
	RoomID  uuid.UUID       `json:"roomId"`
	Version int64           `json:"version"`
	Members []events.Member `json:"members"`
}

// Joined gives the member with the id, if joined: neither who has left nor who has only been invited.
func (m Membership) Joined(user uuid.UUID) (events.Member, bool) {
	for _, member := range m.Members {
		if member.ID == user {
			return member, member.Status == events.Joined
		}
	}
	return events.Member{}, false
}

// Audience is all who have joined.
func (m Membership) Audience() events.Audience {
	users := make([]uuid.UUID, 0, len(m.Members))
	for _, member := range m.Members {
		if member.Status == events.Joined {
			users = append(users, member.ID)
		}
	}
	return events.Audience{Users: users, Version: m.Version}
}

// Rooms is what is asked for a room's membership. Errors: [ErrRoomNotFound]; any other means that it cannot be said now.
type Rooms interface {
	Membership(ctx context.Context, room uuid.UUID) (Membership, error)
}
