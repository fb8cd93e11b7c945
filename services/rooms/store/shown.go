package store

import (
	"encoding/hex"

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
}

// Shown gives what is kept of the message's preview.
func (m LatestMessage) Shown() Shown {
	return Shown{Preview: m.Preview, Sender: hex.EncodeToString(m.Sender[:])}
}

// By gives the preview with the name that the sender has now; nil: with that of then.
func (s Shown) By(name *string) *wire.Preview {
	preview := s.Preview
	if name != nil && preview.SenderUsername != "" {
		preview.SenderUsername = *name
	}
	return &preview
}
