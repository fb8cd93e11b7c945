package events

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// Revision is another content of a message that is in a room's timeline. The message stays where it is: the offset of a revision's record is no
// position of a message. Of two revisions the one that is later in the log is right, except that a deletion is final.
type Revision struct {
	RoomID uuid.UUID `json:"roomId"`
	// Message is the whole message as it is from then on, with its position.
	Message wire.Message `json:"message"`
	Preview wire.Preview `json:"roomPreviewText"` // where the message is the room's latest
	// Pace is that of the message, see [MessagePosted].
	Pace Pace `json:"pace,omitempty"`
	// Expires is when the message goes, by the retention of when it was revised; nil: never, and where nothing of it is left to show.
	Expires *wire.Time `json:"expiresAt,omitempty"`
	Audience
}

// RevisionEvent is an event of a room's log that is a [Revision].
type RevisionEvent interface {
	RoomEvent
	// Revises is what it makes of which message.
	Revises() Revision
}

// Topic makes every event that embeds a revision one of the rooms' log.
func (Revision) Topic() string { return TopicRooms }

// PartitionKey keeps a revision behind the message that it revises.
func (r Revision) PartitionKey() string { return r.RoomID.String() }

// InRoom implements [RoomEvent].
func (r Revision) InRoom() uuid.UUID { return r.RoomID }

// Revises implements [RevisionEvent].
func (r Revision) Revises() Revision { return r }

// At is the position of the message: every event that can be encoded, or was decoded, has one.
func (r Revision) At() Position {
	at, _ := ParsePosition(r.Message.Position)
	return at
}

func (r Revision) validate() error {
	if err := validMessage(r.RoomID, r.Message); err != nil {
		return err
	}
	if at, err := ParsePosition(r.Message.Position); err != nil || at == StartOfLog {
		return errors.New("message.position is missing or none")
	}
	return r.Audience.validate()
}

func (r Revision) own() any {
	return struct {
		Version   int64       `json:"membershipVersion"`
		Users     []uuid.UUID `json:"audience"`
		WholeRoom bool        `json:"wholeRoom,omitempty"`
		RoomID    uuid.UUID   `json:"roomId"`
		Pace      Pace        `json:"pace,omitempty"`
		Expires   *wire.Time  `json:"expiresAt,omitempty"`
	}{r.Version, append([]uuid.UUID{}, r.Users...), r.WholeRoom, r.RoomID, r.Pace, r.Expires}
}

// MessageEdited says that a message's author, or the backend, has given it another body, or that a user who was deleted has been taken out of it.
type MessageEdited struct{ Revision }

func (MessageEdited) EventName() string { return "message.edited" }

func (e MessageEdited) validate() error {
	switch {
	case e.Message.EditedAt == nil:
		return errors.New("message.editedAt is missing")
	case e.Message.DeletedAt != nil:
		return errors.New("message.deletedAt is there")
	}
	return e.Revision.validate()
}

func (e MessageEdited) payload(at time.Time, position string) any {
	return wire.MessageEdited{Type: "MessageEdited", Message: e.Message, Preview: e.Preview, CreatedAt: wire.At(at), Position: position}
}

// MessageDeleted says that a message's author, or the backend, has deleted it. Its body is a [wire.DeletedBody].
type MessageDeleted struct{ Revision }

func (MessageDeleted) EventName() string { return "message.deleted" }

func (e MessageDeleted) validate() error {
	if e.Message.DeletedAt == nil {
		return errors.New("message.deletedAt is missing")
	}
	return e.Revision.validate()
}

func (e MessageDeleted) payload(at time.Time, position string) any {
	return wire.MessageDeleted{Type: "MessageDeleted", Message: e.Message, Preview: e.Preview, CreatedAt: wire.At(at), Position: position}
}
