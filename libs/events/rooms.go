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

// RoomCreated is the first event of a room's log. In a large room it has the first [MaxNamed] members; [MembersJoined] follow with the others.
type RoomCreated struct {
	RoomID    uuid.UUID `json:"roomId"`
	CreatedBy uuid.UUID `json:"createdBy"`
	// Room is the room as every member sees it, but for a Single room's name and picture: see [RoomCreated.RoomFor].
	Room    wire.Room     `json:"room"`
	Members []wire.Member `json:"members"`
	// Tenant is that of the room and of all its members.
	Tenant string `json:"tenant,omitempty"`
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

// RoomRead says up to where a member has read the room, by a mark of its own. What a member sends it has read, and no event says so.
type RoomRead struct {
	RoomID uuid.UUID `json:"roomId"`
	UserID uuid.UUID `json:"userId"`
	ReadAt wire.Time `json:"readAt"`
	// UnreadCount is how many messages are unread for the member as of UnreadAsOf: all that count, whichever marks came before. Of two events the
	// one with the newer UnreadAsOf is right, and of two with the same the later one. nil in records of older builds.
	UnreadCount *int   `json:"unreadCount,omitempty"`
	UnreadAsOf  string `json:"unreadAsOf,omitempty"` // as [Position.String] gives it
	// MessageID is the message up to which the member has read, if others may know.
	MessageID *uuid.UUID `json:"messageId,omitempty"`
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
	// Pace is that of the room when the message was sent, as its sender knew it. Stores may place the message by it.
	Pace Pace `json:"pace,omitempty"`
	// Expires is when the message goes, by the retention of when it was sent; nil: never.
	Expires *wire.Time `json:"expiresAt,omitempty"`
	Audience
}

func (MessagePosted) EventName() string      { return "message.posted" }
func (MessagePosted) Topic() string          { return TopicRooms }
func (e MessagePosted) PartitionKey() string { return e.RoomID.String() }
func (e MessagePosted) InRoom() uuid.UUID    { return e.RoomID }

// InTimeline implements [TimelineEvent].
func (e MessagePosted) InTimeline() (wire.Message, wire.Preview) { return e.Message, e.Preview }

func (e MessagePosted) validate() error {
	if err := validTimelineEvent(e); err != nil {
		return err
	}
	return e.Audience.validate()
}

// MembershipChanged says that a user has joined a room, or left it. It is a message of the room's timeline, and its offset the message's position.
type MembershipChanged struct {
	RoomID uuid.UUID   `json:"roomId"`
	Change wire.Change `json:"change"`
	// Member is the user, as of after the change.
	Member  wire.Member  `json:"member"`
	Message wire.Message `json:"message"` // of type [wire.RoomChange]
	Preview wire.Preview `json:"preview"`
	// Room is the room as the user sees it who has joined; nil where somebody has left.
	Room *wire.Room `json:"room,omitempty"`
	// Ended says that nobody is in the room any more: a Single room that one has left, a Group whose last member has.
	Ended bool `json:"ended,omitempty"`
	// Removed are others who are in the room no longer, with the end of a Single room.
	Removed []uuid.UUID `json:"removed,omitempty"`
	// Tenant is that of the room and of all its members.
	Tenant string `json:"tenant,omitempty"`
	// Audience is who is in the room after the change: nobody where it has ended. The change that makes a room large names all of its members.
	Audience
}

func (MembershipChanged) EventName() string      { return "membership.changed" }
func (MembershipChanged) Topic() string          { return TopicRooms }
func (e MembershipChanged) PartitionKey() string { return e.RoomID.String() }
func (e MembershipChanged) InRoom() uuid.UUID    { return e.RoomID }

// InTimeline implements [TimelineEvent].
func (e MembershipChanged) InTimeline() (wire.Message, wire.Preview) { return e.Message, e.Preview }

func (e MembershipChanged) validate() error {
	if err := validTimelineEvent(e); err != nil {
		return err
	}
	switch {
	case e.Change != wire.Join && e.Change != wire.Leave:
		return errors.New("change is neither JOIN nor LEAVE")
	case e.Member.ID == uuid.Nil:
		return errors.New("member.id is missing")
	case e.Change == wire.Join && (e.Room == nil || e.Room.ID != e.RoomID):
		return errors.New("room is missing or another one")
	case e.Ended && len(e.Users) == 0 && e.Version > 1:
		return nil // nobody is left
	}
	return e.Audience.validate()
}

// TimelineEvent is an event of a room's log that is a message of the room's timeline. Its offset is the message's position.
type TimelineEvent interface {
	RoomEvent
	// InTimeline is the message, and the line that a room list shows of it.
	InTimeline() (wire.Message, wire.Preview)
}

func validTimelineEvent(e TimelineEvent) error {
	message, _ := e.InTimeline()
	return validMessage(e.InRoom(), message)
}

func validMessage(room uuid.UUID, message wire.Message) error {
	switch {
	case room == uuid.Nil:
		return errors.New("roomId is missing")
	case message.RoomID != room:
		return errors.New("message.chatRoomId is not roomId")
	case message.ID == uuid.Nil:
		return errors.New("message.messageId is missing")
	case message.SenderID == uuid.Nil:
		return errors.New("message.senderId is missing")
	case message.CreatedAt.IsZero():
		return errors.New("message.createdAt is missing")
	case len(message.Body) == 0:
		return errors.New("message.msgBody is missing")
	}
	return nil
}
