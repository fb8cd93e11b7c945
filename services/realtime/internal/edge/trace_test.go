package edge

import (
	"testing"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/telemetry"
)

const (
	sampled   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	unsampled = "00-5bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-00"
)

func tracedEdge() (*Edge, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	tel := telemetry.Discard(nil)
	tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	e := New(limits(), bus.New(bus.Config{}, tel).Tracing(""), tel)
	e.Open(partitions)
	e.Begin(1, 0)
	return e, spans
}

func in(parent string, record bus.Record) bus.Record {
	record.Headers["traceparent"] = parent
	return record
}

func attributes(span sdktrace.ReadOnlySpan) map[attribute.Key]string {
	all := map[attribute.Key]string{}
	for _, a := range span.Attributes() {
		all[a.Key] = a.Value.String()
	}
	return all
}

func TestADeliveryShowsInItsTrace(t *testing.T) {
	e, spans := tracedEdge()
	e.CaughtUp()
	room, message := uuid.New(), uuid.New()
	for offset, c := range []struct {
		data string
		want map[attribute.Key]string
	}{
		{
			`{"type":"ChatMessage","message":{"messageId":"` + message.String() + `","chatRoomId":"` + room.String() + `"}}`,
			map[attribute.Key]string{telemetry.RoomIDKey: room.String(), telemetry.MessageIDKey: message.String()},
		},
		{`{"type":"NewRoom","room":{"id":"` + room.String() + `"}}`, map[attribute.Key]string{telemetry.RoomIDKey: room.String()}},
		{`{"type":"SomethingElse"}`, nil},
	} {
		spans.Reset()
		ingest(t, e, in(sampled, record(t, 1, int64(offset), c.data, userIn(1))))
		ended := spans.Ended()
		if len(ended) != 1 || ended[0].Name() != "process ism.deliveries" || ended[0].Parent().SpanID().String() != "00f067aa0ba902b7" {
			t.Fatalf("spans %v", ended)
		}
		got := attributes(ended[0])
		for _, key := range []attribute.Key{telemetry.RoomIDKey, telemetry.MessageIDKey} {
			if got[key] != c.want[key] {
				t.Errorf("%s of %s is %q, want %q", key, c.data, got[key], c.want[key])
			}
		}
		if got["ism.streams"] != "0" || got["messaging.destination.partition.id"] != "1" {
			t.Errorf("attributes %v", got)
		}
	}
}

func TestWritesOfABigRoomAreCountedAndSomeAreShown(t *testing.T) {
	e, spans := tracedEdge()
	e.CaughtUp()
	var (
		users   []uuid.UUID
		clients []*client
	)
	for i := range 100 {
		user, sub := userIn(1), newClient()
		if i == 0 {
			sub.room = 0 // takes nothing
		}
		attach(t, e, user, "", sub)
		users, clients = append(users, user), append(clients, sub)
	}
	ingest(t, e, in(sampled, record(t, 1, 0, `{}`, users...)))
	ended := spans.Ended()
	if len(ended) != 1 {
		t.Fatalf("%d spans", len(ended))
	}
	if got := attributes(ended[0]); got["ism.streams"] != "99" || got["ism.streams.cut"] != "1" {
		t.Errorf("attributes %v", got)
	}
	shown := 0
	for _, c := range clients {
		for _, frame := range c.take() {
			if frame.Parent != nil {
				shown++
				if !frame.Parent.Equal(ended[0].SpanContext()) {
					t.Error("a write belongs to another span")
				}
			}
		}
	}
	if shown != maxWriteSpans {
		t.Errorf("%d writes are shown, want %d", shown, maxWriteSpans)
	}
}

func TestWhatIsNotSampledOrReadBackHasNoSpans(t *testing.T) {
	e, spans := tracedEdge()
	user, sub := userIn(1), newClient()
	ingest(t, e, in(sampled, record(t, 1, 0, `{"n":0}`, user)))
	e.CaughtUp()
	attached := attach(t, e, user, "", sub)
	ingest(t, e, in(unsampled, record(t, 1, 1, `{"n":1}`, user)))
	if started := spans.Started(); len(started) != 0 {
		t.Errorf("spans %v", started)
	}
	for _, frame := range sub.take() {
		if frame.Parent != nil {
			t.Error("a write is traced")
		}
	}
	ingest(t, e, in(sampled, record(t, 1, 2, `{"n":2}`, user)))
	behind := attach(t, e, user, attached.ID.String(), newClient())
	for _, frame := range behind.Backlog {
		if frame.Parent != nil {
			t.Error("a replay is traced as if it was the delivery")
		}
	}
}
