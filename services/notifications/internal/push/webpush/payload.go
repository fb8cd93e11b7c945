package webpush

import (
	"encoding/base64"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/internal/push/taker"
)

// Preview says what a push says of a message.
type Preview string

// The previews.
const (
	Full       Preview = "full"   // sender and text
	SenderOnly Preview = "sender" // sender
	Nothing    Preview = "none"   // the room alone
)

// Previews are all that there are.
func Previews() []Preview { return []Preview{Full, SenderOnly, Nothing} }

const (
	// Characters of what people read; JSON may need six bytes for each, and a payload has 3,993.
	maxTitle = 100
	maxText  = 400
)

// payload is what a browser's service worker is handed.
type payload struct {
	Type      string     `json:"type"`
	Title     string     `json:"title,omitempty"`
	Text      string     `json:"text,omitempty"`
	RoomID    *uuid.UUID `json:"roomId,omitempty"`
	MessageID *uuid.UUID `json:"messageId,omitempty"`
	CreatedAt wire.Time  `json:"createdAt"`
	Badge     *int       `json:"badge,omitempty"` // messages that the user has not read, of all rooms
}

func (p Preview) payloadOf(event *taker.Event) payload {
	said := payload{Type: event.Type, CreatedAt: wire.At(event.At)}
	if event.RoomID != uuid.Nil {
		said.RoomID = &event.RoomID
	}
	if event.IsMessage() {
		said.MessageID = &event.MessageID
	}
	if p != Nothing {
		said.Title = clip(event.Title, maxTitle)
	}
	if p == Full {
		said.Text = clip(event.Text, maxText)
	}
	return said
}

// clip gives the beginning of a text, of so many characters.
func clip(text string, most int) string {
	n := 0
	for i := range text {
		if n == most {
			return text[:i] + "…"
		}
		n++
	}
	return text
}

// topicOf names what a newer push replaces while a device is not reached (RFC 8030, section 5.4): at most 32 characters of base64url. Of a room the newest
// is enough.
func topicOf(event *taker.Event) string {
	of := event.RoomID
	if of == uuid.Nil {
		of = event.ID
	}
	return base64.RawURLEncoding.EncodeToString(of[:])
}
