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
	"github.com/ism-chat/ism/services/messages/membership"
)

const source = "/ism/messages"

// sendRequest is the body of POST /api/send-msg. Pointers tell what is missing from what is empty.
type sendRequest struct {
	RoomID *string         `json:"chatRoomId"`
	Type   *string         `json:"msgType"`
	Body   json.RawMessage `json:"msgBody"`
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
	ctx, sender := c.UserContext(), authn.Caller(c)
	members, err := s.mayWrite(ctx, room, sender, what)
	if err != nil {
		return problemOf(err)
	}
	if reply, ok := what.(body.Reply); ok {
		if what, err = s.quote(ctx, members, sender, reply); err != nil {
			return problemOf(err)
		}
	}
	posted, err := s.compose(members, sender, what)
	if err != nil {
		return err
	}
	if err := s.post(ctx, posted); err != nil {
		return problemOf(err)
	}
	return c.JSON(posted.Message)
}

// mayWrite gives the membership of a room in which the sender may say it: a member may, and what the backend says only the backend.
func (s *Service) mayWrite(ctx context.Context, room uuid.UUID, sender authn.Principal, what body.Body) (events.Membership, error) {
	if what.Type() != wire.SystemMessage {
		return s.members.Of(ctx, room, sender.UserID)
	}
	if !sender.Backend {
		return events.Membership{}, forbidden("only the backend sends messages of type SystemMessage")
	}
	members, err := s.members.Room(ctx, room)
	if err == nil && members.Tenant != sender.Tenant {
		err = membership.ErrRoomNotFound
	}
	return members, err
}

// compose makes the event of a message that the sender, who may, sends now. It has the name that the sender's own token says: what is known of the
// members may be older.
func (s *Service) compose(members events.Membership, sender authn.Principal, what body.Body) (events.MessagePosted, error) {
	raw, err := json.Marshal(what)
	if err != nil {
		return events.MessagePosted{}, fmt.Errorf("encode message body: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return events.MessagePosted{}, fmt.Errorf("make message id: %w", err)
	}
	return events.MessagePosted{
		RoomID: members.RoomID,
		Message: wire.Message{
			RoomID: members.RoomID, ID: id, SenderID: sender.UserID, Body: raw, Type: what.Type(), CreatedAt: s.clock.now(),
		},
		Preview:  what.Preview(sender.DisplayName()),
		Audience: members.Audience,
	}, nil
}

// post appends the message to the log, then writes it through to the timeline. Once the log has it, it is sent: what the
// store does not take now, the consumer group writes later.
func (s *Service) post(ctx context.Context, posted events.MessagePosted) error {
	epoch, known := s.log.Epoch()
	if !known {
		return fmt.Errorf("%w: the service is starting", bus.ErrUnavailable)
	}
	message := posted.Message
	event := events.New(source, message.CreatedAt.Time, posted)
	settle := s.timeline.Begin(event.ID)
	defer settle()
	receipt, err := s.append(ctx, event)
	if err != nil {
		return err
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(telemetry.RoomID(message.RoomID), telemetry.MessageID(message.ID))
	}
	// With this line a message's trace is found by its id, and its position by both where the trace was not sampled.
	s.deps.Telemetry.Log.LogAttrs(
		ctx, slog.LevelInfo, "message accepted", slog.String("message_id", message.ID.String()), slog.String("room_id", message.RoomID.String()),
		slog.Int("epoch", int(epoch)), slog.Int("partition", int(receipt.Partition)), slog.Int64("offset", receipt.Offset),
	)
	if receipt.Offset < 0 { // the position is known to who reads the log
		return nil
	}
	// The log has the message, so it is written even where the request's own deadline has passed.
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.WriteThroughTimeout)
	defer cancel()
	if err := s.timeline.WriteThrough(writing, event.ID, message, events.Position{Epoch: epoch, Offset: receipt.Offset}); err != nil {
		s.reportLeftOver(ctx, message, err)
	}
	return nil
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
