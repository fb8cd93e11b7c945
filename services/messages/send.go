package messages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/body"
	"github.com/ism-chat/ism/services/messages/internal/timeline"
)

const source = "/ism/messages"

// sendRequest is the body of POST /api/send-msg. Pointers tell what is missing from what is empty.
type sendRequest struct {
	RoomID   *string         `json:"chatRoomId"`
	Type     *string         `json:"msgType"`
	Body     json.RawMessage `json:"msgBody"`
	ClientID *string         `json:"clientMsgId"`
}

// parse gives the room of a request, and what is to be said in it.
func (r sendRequest) parse() (room uuid.UUID, what body.Body, err error) {
	switch {
	case r.RoomID == nil:
		return room, nil, httpapi.InvalidRequest("chatRoomId is missing")
	case r.Type == nil:
		return room, nil, httpapi.InvalidRequest("msgType is missing")
	}
	room, ok := httpapi.ParseUUID(*r.RoomID)
	switch {
	case !ok:
		return room, nil, httpapi.InvalidRequest("chatRoomId must be a UUID")
	case *r.Type == string(wire.RoomChange):
		return room, nil, unsupportedType("RoomChange is written by the service alone; Text, Media and Reply can be sent")
	}
	what, err = body.Decode(wire.MessageType(*r.Type), r.Body)
	return room, what, err
}

// utterance is what somebody says in a room, in which it may.
type utterance struct {
	members events.Membership
	sender  authn.Principal
	what    body.Body
	name    string // what the client named it with; "": it did not
}

// send handles POST /api/send-msg.
func (s *Service) send(c *fiber.Ctx) error {
	var request sendRequest
	if err := httpapi.Decode(c, &request); err != nil {
		return err
	}
	room, what, err := request.parse()
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
	said, again, err := s.sayOnce(ctx, utterance{members: members, sender: sender, what: what, name: name})
	if err != nil {
		return problemOf(err)
	}
	if again {
		c.Set(headerReplayed, "true")
	}
	return c.JSON(said)
}

// say says something, and gives the message.
func (s *Service) say(ctx context.Context, u utterance) (wire.Message, error) {
	if reply, ok := u.what.(body.Reply); ok {
		quoting, err := s.quote(ctx, u.members, u.sender, reply)
		if err != nil {
			return wire.Message{}, err
		}
		u.what = quoting
	}
	return s.post(ctx, u)
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
			RoomID: u.members.RoomID, SenderID: u.sender.UserID, Body: encoded, Type: u.what.Type(), CreatedAt: s.clock.now(), ClientID: u.name,
		},
		Preview:  u.what.Preview(u.sender.DisplayName()),
		Audience: u.members.Audience,
	}
	at := posted.Message.CreatedAt.Time
	if u.name != "" {
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

// post appends a message to the log, then writes it through to the timeline, and gives it with its position. Once the log has it, it is sent: what the
// store does not take now, the consumer group writes later.
func (s *Service) post(ctx context.Context, u utterance) (wire.Message, error) {
	epoch, known := s.log.Epoch()
	if !known {
		return wire.Message{}, fmt.Errorf("%w: the service is starting", bus.ErrUnavailable)
	}
	encoded, err := json.Marshal(u.what)
	if err != nil {
		return wire.Message{}, fmt.Errorf("encode message body: %w", err)
	}
	var (
		event  events.Event
		settle = func() {}
	)
	defer func() { settle() }()
	record, err := s.append(ctx, draft{room: u.members.RoomID, size: len(encoded), compose: func() (events.Event, error) {
		if event, err = s.compose(u, encoded); err == nil {
			settle = s.timeline.Begin(event.ID)
		}
		return event, err
	}})
	if err != nil {
		return wire.Message{}, err
	}
	message := event.Data.(events.MessagePosted).Message
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(telemetry.RoomID(message.RoomID), telemetry.MessageID(message.ID))
	}
	// With this line a message's trace is found by its id, and its position by both where the trace was not sampled.
	s.deps.Telemetry.Log.LogAttrs(
		ctx, slog.LevelInfo, "message accepted", slog.String("message_id", message.ID.String()), slog.String("room_id", message.RoomID.String()),
		slog.Int("epoch", int(epoch)), slog.Int("partition", int(record.Partition)), slog.Int64("offset", record.Offset),
	)
	if record.Offset < 0 { // the position is known to who reads the log
		return message, nil
	}
	at := events.Position{Epoch: epoch, Offset: record.Offset}
	// The log has the message, so it is written even where the request's own deadline has passed.
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.WriteThroughTimeout)
	defer cancel()
	if err := s.timeline.WriteThrough(writing, event.ID, message, at); err != nil {
		s.tail.Keep(record) // so that whoever reads here finds it at once
		s.reportLeftOver(ctx, message, err)
	}
	message.Position = at.String()
	return message, nil
}

// reportLeftOver says once in a while that messages are not in the timeline yet: because of an outage, which passes, or because the log has
// lost records, which somebody has to see to.
func (s *Service) reportLeftOver(ctx context.Context, message wire.Message, err error) {
	level, sometimes := slog.LevelWarn, &s.leftOver
	if errors.Is(err, timeline.ErrLogLost) {
		level, sometimes = slog.LevelError, &s.logLost
	}
	sometimes.Do(func() {
		s.deps.Telemetry.Log.Log(ctx, level, "messages are left to the consumer group",
			slog.String("message_id", message.ID.String()), slog.Any("error", err))
	})
}
