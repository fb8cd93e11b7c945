package messages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/timeline"
)

const (
	source        = "/ism/messages"
	maxTextLength = 4000 // characters
)

// wireTypes are the message types of the ISM wire; those but Text are not taken yet.
var wireTypes = []string{"Text", "Media", "Reply", "RoomChange"}

// sendRequest is the body of POST /api/send-msg. Pointers tell what is missing from what is empty.
type sendRequest struct {
	RoomID *string `json:"chatRoomId"`
	Type   *string `json:"msgType"`
	Body   *struct {
		Text *string `json:"text"`
	} `json:"msgBody"`
}

// text gives the room and the text of a request that is a valid [wire.Text] message.
func (r sendRequest) text() (room uuid.UUID, body wire.TextBody, err error) {
	switch {
	case r.RoomID == nil:
		return room, body, httpapi.InvalidRequest("chatRoomId is missing")
	case r.Type == nil:
		return room, body, httpapi.InvalidRequest("msgType is missing")
	}
	room, ok := httpapi.ParseUUID(*r.RoomID)
	switch {
	case !ok:
		return room, body, httpapi.InvalidRequest("chatRoomId must be a UUID")
	case !slices.Contains(wireTypes, *r.Type):
		return room, body, httpapi.InvalidRequest("msgType is unknown; Text is supported")
	case *r.Type != string(wire.Text):
		return room, body, unsupportedType("messages of type " + *r.Type + " are not supported; Text is")
	case r.Body == nil:
		return room, body, httpapi.InvalidRequest("msgBody is missing")
	case r.Body.Text == nil:
		return room, body, httpapi.InvalidRequest("msgBody.text is missing")
	}
	text := *r.Body.Text
	switch {
	case utf8.RuneCountInString(text) > maxTextLength:
		return room, body, httpapi.InvalidRequest(fmt.Sprintf("msgBody.text is longer than %d characters", maxTextLength))
	case strings.TrimSpace(text) == "":
		return room, body, httpapi.InvalidRequest("msgBody.text is empty or white space")
	case strings.ContainsRune(text, 0):
		return room, body, httpapi.InvalidRequest("msgBody.text contains a NUL character")
	}
	return room, wire.TextBody{Text: text}, nil
}

// send handles POST /api/send-msg.
func (s *Service) send(c *fiber.Ctx) error {
	var request sendRequest
	if err := httpapi.Decode(c, &request); err != nil {
		return err
	}
	room, body, err := request.text()
	if err != nil {
		return err
	}
	ctx, sender := c.UserContext(), authn.Caller(c)
	members, err := s.members.Of(ctx, room, sender.UserID)
	if err != nil {
		return problemOf(err)
	}
	posted, err := s.compose(members, sender, body)
	if err != nil {
		return err
	}
	if err := s.post(ctx, posted); err != nil {
		return problemOf(err)
	}
	return c.JSON(posted.Message)
}

// compose makes the event of a text message that the sender, who has joined, sends now. It has the name that the sender's own token says:
// what is known of the members may be older.
func (s *Service) compose(members events.Membership, sender authn.Principal, body wire.TextBody) (events.MessagePosted, error) {
	raw, err := json.Marshal(body)
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
			RoomID: members.RoomID, ID: id, SenderID: sender.UserID, Body: raw, Type: wire.Text, CreatedAt: s.clock.now(),
		},
		Preview:  wire.TextPreview(sender.DisplayName(), body.Text),
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
