package previews

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

// rooms keeps what is applied.
type rooms struct {
	applied []changes.Posted
	revised []changes.Revised
	err     error
}

func (r *rooms) ApplyRevisions(_ context.Context, revisions []changes.Revised) error {
	r.revised = append(r.revised, revisions...)
	return r.err
}

func (r *rooms) ApplyMessages(_ context.Context, messages []changes.Posted) error {
	r.applied = append(r.applied, messages...)
	return r.err
}

// reached keeps how far partitions have been taken.
type reached map[int32]events.Position

func (r reached) Reached(_ context.Context, partition int32, next events.Position) error {
	r[partition] = next
	return nil
}

// inEpoch is a log whose epoch is known; below 0 it is not.
type inEpoch int32

func (e inEpoch) Epoch() (int32, bool) { return int32(e), e >= 0 }

func newPreviews(t *testing.T, rooms Rooms, epoch inEpoch, tel *telemetry.Telemetry) *Previews {
	t.Helper()
	p, err := New(rooms, epoch, reached{}, bus.New(bus.Config{}, tel).Tracing("ism.rooms.previews"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func golden(t *testing.T, name string, offset int64) bus.Record {
	t.Helper()
	record, ok := eventstest.Golden(t)[name]
	if !ok {
		t.Fatalf("there is no golden record %s", name)
	}
	return bus.Record{Topic: events.TopicRooms, Key: record.Key, Headers: record.Headers, Value: record.Value, Offset: offset}
}

func TestMessagesOfTheContractAreTaken(t *testing.T) {
	kept := &rooms{}
	err := newPreviews(t, kept, 3, telemetry.Discard(nil)).Apply(t.Context(), []bus.Record{
		golden(t, "room.created.v1", 40), golden(t, "message.posted.v1", 41), golden(t, "room.read.v1", 42), golden(t, "message.edited.v1", 43),
		golden(t, "message.deleted.v1", 44),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []changes.Posted{{
		RoomID:    uuid.MustParse("0192d3a0-0000-7000-8000-000000000001"),
		MessageID: uuid.UUID{0: 2},
		SenderID:  uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a"),
		At:        time.Date(2026, 11, 23, 12, 30, 45, 123456000, time.UTC),
		Preview:   wire.Preview{Type: "Text", SenderUsername: "alice", Text: "Soup?"},
		Expires:   time.Date(2027, 2, 21, 12, 30, 45, 123456000, time.UTC),
		Position:  events.Position{Epoch: 3, Offset: 41},
		MayRepeat: true, // the partition is read since just now
	}}
	if !reflect.DeepEqual(kept.applied, want) {
		t.Errorf("applied %+v, want %+v", kept.applied, want)
	}
	edited := changes.Revised{MessageID: want[0].MessageID, Revision: store.Revision{
		RoomID: want[0].RoomID, Message: events.Position{Offset: 42}, By: events.Position{Epoch: 3, Offset: 43}, Sender: want[0].SenderID,
		Preview: wire.TextPreview("alice", "Soup!"), Expires: want[0].Expires,
	}}
	deleted := edited
	deleted.Expires = time.Time{}
	deleted.By.Offset, deleted.Preview, deleted.Deleted = 44, wire.DeletedPreview(), true
	if revised := []changes.Revised{edited, deleted}; !reflect.DeepEqual(kept.revised, revised) {
		t.Errorf("revised %+v, want %+v", kept.revised, revised)
	}
}

func TestWhatOthersTellIsPassedOver(t *testing.T) {
	kept, record := &rooms{}, golden(t, "message.posted.v1", 1)
	record.Headers["ce_type"] = "ism.room.painted.v1"
	if err := newPreviews(t, kept, 0, telemetry.Discard(nil)).Apply(t.Context(), []bus.Record{record}); err != nil || len(kept.applied) != 0 {
		t.Errorf("applied %+v, %v", kept.applied, err)
	}
}

func TestWhatIsNoEventIsRejected(t *testing.T) {
	for name, spoil := range map[string]func(*bus.Record){
		"no JSON":             func(r *bus.Record) { r.Value = []byte(`{`) },
		"no headers":          func(r *bus.Record) { r.Headers = nil },
		"a new major version": func(r *bus.Record) { r.Headers["ce_type"] = "ism.message.posted.v2" },
	} {
		t.Run(name, func(t *testing.T) {
			kept, record := &rooms{}, golden(t, "message.posted.v1", 1)
			spoil(&record)
			err := newPreviews(t, kept, 0, telemetry.Discard(nil)).Apply(t.Context(), []bus.Record{golden(t, "message.posted.v1", 0), record})
			if !errors.Is(err, bus.ErrRejected) || len(kept.applied) != 0 {
				t.Errorf("applied %+v, %v", kept.applied, err)
			}
		})
	}
}

func TestAStoreThatIsAwayRejectsNothing(t *testing.T) {
	kept := &rooms{err: store.ErrUnavailable}
	err := newPreviews(t, kept, 0, telemetry.Discard(nil)).Apply(t.Context(), []bus.Record{golden(t, "message.posted.v1", 1)})
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, bus.ErrRejected) {
		t.Errorf("error %v", err)
	}
}

func TestNothingIsTakenBeforeTheEpochIsKnown(t *testing.T) {
	kept := &rooms{}
	err := newPreviews(t, kept, -1, telemetry.Discard(nil)).Apply(t.Context(), []bus.Record{golden(t, "message.posted.v1", 1)})
	if !errors.Is(err, bus.ErrUnavailable) || errors.Is(err, bus.ErrRejected) || len(kept.applied) != 0 {
		t.Errorf("applied %+v, %v", kept.applied, err)
	}
}

func TestATakenMessageShowsInItsTrace(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tel := telemetry.Discard(nil)
	tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	record := golden(t, "message.posted.v1", 1)
	record.Headers["traceparent"] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	kept := &rooms{err: store.ErrUnavailable}
	err := newPreviews(t, kept, 0, tel).Apply(t.Context(), []bus.Record{golden(t, "room.created.v1", 0), record})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	ended := spans.Ended()
	if len(ended) != 1 || ended[0].Parent().SpanID().String() != "00f067aa0ba902b7" || ended[0].Status().Code != codes.Error {
		t.Fatalf("spans %v", ended)
	}
	got := map[attribute.Key]string{}
	for _, a := range ended[0].Attributes() {
		got[a.Key] = a.Value.String()
	}
	for key, want := range map[attribute.Key]string{
		telemetry.MessageIDKey:          "02000000-0000-0000-0000-000000000000",
		telemetry.RoomIDKey:             "0192d3a0-0000-7000-8000-000000000001",
		"messaging.consumer.group.name": "ism.rooms.previews",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
}

func TestProgressIsWhatHasBeenTaken(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		records int // in the batch
		want    events.Position
	}{
		"taken":             {nil, 2, events.Position{Epoch: 3, Offset: 43}},
		"the store is away": {store.ErrUnavailable, 2, events.Position{}},
		"one is rejected":   {store.ErrUnstorable, 2, events.Position{}},
		"it alone":          {store.ErrUnstorable, 1, events.Position{Epoch: 3, Offset: 42}},
	} {
		taken := reached{}
		p, err := New(&rooms{err: c.err}, inEpoch(3), taken, bus.New(bus.Config{}, telemetry.Discard(nil)).Tracing("ism.rooms.previews"))
		if err != nil {
			t.Fatal(err)
		}
		batch := []bus.Record{golden(t, "message.posted.v1", 41), golden(t, "room.read.v1", 42)}[:c.records]
		if err := p.Apply(t.Context(), batch); (err == nil) != (c.err == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if taken[0] != c.want {
			t.Errorf("%s: reached %+v, want %+v", name, taken, c.want)
		}
	}
}
