package client

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// Draft is a message that is to be sent once.
type Draft struct {
	Room     uuid.UUID
	Type     wire.MessageType
	Body     any         // as the type has it: a [wire.TextBody], a [wire.MediaBody], an [Answer] of a reply, by a backend a [wire.SystemBody]
	Mentions []uuid.UUID // members of the room, at most 50
	// Name is what the server knows the send by for a day: its Idempotency-Key and clientMsgId, 1 to 255 characters. Give it one that outlives
	// the process where the send must; "" is a new UUID.
	Name string
}

// namedFor is how long a send is tried: the server knows names for a day at least, and behind that would send again.
const namedFor = 23 * time.Hour

// NotConfirmed is a send of which it is not known whether the message was sent: the context has ended before the server has said it, or the
// server has refused what an attempt before may have sent. SendOnce with the same name, within a day, finds out and sends it if it was not.
type NotConfirmed struct {
	Name string
	Err  error
}

func (n *NotConfirmed) Error() string {
	return fmt.Sprintf("it is not known whether the message %q was sent: %v", n.Name, n.Err)
}
func (n *NotConfirmed) Unwrap() error { return n.Err }

// SendOnce sends a message once, however often that has to be tried: until the server has taken or refused it, or the context ends. Attempts that get
// no answer, or one that is [Temporary], are made again under the same name, after up to half a second, which doubles up to 20 s, behind what Retry-After
// says. The error is [NotConfirmed] where it is not known whether the message was sent, and anything else, mostly a [Problem], where it was not.
func (c *Client) SendOnce(ctx context.Context, draft Draft) (wire.Message, error) {
	if draft.Name == "" {
		draft.Name = uuid.NewString()
	}
	ctx, cancel := context.WithTimeout(ctx, namedFor)
	defer cancel()
	kept, unsure := c.KeepingToken(), false
	var sent wire.Message
	err := persist(ctx, func(ctx context.Context) error {
		var err error
		sent, err = kept.sendNamed(ctx, draft)
		unsure = unsure || err != nil && !outcomeKnown(err)
		return err
	})
	if err != nil && unsure {
		return wire.Message{}, &NotConfirmed{Name: draft.Name, Err: err}
	}
	return sent, err
}

func (c *Client) sendNamed(ctx context.Context, draft Draft) (wire.Message, error) {
	request, err := c.request(ctx, http.MethodPost, "/api/send-msg", sendRequest{
		RoomID: draft.Room, Type: draft.Type, Body: draft.Body, ClientID: draft.Name, Mentions: draft.Mentions,
	})
	if err != nil {
		return wire.Message{}, err
	}
	if fitsHeader(draft.Name) { // the body has it in any case
		request.Header.Set("Idempotency-Key", `"`+draft.Name+`"`)
	}
	var sent wire.Message
	if _, err := c.answer(request, &sent); err != nil {
		return wire.Message{}, err
	}
	if sent.ID == uuid.Nil {
		return wire.Message{}, &BadAnswer{Status: http.StatusOK, ContentType: "application/json", Reason: "it is no message"}
	}
	return sent, nil
}

// fitsHeader reports whether a name can stand in quotes as it is (RFC 9651, section 3.3.3).
func fitsHeader(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}
