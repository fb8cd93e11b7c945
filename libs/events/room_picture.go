package events

import "github.com/google/uuid"

// RoomPicture is what media tells rooms: somebody has uploaded a picture for a room.
type RoomPicture struct {
	RoomID  uuid.UUID `json:"-"`      // in the path
	UserID  uuid.UUID `json:"userId"` // a member of the room, or a backend
	Backend bool      `json:"backend,omitempty"`
	Tenant  string    `json:"tenant,omitempty"` // of a backend; "": any
	URL     string    `json:"imageUrl"`         // where members get it, without a token
}
