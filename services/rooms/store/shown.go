package store

import (
	"encoding/hex"
	"time"

	"github.com/ism-chat/ism/libs/wire"
)

// Shown is a preview as stores keep it in JSON. Versions before this one read as much of it as they know.
type Shown struct {
	wire.Preview
	// Sender is the id in hexadecimal digits, and stands beside the name that the sender had: whoever reads the preview looks for the name of now.
	Sender string `json:"sender,omitempty"`
	// RevisedBy is the position of the edit or the deletion that made the preview, as [events.Position.String] gives it; empty: the message as it was sent.
	RevisedBy string `json:"revisedBy,omitempty"`
	Deleted   bool   `json:"deleted,omitempty"` // the message, for good
	// Expires is when the message goes; zero: never, or nobody has said so.
	Expires time.Time `json:"expires,omitzero"`
}

// Shown gives what is kept of the message's preview.
func (m LatestMessage) Shown() Shown {
	return Shown{Preview: m.Preview, Sender: hex.EncodeToString(m.Sender[:]), Expires: m.Expires}
}

// By gives the preview with the name that the sender has now; nil: with that of then. Of a message that has expired by now it is that of a room without any.
func (s Shown) By(name *string, now time.Time) *wire.Preview {
	preview := s.Preview
	if !s.Expires.IsZero() && !s.Expires.After(now) {
		preview = wire.NewRoomPreview()
	}
	if name != nil && preview.SenderUsername != "" {
		preview.SenderUsername = *name
	}
	return &preview
}
