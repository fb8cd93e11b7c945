package taker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/delivery"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/taker"
	"github.com/ism-chat/ism/services/notifications/store"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// double is endpoints, and where webhooks go.
type double struct {
	endpoints []store.Endpoint
	change    int64
	asked     int
	read      int
	taken     []delivery.Taken
	parts     int
	fails     error
}

func (d *double) EndpointChanges(context.Context) (int64, error) { d.asked++; return d.change, d.fails }

func (d *double) Subscribed(context.Context) ([]store.Endpoint, int64, error) {
	d.read++
	return slices.Clone(d.endpoints), d.change, d.fails
}

func (d *double) Take(_ context.Context, all []delivery.Taken) error {
	d.taken = append(d.taken, all...)
	d.parts++
	return d.fails
}

func (d *double) add(types []payload.Type, rooms ...uuid.UUID) uuid.UUID {
	endpoint := store.Endpoint{ID: uuid.New(), Rooms: rooms, CreatedAt: now.Add(-time.Hour)}
	for _, kind := range types {
		endpoint.Types = append(endpoint.Types, string(kind))
	}
	d.endpoints = append(d.endpoints, endpoint)
	d.change++
	return endpoint.ID
}

func newTaker(d *double) *taker.Taker {
	return taker.New(d, d, tracing(telemetry.Discard(nil)), 24*time.Hour, func() time.Time { return now })
}

func tracing(tel *telemetry.Telemetry) taker.Tracing {
	return taker.Tracing{Records: bus.New(bus.Config{}, tel).Tracing("webhooks"), Propagator: tel.Propagator}
}

func record(t *testing.T, at time.Time, data events.Data) bus.Record {
	t.Helper()
	headers, value, err := events.Encode(events.New("/ism/test", at, data))
	if err != nil {
		t.Fatal(err)
	}
	events.WithEpoch(headers, 1)
	return bus.Record{Topic: data.Topic(), Key: data.PartitionKey(), Headers: headers, Value: value, Offset: 10}
}

func posted(room uuid.UUID) events.MessagePosted {
	return events.MessagePosted{
		RoomID: room, Audience: events.WholeRoom(1),
		Message: wire.Message{RoomID: room, ID: uuid.New(), SenderID: uuid.New(), Body: json.RawMessage(`{"text":"a"}`), Type: wire.Text, CreatedAt: wire.At(now)},
	}
}

func take(t *testing.T, d *double, records ...bus.Record) {
	t.Helper()
	d.taken, d.parts = nil, 0
	if err := newTaker(d).Take(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func TestAnEndpointGetsWhatItIsSubscribedTo(t *testing.T) {
	room, user := uuid.New(), uuid.New()
	d := &double{}
	messages := d.add([]payload.Type{payload.TypeMessageCreated, payload.TypeMessageEdited})
	ofRoom := d.add(payload.Types(), room)
	everything := d.add(payload.Types())
	notification := events.NotificationSent{UserID: user, Message: json.RawMessage(`{}`)}
	take(t, d, record(t, now, posted(room)), record(t, now, posted(uuid.New())), record(t, now, notification))
	want := [][]uuid.UUID{{messages, ofRoom, everything}, {messages, everything}, {everything}}
	if len(d.taken) != len(want) {
		t.Fatalf("taken are %+v", d.taken)
	}
	for i, endpoints := range want {
		if got := d.taken[i].Endpoints; len(got) != len(endpoints) || slices.ContainsFunc(endpoints, func(id uuid.UUID) bool { return !slices.Contains(got, id) }) {
			t.Errorf("%s goes to %v, want %v", d.taken[i].Webhook.Type, got, endpoints)
		}
	}
	var body struct{ Data payload.Message }
	if err := json.Unmarshal(d.taken[0].Webhook.Body, &body); err != nil || body.Data.Message.Position != (events.Position{Epoch: 1, Offset: 10}).String() {
		t.Errorf("it is %s, %v", d.taken[0].Webhook.Body, err)
	}
}

// Where there is no endpoint nothing is decoded: what is malformed is not even looked at.
func TestWithoutEndpointsRecordsCostNothing(t *testing.T) {
	d := &double{}
	broken := record(t, now, posted(uuid.New()))
	broken.Value = []byte("{")
	records := make([]bus.Record, 200)
	for i := range records {
		records[i] = broken
	}
	take(t, d, records...)
	if d.asked != 1 || d.parts != 0 {
		t.Errorf("asked %d times, taken %d times", d.asked, d.parts)
	}
	d.add([]payload.Type{payload.TypeRoomCreated})
	take(t, d, records...)
	take(t, d, bus.Record{Headers: map[string]string{events.HeaderType: "ism.something.v1"}}, bus.Record{})
	if d.asked != 2 || d.parts != 0 {
		t.Errorf("asked %d times, taken %d times", d.asked, d.parts)
	}
	d.add([]payload.Type{payload.TypeMessageCreated})
	if err := newTaker(d).Take(t.Context(), records); !errors.Is(err, bus.ErrRejected) {
		t.Errorf("with an endpoint what is malformed gives %v", err)
	}
}

func TestEndpointsAreReadWhenTheyHaveChanged(t *testing.T) {
	d := &double{change: 1}
	tk := newTaker(d)
	for range 3 {
		if err := tk.Take(t.Context(), []bus.Record{record(t, now, posted(uuid.New()))}); err != nil {
			t.Fatal(err)
		}
	}
	d.add(payload.Types())
	if err := tk.Take(t.Context(), []bus.Record{record(t, now, posted(uuid.New()))}); err != nil {
		t.Fatal(err)
	}
	if d.read != 2 || len(d.taken) != 1 {
		t.Errorf("endpoints are read %d times, taken are %+v", d.read, d.taken)
	}
}

func TestWhatHappenedBeforeIsPassedOver(t *testing.T) {
	d := &double{}
	d.add(payload.Types())
	room := uuid.New()
	take(t, d, record(t, now.Add(-25*time.Hour), posted(room)), record(t, now.Add(-61*time.Minute), posted(room)), record(t, now.Add(-59*time.Minute), posted(room)))
	if len(d.taken) != 1 || !d.taken[0].Webhook.At.Equal(now.Add(-59*time.Minute)) {
		t.Errorf("taken are %+v", d.taken)
	}
}

func TestALargeBatchIsTakenInParts(t *testing.T) {
	d := &double{}
	for range 9 {
		d.add(payload.Types())
	}
	var records []bus.Record
	for range 200 {
		records = append(records, record(t, now, posted(uuid.New())))
	}
	take(t, d, records...)
	if len(d.taken) != 200 || d.parts != 4 {
		t.Errorf("%d are taken in %d parts", len(d.taken), d.parts)
	}
}

// A webhook goes on with the trace of its record, sampled or not, and has none where the record has none.
func TestAWebhookIsOfItsRecordsTrace(t *testing.T) {
	d := &double{}
	d.add(payload.Types())
	spans := tracetest.NewSpanRecorder()
	tel := telemetry.Discard(nil)
	tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	traced := func(parent string) bus.Record {
		one := record(t, now, posted(uuid.New()))
		if parent != "" {
			one.Headers["traceparent"] = parent
		}
		one.Offset = int64(len(parent))
		return one
	}
	const sampled, unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-5bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-00"
	tk := taker.New(d, d, tracing(tel), 24*time.Hour, func() time.Time { return now })
	if err := tk.Take(t.Context(), []bus.Record{traced(""), traced(sampled), traced(unsampled)}); err != nil {
		t.Fatal(err)
	}
	if len(spans.Ended()) != 1 || len(d.taken) != 3 {
		t.Fatalf("there are %d spans, taken are %+v", len(spans.Ended()), d.taken)
	}
	of := spans.Ended()[0].SpanContext()
	want := []string{"", fmt.Sprintf("00-4bf92f3577b34da6a3ce929d0e0e4736-%s-01", of.SpanID()), unsampled}
	for i, taken := range d.taken {
		if taken.Trace != want[i] {
			t.Errorf("its trace is %q, want %q", taken.Trace, want[i])
		}
	}
}

func TestWhatCannotBeTakenIsTriedAgain(t *testing.T) {
	d := &double{fails: store.ErrUnavailable}
	d.add(payload.Types())
	records := []bus.Record{record(t, now, posted(uuid.New()))}
	tk := newTaker(d)
	if err := tk.Take(t.Context(), records); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, bus.ErrRejected) {
		t.Errorf("it gives %v", err)
	}
	d.fails = nil
	if err := tk.Take(t.Context(), records); err != nil || len(d.taken) != 1 {
		t.Errorf("then it gives %v, taken are %+v", err, d.taken)
	}
	d.fails = nil
	unstorable := &double{endpoints: d.endpoints, change: 1}
	failing := taker.New(unstorable, refusing{}, tracing(telemetry.Discard(nil)), 24*time.Hour, func() time.Time { return now })
	if err := failing.Take(t.Context(), records); !errors.Is(err, bus.ErrRejected) {
		t.Errorf("what the store never takes gives %v", err)
	}
}

type refusing struct{}

func (refusing) Take(context.Context, []delivery.Taken) error { return store.ErrUnstorable }
