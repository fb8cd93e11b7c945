// Package body reads the bodies of messages as clients send them: a decoder for each type of the wire that somebody may send.
//
// What it gives is valid, and complete but for a [Reply], which needs the message that it quotes, and a [Media] that names a medium. Lengths are counted in characters. Texts are kept
// as they are. Fields that it does not know belong to newer clients and are passed over. All of its errors are problems that may be answered with,
// invalid-request or malformed-json.
package body

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
)

// Limits of the fields, characters.
const (
	MaxText        = 4000
	maxURL         = 250
	maxMediaType   = 80
	maxMIMEType    = 255 // RFC 6838, section 4.2: 127 on both sides of the slash
	maxAlternative = 1000
)

// MaxData is the size of a SystemMessage's data, bytes.
const MaxData = 8 << 10

// Body is what a message says. Encoded with encoding/json it is the msgBody of the [wire.Message].
type Body interface {
	Type() wire.MessageType
	// Preview is the line that a list of rooms shows of it.
	Preview(sender string) wire.Preview
}

// Text is a text.
type Text struct{ wire.TextBody }

// System is what the backend says in a room.
type System struct{ wire.SystemBody }

func (Text) Type() wire.MessageType   { return wire.Text }
func (System) Type() wire.MessageType { return wire.SystemMessage }

func (t Text) Preview(sender string) wire.Preview { return wire.TextPreview(sender, t.Text) }

// Preview is that of a text: old clients know no other.
func (s System) Preview(sender string) wire.Preview { return wire.TextPreview(sender, s.Text) }

// Refers reports whether a body is not complete before what it names has been found.
func Refers(what Body) bool {
	switch what := what.(type) {
	case Reply:
		return true
	case Media:
		return what.ID != uuid.Nil
	default:
		return false
	}
}

// Decode reads the body of a message of a type; raw is the msgBody of a request that [httpapi.Decode] has let through.
func Decode(kind wire.MessageType, raw json.RawMessage) (Body, error) {
	if missing(raw) {
		return nil, httpapi.InvalidRequest("msgBody is missing")
	}
	switch kind {
	case wire.Text:
		return decodeText(raw)
	case wire.Media:
		return decodeMedia(raw)
	case wire.Reply:
		return decodeReply(raw)
	case wire.SystemMessage:
		return decodeSystem(raw)
	default:
		return nil, httpapi.InvalidRequest("msgType is unknown; Text, Media, Reply and, by a backend, SystemMessage can be sent")
	}
}

func missing(raw json.RawMessage) bool { return raw == nil || string(raw) == "null" }

// field is the name of what is read, in errors.
const field = "msgBody"

func decodeText(raw json.RawMessage) (Body, error) {
	var sent struct {
		Text *string `json:"text"`
	}
	if err := httpapi.DecodeField(field, raw, &sent); err != nil {
		return nil, err
	}
	text, err := textOf("text", sent.Text)
	return Text{wire.TextBody{Text: text}}, err
}

func decodeSystem(raw json.RawMessage) (Body, error) {
	var sent struct {
		Text *string         `json:"text"`
		Data json.RawMessage `json:"data"`
	}
	if err := httpapi.DecodeField(field, raw, &sent); err != nil {
		return nil, err
	}
	text, err := textOf("text", sent.Text)
	switch {
	case err != nil:
		return nil, err
	case string(sent.Data) == "null":
		sent.Data = nil
	case sent.Data != nil && sent.Data[0] != '{':
		return nil, httpapi.InvalidRequest("msgBody.data must be an object")
	case len(sent.Data) > MaxData:
		return nil, httpapi.InvalidRequest(fmt.Sprintf("msgBody.data is longer than %d bytes", MaxData))
	}
	return System{wire.SystemBody{Text: text, Data: sent.Data}}, nil
}

// textOf gives a text that a message shows.
func textOf(name string, value *string) (string, error) {
	text, err := required(name, value, MaxText)
	if err == nil && strings.TrimSpace(text) == "" {
		err = httpapi.InvalidRequest(fmt.Sprintf("msgBody.%s is empty or white space", name))
	}
	return text, err
}

// required gives the value of a field that must have one.
func required(name string, value *string, most int) (string, error) {
	switch {
	case value == nil:
		return "", httpapi.InvalidRequest(fmt.Sprintf("msgBody.%s is missing", name))
	case *value == "":
		return "", httpapi.InvalidRequest(fmt.Sprintf("msgBody.%s is empty", name))
	}
	return optional(name, value, most)
}

// optional gives the value of a field, or nothing.
func optional(name string, value *string, most int) (string, error) {
	switch {
	case value == nil:
		return "", nil
	case utf8.RuneCountInString(*value) > most:
		return "", httpapi.InvalidRequest(fmt.Sprintf("msgBody.%s is longer than %d characters", name, most))
	}
	return *value, nil
}
