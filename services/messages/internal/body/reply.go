package body

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
)

// ErrNotQuotable says that nobody can reply to a message of the type.
var ErrNotQuotable = errors.New("a message of this type cannot be quoted")

// Reply is a text about another message of the room. It names that by its id; all else of it follows with [Reply.Quoting].
type Reply struct{ wire.ReplyBody }

func (Reply) Type() wire.MessageType { return wire.Reply }

func (r Reply) Preview(sender string) wire.Preview { return wire.ReplyPreview(sender, r.Text) }

// Quoting gives the reply with the message that it quotes. Errors: [ErrNotQuotable].
func (r Reply) Quoting(message wire.Message) (Reply, error) {
	details, err := quoted(message)
	if err != nil {
		return Reply{}, err
	}
	r.MessageID, r.SenderID, r.ReplyBody.Type, r.CreatedAt, r.Details = message.ID, message.SenderID, message.Type, message.CreatedAt, details
	return r, nil
}

// quoted is what a reply says of a message. Of a reply it is the text alone: else each would hold all those before it.
func quoted(message wire.Message) (json.RawMessage, error) {
	switch message.Type {
	case wire.Text, wire.Media, wire.SystemMessage:
		return message.Body, nil
	case wire.Reply:
		var reply wire.ReplyBody
		if err := json.Unmarshal(message.Body, &reply); err != nil {
			return nil, fmt.Errorf("decode the body of message %s: %w", message.ID, err)
		}
		details, err := json.Marshal(wire.ReplyDetails{Text: reply.Text})
		if err != nil {
			return nil, fmt.Errorf("encode what is quoted of message %s: %w", message.ID, err)
		}
		return details, nil
	default:
		return nil, ErrNotQuotable
	}
}

func decodeReply(raw json.RawMessage) (Body, error) {
	var sent struct {
		MessageID *string `json:"replyMsgId"`
		CreatedAt *string `json:"replyCreatedAt"`
		Text      *string `json:"replyText"`
	}
	if err := httpapi.DecodeField(field, raw, &sent); err != nil {
		return nil, err
	}
	if sent.MessageID == nil {
		return nil, httpapi.InvalidRequest("msgBody.replyMsgId is missing")
	}
	id, ok := httpapi.ParseUUID(*sent.MessageID)
	if !ok || id == uuid.Nil {
		return nil, httpapi.InvalidRequest("msgBody.replyMsgId must be a UUID")
	}
	// Old clients say the time, with three, six or nine decimals. The message is found by its id.
	if sent.CreatedAt != nil {
		if _, err := time.Parse(time.RFC3339Nano, *sent.CreatedAt); err != nil {
			return nil, httpapi.InvalidRequest("msgBody.replyCreatedAt must be an RFC 3339 time")
		}
	}
	text, err := textOf("replyText", sent.Text)
	return Reply{wire.ReplyBody{MessageID: id, Text: text}}, err
}
