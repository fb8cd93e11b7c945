package store

import (
	"encoding/hex"

	"github.com/ism-chat/ism/libs/wire"
)

// Shown is a preview as stores keep it in JSON. The version before this one keeps and reads a [wire.Preview].
type Shown struct {
	wire.Preview
	// Sender is the id in hexadecimal digits, and stands beside the name that the sender had: whoever reads the preview looks for the name of now.
	Sender string `json:"sender,omitempty"`
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
