package body

import (
	"bytes"
	"encoding/json"

	"github.com/ism-chat/ism/libs/wire"
)

// Says reports whether a message says what a body does, as it must where a send is tried again. A reply quotes the message as it was when it was
// sent first.
func Says(message wire.Message, what Body) bool {
	if message.Type != what.Type() {
		return false
	}
	switch what := what.(type) {
	case Text:
		return says(message, func(sent wire.TextBody) bool { return sent == what.TextBody })
	case Media:
		return says(message, what.says)
	case Reply:
		return says(message, func(sent wire.ReplyBody) bool { return sent.MessageID == what.MessageID && sent.Text == what.Text })
	case System:
		return says(message, func(sent wire.SystemBody) bool { return sent.Text == what.Text && sameData(sent.Data, what.Data) })
	default:
		return false
	}
}

func says[T any](message wire.Message, same func(sent T) bool) bool {
	var sent T
	return json.Unmarshal(message.Body, &sent) == nil && same(sent)
}

// sameData compares objects as messages have them: without white space between their parts, and some characters escaped.
func sameData(a, b json.RawMessage) bool {
	return bytes.Equal(asWritten(a), asWritten(b))
}

func asWritten(data json.RawMessage) []byte {
	if len(data) == 0 {
		return nil
	}
	written, err := json.Marshal(data)
	if err != nil {
		return data
	}
	return written
}
