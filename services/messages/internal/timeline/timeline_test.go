package timeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/timeline"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

var room = uuid.MustParse("0192d3a0-0000-7000-8000-000000000001")

// counting counts the messages that reach a real store, and may keep them from it.
type counting struct {
	store.Store
	mu       sync.Mutex
	appended int
	newest   store.Entry // that was appended
	fault    error
}

func (c *counting) Append(ctx context.Context, entries []store.Entry) error {
	c.mu.Lock()
	fault := c.fault
	c.appended += len(entries)
	c.newest = entries[len(entries)-1]
	c.mu.Unlock()
	if fault != nil {
		return fault
	}
	return c.Store.Append(ctx, entries)
}

func (c *counting) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = err
}

func (c *counting) taken() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.appended
	c.appended = 0
	return n
}

// inEpoch is a log whose epoch is known; below 0 it is not.
type inEpoch int32

func (e inEpoch) Epoch() (int32, bool) { return int32(e), e >= 0 }

func forEver(context.Context, wire.Message) (time.Time, error) { return time.Time{}, nil }

func newTimeline(t *testing.T, epoch int32) (*timeline.Timeline, *counting, *telemetry.Telemetry) {
	t.Helper()
	s := &counting{Store: sqlite.New(filepath.Join(t.TempDir(), "messages.db"), slog.New(slog.DiscardHandler))}
	storetest.Start(t, s)
	s.taken()
	tel := telemetry.Discard(nil)
	return timelineOn(t, s, epoch, tel), s, tel
}

func posted(i int) events.MessagePosted {
	body, _ := json.Marshal(wire.TextBody{Text: fmt.Sprintf("message %d", i)})
	at := time.Date(2026, 11, 23, 12, 0, 0, i*1000, time.UTC)
	return events.MessagePosted{
		RoomID: room,
		Message: wire.Message{
			RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: uuid.New(), Body: body, Type: wire.Text, CreatedAt: wire.At(at),
		},
		Audience: events.Audience{Users: []uuid.UUID{uuid.New()}, Version: 1},
	}
}

func record(t *testing.T, data events.Data, offset int64) bus.Record {
	t.Helper()
	event := events.New("/ism/test", time.Now(), data)
	if message, ok := data.(events.MessagePosted); ok {
		event.ID = eventOf(message)
	}
	headers, value, err := events.Encode(event)
	if err != nil {
		t.Fatal(err)
	}
	return bus.Record{Topic: data.Topic(), Key: data.PartitionKey(), Partition: 3, Offset: offset, Headers: headers, Value: value}
}

// eventOf is the id of the event of a message, here one that follows from the message's.
func eventOf(posted events.MessagePosted) uuid.UUID {
	return uuid.NewSHA1(uuid.Nil, posted.Message.ID[:])
}

func stored(t *testing.T, s store.Store) []store.Entry {
	t.Helper()
	return storedOf(t, s, room)
}

func storedOf(t *testing.T, s store.Store, in uuid.UUID) []store.Entry {
	t.Helper()
	entries, err := s.Page(t.Context(), in, store.Range{Before: events.EndOfLog}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// A log that has lost its end gives positions out again. What is acknowledged then is in the log alone, so it is waited with, and not put aside.
func TestAPartitionWaitsWhosePositionsAreTaken(t *testing.T) {
	lines, s, _ := newTimeline(t, 5)
	first := record(t, posted(1), 100)
	if err := lines.Apply(t.Context(), []bus.Record{first}); err != nil {
		t.Fatal(err)
	}
	before := stored(t, s)
	err := lines.Apply(t.Context(), []bus.Record{record(t, posted(2), 100)})
	if errors.Is(err, bus.ErrRejected) || !errors.Is(err, timeline.ErrLogLost) || !errors.Is(err, store.ErrPositionTaken) {
		t.Errorf("apply gives %v, want ErrLogLost", err)
	}
	if err := lines.WriteThrough(t.Context(), events.Event{ID: uuid.New(), Data: posted(3)}, events.Position{Epoch: 5, Offset: 100}); !errors.Is(err, timeline.ErrLogLost) {
		t.Errorf("write-through gives %v, want ErrLogLost", err)
	}
	if after := stored(t, s); len(after) != 1 || after[0].Message.ID != before[0].Message.ID {
		t.Errorf("the timeline is %+v, want %+v", after, before)
	}
	if err := lines.Apply(t.Context(), []bus.Record{first}); err != nil {
		t.Errorf("the message that was there first: %v", err)
	}
}

func TestNothingIsAppliedBeforeTheEpochIsKnown(t *testing.T) {
	lines, s, _ := newTimeline(t, -1)
	if err := lines.Apply(t.Context(), []bus.Record{record(t, posted(1), 100)}); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("apply gives %v", err)
	}
	if entries := stored(t, s); len(entries) > 0 {
		t.Errorf("the timeline is %+v", entries)
	}
}

func TestWhatTheLogHasIsWritten(t *testing.T) {
	lines, s, tel := newTimeline(t, 5)
	var records []bus.Record
	for i := range 10 {
		records = append(records, record(t, posted(i), int64(100+2*i)))
	}
	read := events.RoomRead{RoomID: room, UserID: room, ReadAt: wire.At(time.Now()), Audience: events.Audience{Users: []uuid.UUID{room}, Version: 1}}
	records = append(records, record(t, read, 200))
	records = append(records, bus.Record{Offset: 201, Headers: map[string]string{"ce_specversion": "1.0", "ce_type": "someone.elses.v1"}})
	for range 3 { // a replay changes nothing
		if err := lines.Apply(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	entries := stored(t, s)
	if len(entries) != 10 {
		t.Fatalf("the timeline has %d messages, want 10", len(entries))
	}
	for i, entry := range entries {
		if want := (events.Position{Epoch: 5, Offset: int64(118 - 2*i)}); entry.Position != want {
			t.Errorf("message %d is at %v, want %v", i, entry.Position, want)
		}
	}
	if n := testutil.CollectAndCount(tel.Metrics, "ism_messages_applied_total"); n == 0 {
		t.Error("nothing is counted")
	}
}

func TestGoldenRecordsAreRead(t *testing.T) {
	lines, s, _ := newTimeline(t, 0)
	golden := eventstest.Golden(t)
	offset := int64(0)
	for _, name := range slices.Sorted(maps.Keys(golden)) {
		r := golden[name]
		offset++
		if err := lines.Apply(t.Context(), []bus.Record{{Key: r.Key, Headers: r.Headers, Value: r.Value, Offset: offset}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if entries := stored(t, s); len(entries) != 3 { // the golden revisions are of a message that is elsewhere
		t.Errorf("the timeline has %d messages, want the three golden ones", len(entries))
	}
}

// rooms' outbox may append a change of members twice: the first position counts, however often and from wherever the log is read again.
func TestAChangeOfMembersIsWrittenOnce(t *testing.T) {
	lines, s, _ := newTimeline(t, 0)
	golden := eventstest.Golden(t)["membership.changed.v1"]
	change := bus.Record{Key: golden.Key, Headers: golden.Headers, Value: golden.Value, Offset: 10}
	between, again, later := record(t, posted(1), 11), change, change
	again.Offset, later.Offset = 12, 20
	for _, records := range [][]bus.Record{{change, between, again}, {later}, {between, again}, {change}, {change, between, again, later}} {
		if err := lines.Apply(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	entries := stored(t, s)
	if len(entries) != 2 || entries[0].Position.Offset != 11 || entries[1].Position.Offset != 10 || entries[1].Message.Type != wire.RoomChange {
		t.Errorf("the timeline is %+v", entries)
	}
}

func TestWhatCannotBeReadIsRejected(t *testing.T) {
	lines, s, _ := newTimeline(t, 0)
	broken := record(t, posted(1), 1)
	broken.Value = []byte(`{"roomId":`)
	for name, records := range map[string][]bus.Record{
		"alone": {broken}, "among others": {record(t, posted(0), 0), broken},
	} {
		if err := lines.Apply(t.Context(), records); !errors.Is(err, bus.ErrRejected) {
			t.Errorf("%s: the error is %v, want ErrRejected", name, err)
		}
	}
	if entries := stored(t, s); len(entries) != 0 {
		t.Errorf("the timeline has %d messages", len(entries))
	}
}

func TestWhatASendHasWrittenIsNotWrittenAgain(t *testing.T) {
	lines, s, _ := newTimeline(t, 0)
	one, two := posted(1), posted(2)
	settle := lines.Begin(eventOf(one))
	if err := lines.WriteThrough(t.Context(), events.Event{ID: eventOf(one), Data: one}, events.Position{Offset: 7}); err != nil {
		t.Fatal(err)
	}
	settle()
	s.taken()
	if err := lines.Apply(t.Context(), []bus.Record{record(t, one, 7), record(t, two, 8)}); err != nil {
		t.Fatal(err)
	}
	if n := s.taken(); n != 1 {
		t.Errorf("%d messages were written, want 1", n)
	}
	// The same message at another position is a copy.
	if err := lines.Apply(t.Context(), []bus.Record{record(t, one, 9)}); err != nil {
		t.Fatal(err)
	}
	if entries := stored(t, s); len(entries) != 2 {
		t.Errorf("the timeline has %d messages, want 2", len(entries))
	}
}

func TestWhatASendCouldNotWriteIsWrittenByTheConsumer(t *testing.T) {
	lines, s, _ := newTimeline(t, 0)
	one := posted(1)
	settle := lines.Begin(eventOf(one))
	s.fail(store.ErrUnavailable)
	if err := lines.WriteThrough(t.Context(), events.Event{ID: eventOf(one), Data: one}, events.Position{Offset: 7}); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("the error is %v", err)
	}
	settle()
	if err := lines.Apply(t.Context(), []bus.Record{record(t, one, 7)}); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, bus.ErrRejected) {
		t.Fatalf("while the store is down the error is %v", err)
	}
	s.fail(nil)
	if err := lines.Apply(t.Context(), []bus.Record{record(t, one, 7)}); err != nil {
		t.Fatal(err)
	}
	if entries := stored(t, s); len(entries) != 1 {
		t.Errorf("the timeline has %d messages, want 1", len(entries))
	}
}

// The consumer group may see a message before its send has written it: it waits for the send.
func TestTheConsumerWaitsForASendUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &counting{Store: nothing{}}
		tel := telemetry.Discard(nil)
		lines, err := timeline.New(s, inEpoch(0), forEver, bus.New(bus.Config{}, tel).Tracing("ism.test"), tel)
		if err != nil {
			t.Fatal(err)
		}
		one := posted(1)
		settle := lines.Begin(eventOf(one))
		applied := make(chan error, 1)
		go func() { applied <- lines.Apply(t.Context(), []bus.Record{record(t, one, 7)}) }()
		synctest.Wait()
		select {
		case err := <-applied:
			t.Fatalf("the consumer did not wait: %v", err)
		default:
		}
		if err := lines.WriteThrough(t.Context(), events.Event{ID: eventOf(one), Data: one}, events.Position{Offset: 7}); err != nil {
			t.Fatal(err)
		}
		settle()
		if err := <-applied; err != nil {
			t.Fatal(err)
		}
		if n := s.taken(); n != 1 {
			t.Errorf("%d messages were written, want 1", n)
		}
	})
}

// BenchmarkApply measures what the consumer group does about messages that sends of its process have written.
func BenchmarkApply(b *testing.B) {
	tel := telemetry.Discard(nil)
	lines, err := timeline.New(&counting{Store: nothing{}}, inEpoch(0), forEver, bus.New(bus.Config{}, tel).Tracing("ism.test"), tel)
	if err != nil {
		b.Fatal(err)
	}
	records := make([]bus.Record, 20)
	for i := range records {
		one := posted(i)
		headers, value, err := events.Encode(events.Event{ID: eventOf(one), Source: "/ism/test", Time: time.Now(), Data: one})
		if err != nil {
			b.Fatal(err)
		}
		headers["traceparent"] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
		records[i] = bus.Record{Topic: one.Topic(), Key: one.PartitionKey(), Offset: int64(i), Headers: headers, Value: value}
		if err := lines.WriteThrough(b.Context(), events.Event{ID: eventOf(one), Data: one}, events.Position{Offset: int64(i)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := lines.Apply(b.Context(), records); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(records)), "ns/message")
}

// nothing is where no engine is meant: only how often it is written to.
type nothing struct{ store.Store }

func (nothing) Append(context.Context, []store.Entry) error { return nil }

func (nothing) FirstPositions(context.Context, []store.Key) (map[store.Key]events.Position, error) {
	return map[store.Key]events.Position{}, nil
}

// The consumer group shows in the trace of a send what it did: here it writes one message, and knows that the send wrote the other.
func TestTheConsumerShowsInTheTraceOfASend(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tel := telemetry.Discard(nil)
	tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	lines, err := timeline.New(&counting{Store: nothing{}}, inEpoch(0), forEver, bus.New(bus.Config{}, tel).Tracing("ism.test"), tel)
	if err != nil {
		t.Fatal(err)
	}
	missing, sent := posted(1), posted(2)
	if err := lines.WriteThrough(t.Context(), events.Event{ID: eventOf(sent), Data: sent}, events.Position{Offset: 8}); err != nil {
		t.Fatal(err)
	}
	records := []bus.Record{record(t, missing, 7), record(t, sent, 8)}
	for i := range records {
		records[i].Headers["traceparent"] = fmt.Sprintf("00-4bf92f3577b34da6a3ce929d0e0e473%d-00f067aa0ba902b7-01", i)
	}
	if err := lines.Apply(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, span := range spans.Ended() {
		of := map[attribute.Key]string{}
		for _, a := range span.Attributes() {
			of[a.Key] = a.Value.String()
		}
		if of[telemetry.RoomIDKey] != room.String() || span.Name() != "process ism.rooms" {
			t.Errorf("span %q about %v", span.Name(), of)
		}
		got[of[telemetry.MessageIDKey]] = of["ism.timeline"]
	}
	if want := map[string]string{missing.Message.ID.String(): "written", sent.Message.ID.String(): "known"}; !maps.Equal(got, want) {
		t.Errorf("spans of %v, want %v", got, want)
	}
}
