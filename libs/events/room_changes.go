package events

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// RoomChanged says that a room has another name or picture.
type RoomChanged struct {
	RoomID uuid.UUID `json:"roomId"`
	// Room is the room as all its members see it from then on.
	Room wire.PublicRoom `json:"room"`
	// ChangedBy is the member who has changed it; nil where the backend has.
	ChangedBy *uuid.UUID `json:"changedBy,omitempty"`
	Audience
}

func (RoomChanged) EventName() string      { return "room.changed" }
func (RoomChanged) Topic() string          { return TopicRooms }
func (e RoomChanged) PartitionKey() string { return e.RoomID.String() }
func (e RoomChanged) InRoom() uuid.UUID    { return e.RoomID }

func (e RoomChanged) validate() error {
	switch {
	case e.RoomID == uuid.Nil:
		return errors.New("roomId is missing")
	case e.Room.ID != e.RoomID:
		return errors.New("room.id is not roomId")
	case !e.Room.Type.Valid():
		return errors.New("room.roomType is unknown")
	}
	return e.Audience.validate()
}

// RoomEnded says that the backend has ended a room: nobody is in it any more. Who was in it before is told by reference where the room is large.
type RoomEnded struct {
	RoomID uuid.UUID `json:"roomId"`
	// Removed are those who were in the room; none of a large room: they are its members as of the version before.
	Removed []uuid.UUID `json:"removed,omitempty"`
	// Tenant is that of the room and of all who were in it.
	Tenant string `json:"tenant,omitempty"`
	// Audience is who is in the room afterwards: nobody.
	Audience
}

func (RoomEnded) EventName() string      { return "room.ended" }
func (RoomEnded) Topic() string          { return TopicRooms }
func (e RoomEnded) PartitionKey() string { return e.RoomID.String() }
func (e RoomEnded) InRoom() uuid.UUID    { return e.RoomID }

func (e RoomEnded) validate() error {
	switch {
	case e.RoomID == uuid.Nil:
		return errors.New("roomId is missing")
	case len(e.Users) > 0:
		return errors.New("somebody is in a room that has ended")
	case e.Version < 2:
		return errors.New("membershipVersion is below 2")
	}
	return nil
}

func (e RoomChanged) payload(at time.Time, _ string) any {
	return wire.RoomChanged{Type: "RoomChanged", Room: e.Room, CreatedAt: wire.At(at)}
}

func (e RoomChanged) own() any {
	return struct {
		Version   int64       `json:"membershipVersion"`
		Users     []uuid.UUID `json:"audience"`
		WholeRoom bool        `json:"wholeRoom,omitempty"`
		RoomID    uuid.UUID   `json:"roomId"`
		ChangedBy *uuid.UUID  `json:"changedBy,omitempty"`
	}{e.Version, append([]uuid.UUID{}, e.Users...), e.WholeRoom, e.RoomID, e.ChangedBy}
}
