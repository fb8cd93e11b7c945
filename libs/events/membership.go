package events

import (
	"errors"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// Membership is who is in a room, whatever their status, as of a version that counts the changes; it is 1 when the room is created.
// rooms owns it, and answers with it when it is asked.
type Membership struct {
	RoomID  uuid.UUID     `json:"roomId"`
	Version int64         `json:"version"`
	Members []wire.Member `json:"members"` // in the order of joining
	// SinceJoining says that members see of the room's timeline only what came since they joined, see [Standing].
	SinceJoining bool `json:"sinceJoining,omitempty"`
}

// Standing is how a user stands to a room: what part of its timeline the user may read. rooms answers with it when it is asked.
type Standing struct {
	RoomID  uuid.UUID             `json:"roomId"`
	Version int64                 `json:"version"` // of the membership
	UserID  uuid.UUID             `json:"userId"`
	Status  wire.MembershipStatus `json:"status"`
	// From, if set, is the message with which the part begins that the user may read: that of its joining.
	From *uuid.UUID `json:"from,omitempty"`
	// To, if set, is the message with which it ends: that of its leaving.
	To *uuid.UUID `json:"to,omitempty"`
}

// Joined gives the member with the id, and whether it has joined and not left: who is only invited has not.
func (m Membership) Joined(user uuid.UUID) (wire.Member, bool) {
	for _, member := range m.Members {
		if member.ID == user {
			return member, member.Status == wire.Joined
		}
	}
	return wire.Member{}, false
}

// Audience is all who have joined.
func (m Membership) Audience() Audience {
	users := make([]uuid.UUID, 0, len(m.Members))
	for _, member := range m.Members {
		if member.Status == wire.Joined {
			users = append(users, member.ID)
		}
	}
	return Audience{Users: users, Version: m.Version}
}

// Audience says who may see an event of a room, and as of which state of the room's membership.
//
// Readers that deliver must not use an older audience than the newest one that they have seen in the room's log.
type Audience struct {
	// Users are the ids of those who may see the event.
	Users []uuid.UUID `json:"audience"`
	// Version counts the changes of the room's membership; it is 1 when the room is created.
	Version int64 `json:"membershipVersion"`
}

// SeenBy makes every event that embeds an audience tell it, see [RoomEvent].
func (a Audience) SeenBy() Audience { return a }

func (a Audience) validate() error {
	switch {
	case len(a.Users) == 0:
		return errors.New("audience is empty")
	case a.Version < 1:
		return errors.New("membershipVersion is below 1")
	}
	return nil
}
