package body

import (
	"encoding/json"
	"fmt"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
)

// Edit reads the body that a message is to have from now on. A Reply goes on quoting what it has quoted.
func Edit(message wire.Message, raw json.RawMessage) (Body, error) {
	if message.Type != wire.Reply || missing(raw) {
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
	var reply Reply
	if err := json.Unmarshal(message.Body, &reply); err != nil {
		return nil, fmt.Errorf("decode the body of message %s: %w", message.ID, err)
	}
	reply.Text = text
	return reply, nil
}
