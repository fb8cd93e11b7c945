package messages

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/body"
)

const source = "/ism/messages"

// referTimeout is how long a message may take to find whom it mentions, what it shows or quotes, and what its sender may read of that.
const referTimeout = time.Second

// sendRequest is the body of POST /api/send-msg. Pointers tell what is missing from what is empty.
type sendRequest struct {
	RoomID   *string         `json:"chatRoomId"`
	Type     *string         `json:"msgType"`
	Body     json.RawMessage `json:"msgBody"`
	ClientID *string         `json:"clientMsgId"`
	Mentions []*string       `json:"mentions"`
}

// parse gives the room of a request, what is to be said in it, and whom that mentions.
func (r sendRequest) parse() (room uuid.UUID, what body.Body, mentions []uuid.UUID, err error) {
	switch {
	case r.RoomID == nil:
		return room, nil, nil, httpapi.InvalidRequest("chatRoomId is missing")
	case r.Type == nil:
		return room, nil, nil, httpapi.InvalidRequest("msgType is missing")
	}
	room, ok := httpapi.ParseUUID(*r.RoomID)
	switch {
	case !ok:
		return room, nil, nil, httpapi.InvalidRequest("chatRoomId must be a UUID")
	case *r.Type == string(wire.RoomChange):
		return room, nil, nil, unsupportedType("RoomChange is written by the service alone; Text, Media and Reply can be sent")
	}
	if what, err = body.Decode(wire.MessageType(*r.Type), r.Body); err != nil {
		return room, nil, nil, err
	}
	mentions, err = parseMentions(r.Mentions)
	return room, what, mentions, err
}

// utterance is what somebody says in a room, in which it may.
type utterance struct {
	members  events.Membership
	sender   authn.Principal
	what     body.Body
	mentions []uuid.UUID   // each once
	name     string        // what the client named it with; "": it did not
	keep     time.Duration // for how long the room keeps it, as far as is known; 0: for ever
}

// send handles POST /api/send-msg.
func (s *Service) send(c *fiber.Ctx) error {
	var request sendRequest
	if err := httpapi.Decode(c, &request); err != nil {
		return err
	}
	room, what, mentions, err := request.parse()
	if err != nil {
		return err
	}
	name, err := nameOf(c, request.ClientID)
	if err != nil {
		return err
	}
	ctx, sender := c.UserContext(), authn.Caller(c)
	members, err := s.mayWrite(ctx, room, sender, what)
	if err != nil {
		return problemOf(err)
	}
	said, again, err := s.sayOnce(ctx, utterance{members: members, sender: sender, what: what, mentions: mentions, name: name})
	if err != nil {
		return problemOf(err)
	}
	if again {
		c.Set(headerReplayed, "true")
	}
	reached(duringAnswer)
	return c.JSON(said)
}

// say says something, and gives the message.
func (s *Service) say(ctx context.Context, u utterance) (wire.Message, error) {
	what, err := s.refer(ctx, u)
	if err != nil {
		return wire.Message{}, err
	}
	u.what = what
	return s.post(ctx, u)
}

// refer gives what is said, complete: those whom it mentions are members, and it has what it quotes or shows.
func (s *Service) refer(ctx context.Context, u utterance) (body.Body, error) {
	if !body.Refers(u.what) && len(u.mentions) == 0 {
		return u.what, nil
	}
	ctx, cancel := context.WithTimeout(ctx, referTimeout)
	defer cancel()
	if err := s.mentionable(ctx, u.members, u.mentions); err != nil {
		return u.what, err
	}
	switch what := u.what.(type) {
	case body.Reply:
		return s.quote(ctx, u.members, u.sender, what)
	case body.Media:
		if what.ID != uuid.Nil {
			return s.show(ctx, u, what)
		}
	}
	return u.what, nil
}

// mayWrite gives the membership of a room in which the sender may say it: a member may, and what the backend says only the backend.
func (s *Service) mayWrite(ctx context.Context, room uuid.UUID, sender authn.Principal, what body.Body) (events.Membership, error) {
	if what.Type() != wire.SystemMessage {
		return s.members.Of(ctx, room, sender.UserID)
	}
	if !sender.Backend {
		return events.Membership{}, forbidden("only the backend sends messages of type SystemMessage")
	}
	return s.ofTenant(ctx, room, sender.Tenant)
}

// compose makes the event of a message that is said now. It has the name that the sender's own token says: what is known of the members may be
// older. The event that a client has named has the ids that follow from the name.
func (s *Service) compose(u utterance, encoded json.RawMessage) (event events.Event, err error) {
	posted := events.MessagePosted{
		RoomID: u.members.RoomID,
		Message: wire.Message{
			RoomID: u.members.RoomID, SenderID: u.sender.UserID, Body: encoded, Type: u.what.Type(), CreatedAt: s.clock.now(),
			ClientID: u.name, Mentions: u.mentions,
		},
		Preview:  u.what.Preview(u.sender.DisplayName()),
		Pace:     s.paces.Of(u.members.RoomID),
		Audience: u.members.Audience,
	}
	posted.Expires = expiryOf(posted.Message, u.keep)
	at := posted.Message.CreatedAt.Time
	if u.isNamed() {
		name := u.named()
		posted.Message.ID = name.Message(at)
		event = events.New(source, at, posted)
		event.ID = name.Event(at)
		return event, nil
	}
	if posted.Message.ID, err = uuid.NewV7(); err != nil {
		return events.Event{}, fmt.Errorf("make message id: %w", err)
	}
	return events.New(source, at, posted), nil
}

// post appends a message to the log and writes it through to the timeline, and gives it with its position.
func (s *Service) post(ctx context.Context, u utterance) (wire.Message, error) {
	encoded, err := json.Marshal(u.what)
	if err != nil {
		return wire.Message{}, fmt.Errorf("encode message body: %w", err)
	}
	u.keep = s.kept.Foreseen(ctx, u.members.RoomID)
	event, at, known, err := s.commit(ctx, draft{room: u.members.RoomID, size: len(encoded) + len(u.mentions)*mentionSize, compose: func() (events.Event, error) {
		return s.compose(u, encoded)
	}})
	if err != nil {
		return wire.Message{}, err
	}
	message := messageOf(event)
	if known {
		message.Position = at.String()
	}
	return message, nil
}

// expiryOf is when a message goes that is kept for so long, as events say it: nil for ever.
func expiryOf(message wire.Message, keep time.Duration) *wire.Time {
	if keep == 0 {
		return nil
	}
	at := wire.At(message.CreatedAt.Add(keep))
	return &at
}
