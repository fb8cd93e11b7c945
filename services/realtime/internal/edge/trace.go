package edge

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// maxWriteSpans is how many writes of an event to streams have spans in its trace; the last user's may exceed it. All writes are counted.
const maxWriteSpans = 16

// recordSpan is the span of a record at this edge.
type recordSpan struct {
	span           trace.Span
	parent         *trace.SpanContext // of the spans of writing to streams; nil where the trace is not sampled
	taken, refused int                // streams
}

// trace begins the span of a record. What a starting edge reads back was delivered before, and has none.
func (e *Edge) trace(ctx context.Context, record bus.Record, of occurrence, sights []sight, live bool) *recordSpan {
	if !live {
		return &recordSpan{span: trace.SpanFromContext(ctx)}
	}
	_, span := e.tracing.Process(ctx, record)
	s := &recordSpan{span: span}
	if span.IsRecording() {
		parent := span.SpanContext()
		s.parent = &parent
		if of.room != uuid.Nil {
			span.SetAttributes(telemetry.RoomID(of.room))
		}
		if id, ok := messageID(sights[0].data); ok {
			span.SetAttributes(telemetry.MessageID(id))
		}
	}
	return s
}

// traced is the event for writes that are to have spans.
func (s *recordSpan) traced(event *sse.Event) *sse.Event {
	if s.parent == nil {
		return event
	}
	return &sse.Event{Data: event.Data, At: event.At, Parent: s.parent, Resync: event.Resync}
}

func (s *recordSpan) end() {
	if s.parent != nil {
		s.span.SetAttributes(attribute.Int("ism.streams", s.taken), attribute.Int("ism.streams.cut", s.refused))
		s.span.End()
	}
}

// messageID gives the id of the message in an event's data.
func messageID(data []byte) (uuid.UUID, bool) {
	var event struct {
		Message *struct {
			ID uuid.UUID `json:"messageId"`
		} `json:"message"`
	}
	if json.Unmarshal(sse.JSONOf(data), &event) != nil || event.Message == nil {
		return uuid.UUID{}, false
	}
	return event.Message.ID, true
}
