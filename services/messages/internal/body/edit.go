package body

import (
	"encoding/json"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
)

// Edit reads the body that a message is to have from now on. A Reply goes on quoting what it has quoted.
func Edit(message wire.Message, raw json.RawMessage) (Body, error) {
	switch {
	case missing(raw):
		return Decode(message.Type, raw)
	case message.Type == wire.Media:
		return editMedia(message, raw)
	case message.Type != wire.Reply:
		return Decode(message.Type, raw)
	}
	var sent struct {
		Text *string `json:"replyText"`
	}
	if err := httpapi.DecodeField(field, raw, &sent); err != nil {
		return nil, err
	}
	text, err := textOf("replyText", sent.Text)
	if err != nil {
		return nil, err
	}
	has, err := stored[Reply](message)
	if err != nil {
		return nil, err
	}
	reply := has.(Reply)
	reply.Text = text
	return reply, nil
}
