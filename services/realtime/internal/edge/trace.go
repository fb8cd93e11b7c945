package edge

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/ring"
)

// maxWriteSpans is how many writes of a delivery to streams have spans in its trace; the last user's may exceed it. All writes are counted.
const maxWriteSpans = 16

// deliverySpan is the span of a delivery at this edge.
type deliverySpan struct {
	span           trace.Span
	parent         *trace.SpanContext // of the spans of writing to streams; nil where the trace is not sampled
	taken, refused int                // streams
}

// trace begins the span of a delivery. What a starting edge reads back was delivered before, and has none.
func (e *Edge) trace(ctx context.Context, record bus.Record, entry ring.Entry) *deliverySpan {
	if e.Ready(ctx) != nil {
		return &deliverySpan{span: trace.SpanFromContext(ctx)}
	}
	_, span := e.tracing.Process(ctx, record)
	d := &deliverySpan{span: span}
	if span.IsRecording() {
		parent := span.SpanContext()
		d.parent = &parent
		span.SetAttributes(attributesOf(entry)...)
	}
	return d
}

// sampled gives the frame the parent of its write's span, unless there are enough.
func (d *deliverySpan) sampled(frame ring.Frame) ring.Frame {
	if d.taken < maxWriteSpans {
		frame.Parent = d.parent
	}
	return frame
}

func (d *deliverySpan) end() {
	if d.parent != nil {
		d.span.SetAttributes(attribute.Int("ism.streams", d.taken), attribute.Int("ism.streams.cut", d.refused))
		d.span.End()
	}
}

// attributesOf gives the ids of a delivery's room and message.
func attributesOf(entry ring.Entry) []attribute.KeyValue {
	if len(entry.Frames) == 0 {
		return nil
	}
	var data struct {
		Message *struct {
			ID     uuid.UUID `json:"messageId"`
			RoomID uuid.UUID `json:"chatRoomId"`
		} `json:"message"`
		Room *struct {
			ID uuid.UUID `json:"id"`
		} `json:"room"`
	}
	_, text, _ := bytes.Cut(entry.Frames[0].Text, []byte("data: "))
	if json.Unmarshal(text, &data) != nil {
		return nil
	}
	switch {
	case data.Message != nil:
		return []attribute.KeyValue{telemetry.RoomID(data.Message.RoomID), telemetry.MessageID(data.Message.ID)}
	case data.Room != nil:
		return []attribute.KeyValue{telemetry.RoomID(data.Room.ID)}
	default:
		return nil
	}
}
