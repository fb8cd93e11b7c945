package messages

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/timeline"
)

// envelopeSize is about what a record has beside a message's body, bytes; its audience is a hundred users at most.
const envelopeSize = 4 << 10

// point is how far a send has come, when the log has its message.
type point string

const (
	duringWrite  point = "during the write"
	duringAnswer point = "during the answer"
)

// draft is a message whose event is composed in its turn: so the times of messages follow the order in which the log gets them.
type draft struct {
	room    uuid.UUID
	size    int  // of its body and mentions, bytes
	revises bool // it is an edit or a deletion of another
	compose func() (events.Event, error)
	epoch   int32 // of the log, as commit has it
}

// write appends a message to the log, and gives its record. The offset is below 0 where only who reads the log knows it.
func (s *Service) write(ctx context.Context, message draft) (record bus.Record, err error) {
	receipt, err := s.appender.AppendDraft(ctx, bus.Draft{
		Topic: events.TopicRooms, Key: message.room.String(), Size: message.size + envelopeSize,
		Compose: func() (map[string]string, []byte, error) {
			event, err := message.compose()
			if err != nil {
				return nil, nil, err
			}
			headers, value, err := events.Encode(event)
			if err != nil {
				return nil, nil, fmt.Errorf("encode message: %w", err)
			}
			events.WithEpoch(headers, message.epoch)
			record = bus.Record{Topic: events.TopicRooms, Key: message.room.String(), Headers: headers, Value: value}
			return headers, value, nil
		},
	})
	if err != nil {
		return bus.Record{}, fmt.Errorf("append message to the log: %w", err)
	}
	record.Partition, record.Offset = receipt.Partition, receipt.Offset
	return record, nil
}

// commit appends an event to the log, then writes what it makes of the timeline through, and gives it with the position of its record; known is false
// where only who reads the log can say that. Once the log has the event, it counts: what the store does not take now, the consumer group writes later.
func (s *Service) commit(ctx context.Context, what draft) (event events.Event, at events.Position, known bool, err error) {
	epoch, begun := s.log.Epoch()
	if !begun {
		return event, at, false, fmt.Errorf("%w: the service is starting", bus.ErrUnavailable)
	}
	what.epoch = epoch
	settle := func() {}
	defer func() { settle() }()
	compose := what.compose
	what.compose = func() (events.Event, error) {
		composed, err := compose()
		if err == nil {
			event, settle = composed, s.timeline.Begin(composed.ID)
		}
		return composed, err
	}
	record, err := s.append(ctx, what)
	if err != nil {
		return event, at, false, err
	}
	message := messageOf(event)
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(telemetry.RoomID(message.RoomID), telemetry.MessageID(message.ID))
	}
	// With this line a message's trace is found by its id, and its position by both where the trace was not sampled.
	if s.accepted.Keep(ctx) {
		s.deps.Telemetry.Log.LogAttrs(
			ctx, slog.LevelInfo, what.says(), slog.String("message_id", message.ID.String()), slog.String("room_id", message.RoomID.String()),
			slog.String("event", event.Data.EventName()), slog.Int("epoch", int(epoch)), slog.Int("partition", int(record.Partition)),
			slog.Int64("offset", record.Offset),
		)
	}
	if record.Offset < 0 {
		return event, at, false, nil
	}
	at = events.Position{Epoch: epoch, Offset: record.Offset}
	// The log has it, so it is written even where the request's own deadline has passed.
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.WriteThroughTimeout)
	defer cancel()
	reached(duringWrite)
	if err := s.timeline.WriteThrough(writing, event, at); err != nil {
		s.tail.Keep(record) // so that whoever reads here finds it at once
		s.reportLeftOver(ctx, message, err)
	}
	return event, at, true, nil
}

func (d draft) says() string {
	if d.revises {
		return "message revised"
	}
	return "message accepted"
}

// messageOf is the message as it is with an event.
func messageOf(event events.Event) wire.Message {
	if revision, ok := event.Data.(events.RevisionEvent); ok {
		return revision.Revises().Message
	}
	message, _ := event.Data.(events.TimelineEvent).InTimeline()
	return message
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

// follow shows the clock and the paces what all have sent, keeps messages for pages, forgets results of sends that others have revised, and takes changes
// of members.
func (s *Service) follow(ctx context.Context, records []bus.Record) error {
	s.tail.Take(records, func(record bus.Record) bool {
		return events.IsTimelineEvent(record.Headers) || events.IsRevision(record.Headers)
	})
	for _, record := range records {
		if at, err := events.TimeOf(record.Headers); err == nil {
			s.clock.saw(at)
		}
		if room, err := uuid.Parse(record.Key); err == nil && events.IsTimelineEvent(record.Headers) {
			s.paces.Saw(room, record.Offset)
		}
		s.forgetRevised(record)
	}
	return s.members.Follow(ctx, records)
}

// jumped forgets what was known of the log where it does not go on as it was read.
func (s *Service) jumped(jumps []bus.Jump) {
	s.tail.Jumped(jumps)
	s.members.Jumped(jumps)
	s.paces.Forget()
}
