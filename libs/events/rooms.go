package events

import (
	"errors"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// RoomEvent is an event of a room's log. Every event with the topic [TopicRooms] is one, so that readers who follow memberships see the
// version of each, also of kinds that they do not handle.
type RoomEvent interface {
	Data
	// InRoom is the id of the room whose log the event is in.
	InRoom() uuid.UUID
	// SeenBy is who may see the event, as of which version of the room's membership.
	SeenBy() Audience
}

// RoomCreated is the first event of a room's log.
type RoomCreated struct {
	RoomID    uuid.UUID `json:"roomId"`
	CreatedBy uuid.UUID `json:"createdBy"`
	// Room is the room as every member sees it, but for a Single room's name and picture: see [RoomCreated.RoomFor].
	Room    wire.Room     `json:"room"`
	Members []wire.Member `json:"members"`
	Audience
}

func (RoomCreated) EventName() string      { return "room.created" }
func (RoomCreated) Topic() string          { return TopicRooms }
func (e RoomCreated) PartitionKey() string { return e.RoomID.String() }
func (e RoomCreated) InRoom() uuid.UUID    { return e.RoomID }

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

// Membership is the room's first membership.
func (e RoomCreated) Membership() Membership {
	return Membership{RoomID: e.RoomID, Version: e.Version, Members: e.Members}
}

// WithoutNames is the event of a Group's creation as it is written where many members with long names and pictures would make it too large
// for the log: its members have no name and no picture. rooms has them.
func (e RoomCreated) WithoutNames() RoomCreated {
	members := make([]wire.Member, len(e.Members))
	for i, member := range e.Members {
		member.DisplayName, member.ProfilePicture = "", nil
		members[i] = member
	}
	e.Members = members
	return e
}

// RoomFor is the room as the given member sees it.
func (e RoomCreated) RoomFor(user uuid.UUID) wire.Room { return e.Room.For(user, e.Members) }

// RoomRead says that a member has read the room up to a point in time.
type RoomRead struct {
	RoomID uuid.UUID `json:"roomId"`
	UserID uuid.UUID `json:"userId"`
	ReadAt wire.Time `json:"readAt"`
	Audience
}

func (RoomRead) EventName() string      { return "room.read" }
func (RoomRead) Topic() string          { return TopicRooms }
func (e RoomRead) PartitionKey() string { return e.RoomID.String() }
func (e RoomRead) InRoom() uuid.UUID    { return e.RoomID }

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

// MessagePosted is a message in a room's log. Its offset there is its position in the room.
type MessagePosted struct {
	RoomID  uuid.UUID    `json:"roomId"`
	Message wire.Message `json:"message"`
	Preview wire.Preview `json:"preview"`
	Audience
}

func (MessagePosted) EventName() string      { return "message.posted" }
func (MessagePosted) Topic() string          { return TopicRooms }
func (e MessagePosted) PartitionKey() string { return e.RoomID.String() }
func (e MessagePosted) InRoom() uuid.UUID    { return e.RoomID }

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
