package events

import (
	"errors"
	"time"

	"github.com/google/uuid"
)

// Audience says who may see an event of a room, and as of which state of the room's membership.
//
// Readers that deliver must not use an older audience than the newest one that they have seen in the room's log.
type Audience struct {
	// Users are the ids of those who may see the event.
	Users []uuid.UUID `json:"audience"`
	// Version counts the changes of the room's membership; it is 1 when the room is created.
	Version int64 `json:"membershipVersion"`
}

func (a Audience) validate() error {
	switch {
	case len(a.Users) == 0:
		return errors.New("audience is empty")
	case a.Version < 1:
		return errors.New("membershipVersion is below 1")
	}
	return nil
}

// RoomCreated is the first event of a room's log.
type RoomCreated struct {
	RoomID    uuid.UUID `json:"roomId"`
	CreatedBy uuid.UUID `json:"createdBy"`
	// Room is the room as every member sees it, but for a Single room's name and picture: see [RoomCreated.RoomFor].
	Room    Room     `json:"room"`
	Members []Member `json:"members"`
	Audience
}

func (RoomCreated) EventName() string      { return "room.created" }
func (RoomCreated) Topic() string          { return TopicRooms }
func (e RoomCreated) PartitionKey() string { return e.RoomID.String() }

func (e RoomCreated) validate() error {
	switch {
	case e.RoomID == uuid.Nil:
		return errors.New("roomId is missing")
	case e.Room.ID != e.RoomID:
		return errors.New("room.id is not roomId")
	case !e.Room.Type.Valid():
		return errors.New("room.roomType is unknown")
	case len(e.Members) == 0:
		return errors.New("members are missing")
	}
	return e.Audience.validate()
}

// RoomFor is the room as the given member sees it.
func (e RoomCreated) RoomFor(user uuid.UUID) Room { return e.Room.For(user, e.Members) }

// RoomRead says that a member has read the room up to a point in time.
type RoomRead struct {
	RoomID uuid.UUID `json:"roomId"`
	UserID uuid.UUID `json:"userId"`
	ReadAt time.Time `json:"readAt"`
	Audience
}

func (RoomRead) EventName() string      { return "room.read" }
func (RoomRead) Topic() string          { return TopicRooms }
func (e RoomRead) PartitionKey() string { return e.RoomID.String() }

func (e RoomRead) validate() error {
	switch {
	case e.RoomID == uuid.Nil:
		return errors.New("roomId is missing")
	case e.UserID == uuid.Nil:
		return errors.New("userId is missing")
	case e.ReadAt.IsZero():
		return errors.New("readAt is missing")
	}
	return e.Audience.validate()
}

// MessagePosted is a message in a room's log. Its offset there is its place in the room.
type MessagePosted struct {
	RoomID  uuid.UUID `json:"roomId"`
	Message Message   `json:"message"`
	Preview Preview   `json:"preview"`
	Audience
}

func (MessagePosted) EventName() string      { return "message.posted" }
func (MessagePosted) Topic() string          { return TopicRooms }
func (e MessagePosted) PartitionKey() string { return e.RoomID.String() }

func (e MessagePosted) validate() error {
	switch {
	case e.RoomID == uuid.Nil:
		return errors.New("roomId is missing")
	case e.Message.RoomID != e.RoomID:
		return errors.New("message.chatRoomId is not roomId")
	case e.Message.ID == uuid.Nil:
		return errors.New("message.messageId is missing")
	case e.Message.SenderID == uuid.Nil:
		return errors.New("message.senderId is missing")
	case e.Message.CreatedAt.IsZero():
		return errors.New("message.createdAt is missing")
	case len(e.Message.Body) == 0:
		return errors.New("message.msgBody is missing")
	}
	return e.Audience.validate()
}
