package store

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// Revised is the entry of a message at a position with the content that the record at by gave it.
func Revised(message wire.Message, at, by events.Position) Entry {
	entry := Entry{Position: at, Revision: by, EditedAt: timeOf(message.EditedAt), DeletedAt: timeOf(message.DeletedAt)}
	if message.DeletedAt != nil {
		message.Mentions = nil
	}
	message.EditedAt, message.DeletedAt, message.Position = nil, nil, ""
	entry.Message = message
	return entry
}

// Whole is the message with when it was edited and deleted.
func (e Entry) Whole() wire.Message {
	message := e.Message
	message.EditedAt, message.DeletedAt = wireTime(e.EditedAt), wireTime(e.DeletedAt)
	return message
}

// Expired reports whether the entry's time is over.
func (e Entry) Expired(now time.Time) bool { return !e.Expires.IsZero() && !e.Expires.After(now) }

// Lasting gives the entries that have not expired.
func Lasting(entries []Entry, now time.Time) []Entry {
	expired := func(e Entry) bool { return e.Expired(now) }
	if !slices.ContainsFunc(entries, expired) {
		return entries
	}
	return slices.DeleteFunc(slices.Clone(entries), expired)
}

// MadeBy is the position of the record that made the entry's content.
func (e Entry) MadeBy() events.Position {
	if e.Revision == (events.Position{}) {
		return e.Position
	}
	return e.Revision
}

// Involves reports whether a user has written the entry, or is mentioned by it, or is quoted by it, a reply.
func (e Entry) Involves(user uuid.UUID) bool {
	return e.Message.SenderID == user || slices.Contains(e.ReferredTo(), user)
}

// ReferredTo gives the users whom the entry quotes and mentions, some perhaps twice. What cannot be read quotes nobody.
func (e Entry) ReferredTo() []uuid.UUID {
	if e.Message.Type != wire.Reply {
		return e.Message.Mentions
	}
	var reply struct {
		SenderID uuid.UUID `json:"replySenderId"`
	}
	if err := json.Unmarshal(e.Message.Body, &reply); err != nil || reply.SenderID == uuid.Nil {
		return e.Message.Mentions
	}
	return append(slices.Clip(e.Message.Mentions), reply.SenderID)
}

func timeOf(at *wire.Time) time.Time {
	if at == nil {
		return time.Time{}
	}
	return at.Time
}

func wireTime(at time.Time) *wire.Time {
	if at.IsZero() {
		return nil
	}
	whole := wire.At(at)
	return &whole
}
