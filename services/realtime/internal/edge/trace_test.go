package edge

import (
	"testing"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
)

const (
	sampled   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	unsampled = "00-5bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-00"
)

func tracedEdge(t testing.TB) (*Edge, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tel := telemetry.Discard(nil)
	tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	return starting(t, limits(), tel), spans
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

func TestARecordShowsInItsTrace(t *testing.T) {
	e, spans := tracedEdge(t)
	e.CaughtUp()
	user := uuid.New()
	message := posted(uuid.New(), "a", 1, user)
	room := events.RoomCreated{
		RoomID: uuid.New(), CreatedBy: user, Room: wire.Room{Type: wire.Group},
		Members: []wire.Member{{ID: user, DisplayName: "Alice", Status: wire.Joined}}, Audience: events.Audience{Users: []uuid.UUID{user}, Version: 1},
	}
	room.Room.ID = room.RoomID
	for offset, c := range []struct {
		data events.Data
		want map[attribute.Key]string
	}{
		{message, map[attribute.Key]string{telemetry.RoomIDKey: message.RoomID.String(), telemetry.MessageIDKey: message.Message.ID.String()}},
		{room, map[attribute.Key]string{telemetry.RoomIDKey: room.RoomID.String()}},
	} {
		spans.Reset()
		ingest(t, e, in(sampled, recordOf(t, 1, int64(offset), uuid.New(), c.data)))
		ended := spans.Ended()
		if len(ended) != 1 || ended[0].Name() != "process ism.rooms" || ended[0].Parent().SpanID().String() != "00f067aa0ba902b7" {
			t.Fatalf("spans %v", ended)
		}
		got := attributes(ended[0])
		for _, key := range []attribute.Key{telemetry.RoomIDKey, telemetry.MessageIDKey} {
			if got[key] != c.want[key] {
				t.Errorf("%s of %T is %q, want %q", key, c.data, got[key], c.want[key])
			}
		}
		if got["ism.streams"] != "0" || got["messaging.destination.partition.id"] != "1" {
			t.Errorf("attributes %v", got)
		}
	}
}

func TestWritesOfABigRoomAreCountedAndSomeAreShown(t *testing.T) {
	e, spans := tracedEdge(t)
	e.CaughtUp()
	var (
		users   []uuid.UUID
		clients []*client
	)
	for i := range 100 {
		user, sub := uuid.New(), newClient()
		if i == 0 {
			sub.capacity = 0 // takes nothing
		}
		attach(t, e, user, "", sub)
		users, clients = append(users, user), append(clients, sub)
	}
	ingest(t, e, in(sampled, record(t, 1, 0, "x", users...)))
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
			if frame.Event.Parent != nil {
				shown++
				if !frame.Event.Parent.Equal(ended[0].SpanContext()) {
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
	e, spans := tracedEdge(t)
	user, sub := uuid.New(), newClient()
	ingest(t, e, in(sampled, record(t, 1, 0, "0", user)))
	e.CaughtUp()
	attached := attach(t, e, user, "", sub)
	ingest(t, e, in(unsampled, record(t, 1, 1, "1", user)))
	if started := spans.Started(); len(started) != 0 {
		t.Errorf("spans %v", started)
	}
	for _, frame := range sub.take() {
		if frame.Event.Parent != nil {
			t.Error("a write is traced")
		}
	}
	ingest(t, e, in(sampled, record(t, 1, 2, "2", user)))
	behind := attach(t, e, user, idOf(t, attached.Opening), newClient())
	for _, frame := range behind.Backlog {
		if frame.Event.Parent != nil {
			t.Error("a replay is traced as if it was live")
		}
	}
}
