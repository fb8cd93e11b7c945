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

// maxShown is how many writes of a delivery to streams are shown in its trace, or as many more as the last user among them
// has streams. All of them are counted.
const maxShown = 16

// delivering is the span of a delivery at this edge.
type delivering struct {
	span           trace.Span
	parent         *trace.SpanContext // of the spans of writing to streams; nil where the trace is not sampled
	taken, refused int                // streams
}

// trace begins the span of a delivery. What an edge that starts reads back has been delivered before: it has none.
func (e *Edge) trace(ctx context.Context, record bus.Record, entry ring.Entry) *delivering {
	if e.Ready(ctx) != nil {
		return &delivering{span: trace.SpanFromContext(ctx)}
	}
	_, span := e.tracing.Process(ctx, record)
	d := &delivering{span: span}
	if span.IsRecording() {
		parent := span.SpanContext()
		d.parent = &parent
		span.SetAttributes(about(entry)...)
	}
	return d
}

// shown is a frame as it is offered next: with the span that writing it belongs to, unless there are enough.
func (d *delivering) shown(frame ring.Frame) ring.Frame {
	if d.taken < maxShown {
		frame.Parent = d.parent
	}
	return frame
}

func (d *delivering) end() {
	if d.parent != nil {
		d.span.SetAttributes(attribute.Int("ism.streams", d.taken), attribute.Int("ism.streams.cut", d.refused))
		d.span.End()
	}
}

// about names the room and the message that a delivery tells of.
func about(entry ring.Entry) []attribute.KeyValue {
	if len(entry.Frames) == 0 {
		return nil
	}
	var told struct {
		Message *struct {
			ID     uuid.UUID `json:"messageId"`
			RoomID uuid.UUID `json:"chatRoomId"`
		} `json:"message"`
		Room *struct {
			ID uuid.UUID `json:"id"`
		} `json:"room"`
	}
	_, data, _ := bytes.Cut(entry.Frames[0].Text, []byte("data: "))
	if json.Unmarshal(data, &told) != nil {
		return nil
	}
	switch {
	case told.Message != nil:
		return []attribute.KeyValue{telemetry.RoomID(told.Message.RoomID), telemetry.MessageID(told.Message.ID)}
	case told.Room != nil:
		return []attribute.KeyValue{telemetry.RoomID(told.Room.ID)}
	default:
		return nil
	}
}
