package fanout

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
)

const partitions = 12

var happened = time.Date(2026, 11, 23, 12, 30, 45, 123456000, time.UTC)

// written is where deliveries end up in these tests.
type written struct {
	records []bus.Record
	err     error
}

func (w *written) ProduceAll(_ context.Context, records []bus.Record) ([]bus.Receipt, error) {
	if w.err != nil {
		return nil, w.err
	}
	w.records = append(w.records, records...)
	return make([]bus.Receipt, len(records)), nil
}

func newFanout(t *testing.T, tel *telemetry.Telemetry) (*Fanout, *written) {
	t.Helper()
	to := &written{}
	f, err := New(to, partitions, 100, bus.New(bus.Config{}, tel).Tracing(Group), tel)
	if err != nil {
		t.Fatal(err)
	}
	return f, to
}

func handle(t *testing.T, f *Fanout, records ...bus.Record) {
	t.Helper()
	if err := f.Handle(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func recordOf(t *testing.T, offset int64, data events.Data) bus.Record {
	t.Helper()
	headers, value, err := events.Encode(events.New("/ism/test", happened, data))
	if err != nil {
		t.Fatal(err)
	}
	return bus.Record{Topic: data.Topic(), Key: data.PartitionKey(), Partition: 5, Offset: offset, Headers: headers, Value: value}
}

func message(room uuid.UUID, text string, version int64, audience ...uuid.UUID) events.MessagePosted {
	body, _ := json.Marshal(wire.TextBody{Text: text})
	return events.MessagePosted{
		RoomID: room,
		Message: wire.Message{
			RoomID: room, ID: uuid.New(), SenderID: audience[0], Body: body, Type: wire.Text, CreatedAt: happened,
		},
		Preview:  wire.TextPreview("alice", text),
		Audience: events.Audience{Users: audience, Version: version},
	}
}

func created(kind wire.RoomType, members ...wire.Member) events.RoomCreated {
	room := uuid.New()
	preview := wire.NewRoomPreview()
	var users []uuid.UUID
	for _, m := range members {
		users = append(users, m.ID)
	}
	return events.RoomCreated{
		RoomID: room, CreatedBy: users[0], Members: members,
		Room:     wire.Room{ID: room, Type: kind, CreatedAt: happened, LatestMessage: happened, Unread: true, LatestMessageText: &preview},
		Audience: events.Audience{Users: users, Version: 1},
	}
}

func member(name string) wire.Member {
	return wire.Member{ID: uuid.New(), DisplayName: name, JoinedAt: happened, Status: wire.Joined}
}

// received is what each user gets, in order, having checked each delivery against the contract.
func received(t *testing.T, records []bus.Record) map[uuid.UUID][]json.RawMessage {
	t.Helper()
	got := map[uuid.UUID][]json.RawMessage{}
	for _, record := range records {
		eventstest.Conforms(t, record.Headers, record.Value)
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			t.Fatal(err)
		}
		delivery, ok := event.Data.(events.Delivery)
		if !ok || record.Topic != events.TopicDeliveries || record.Partition != delivery.Partition || record.Key != delivery.PartitionKey() {
			t.Fatalf("record %+v", record)
		}
		for _, s := range delivery.Streams {
			for _, user := range s.To {
				if events.UserPartition(user, partitions) != record.Partition {
					t.Errorf("user %s is in partition %d", user, record.Partition)
				}
				got[user] = append(got[user], s.Data)
			}
		}
	}
	return got
}

func texts(t *testing.T, all []json.RawMessage) []string {
	t.Helper()
	var out []string
	for _, data := range all {
		var chat wire.ChatMessage
		var body wire.TextBody
		if err := json.Unmarshal(data, &chat); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(chat.Message.Body, &body); err != nil {
			t.Fatal(err)
		}
		out = append(out, body.Text)
	}
	return out
}

func TestGoldenEventsOnTheWire(t *testing.T) {
	golden := eventstest.Golden(t)
	for name, want := range map[string]string{
		"message.posted.v1": `{"type":"ChatMessage","message":{"chatRoomId":"0192d3a0-0000-7000-8000-000000000001",` +
			`"messageId":"02000000-0000-0000-0000-000000000000","senderId":"0192d3a0-0000-7000-8000-00000000000a",` +
			`"msgBody":{"text":"Soup?"},"msgType":"Text","createdAt":"2026-11-23T12:30:45.123456Z"},` +
			`"roomPreviewText":{"type":"Text","sender_username":"alice","text":"Soup?"},"createdAt":"2026-11-23T12:30:45.123456Z"}`,
		"room.created.v1": `{"type":"NewRoom","room":{"id":"0192d3a0-0000-7000-8000-000000000001","roomType":"Group",` +
			`"roomImageUrl":null,"roomName":"Lunch","createdAt":"2026-11-23T12:30:45.123456Z",` +
			`"latestMessage":"2026-11-23T12:30:45.123456Z","unread":true,"latestMessagePreviewText":{"type":"New"}},` +
			`"createdAt":"2026-11-23T12:30:45.123456Z"}`,
		"room.read.v1": "",
	} {
		t.Run(name, func(t *testing.T) {
			f, to := newFanout(t, telemetry.Discard(nil))
			record := golden[name]
			handle(t, f, bus.Record{Topic: events.TopicRooms, Key: record.Key, Headers: record.Headers, Value: record.Value})
			got := received(t, to.records)
			if want == "" {
				if len(got) != 0 {
					t.Errorf("got %s", got)
				}
				return
			}
			for _, user := range []string{"0192d3a0-0000-7000-8000-00000000000a", "0192d3a0-0000-7000-8000-00000000000b"} {
				if all := got[uuid.MustParse(user)]; len(all) != 1 || string(all[0]) != want {
					t.Errorf("%s gets %s", user, all)
				}
			}
		})
	}
}

func TestSingleRoomIsSeenFromEachSide(t *testing.T) {
	f, to := newFanout(t, telemetry.Discard(nil))
	alice, bob := member("alice"), member("bob")
	handle(t, f, recordOf(t, 0, created(wire.Single, alice, bob)))
	got := received(t, to.records)
	for user, want := range map[uuid.UUID]string{alice.ID: "bob", bob.ID: "alice"} {
		var event wire.NewRoom
		if len(got[user]) != 1 || json.Unmarshal(got[user][0], &event) != nil || event.Room.Name == nil || *event.Room.Name != want {
			t.Errorf("got %s, want a room named %s", got[user], want)
		}
	}
}

func TestBigRoomCostsNoMoreRecordsThanPartitions(t *testing.T) {
	f, to := newFanout(t, telemetry.Discard(nil))
	audience := make([]uuid.UUID, 10_000)
	for i := range audience {
		audience[i] = uuid.New()
	}
	handle(t, f, recordOf(t, 0, message(uuid.New(), "all", 1, audience...)))
	if len(to.records) != partitions {
		t.Errorf("%d records", len(to.records))
	}
	if got := received(t, to.records); len(got) != len(audience) {
		t.Errorf("%d recipients", len(got))
	}
}

func TestNewestAudienceCounts(t *testing.T) {
	f, to := newFanout(t, telemetry.Discard(nil))
	room, other := uuid.New(), uuid.New()
	alice, bob, carol := uuid.New(), uuid.New(), uuid.New()
	read := events.RoomRead{RoomID: room, UserID: alice, ReadAt: happened, Audience: events.Audience{Users: []uuid.UUID{alice, carol}, Version: 3}}
	handle(t, f,
		recordOf(t, 0, message(room, "1", 1, alice, bob)),
		recordOf(t, 1, message(room, "2", 2, alice, bob, carol)), // carol has joined
		recordOf(t, 2, message(room, "3", 1, alice, bob)),        // by a sender that has not heard of it
		recordOf(t, 3, message(other, "other", 1, bob)),
	)
	handle(t, f, recordOf(t, 4, read), // bob has left, which an event without recipients tells
		recordOf(t, 5, message(room, "4", 2, alice, bob, carol)))
	handle(t, f, recordOf(t, 6, message(room, "5", 1, alice, bob)))
	got := received(t, to.records)
	for user, want := range map[uuid.UUID][]string{
		alice: {"1", "2", "3", "4", "5"},
		bob:   {"1", "2", "3", "other"},
		carol: {"2", "3", "4", "5"},
	} {
		if seen := texts(t, got[user]); !slices.Equal(seen, want) {
			t.Errorf("got %v, want %v", seen, want)
		}
	}
}

func TestMemoryOfAudiencesIsBounded(t *testing.T) {
	known, err := newAudiences(10)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		known.newest(uuid.New(), events.Audience{Users: []uuid.UUID{uuid.New()}, Version: 1})
	}
	if n := known.rooms.Len(); n != 10 {
		t.Errorf("%d rooms are remembered", n)
	}
}

func TestSameRecordGivesTheSameDeliveries(t *testing.T) {
	record := recordOf(t, 42, message(uuid.New(), "again", 1, uuid.New(), uuid.New(), uuid.New()))
	var all [2][]bus.Record
	for i := range all {
		f, to := newFanout(t, telemetry.Discard(nil))
		handle(t, f, record)
		all[i] = to.records
	}
	for i, first := range all[0] {
		second := all[1][i]
		if string(first.Value) != string(second.Value) || first.Headers["ce_id"] != second.Headers["ce_id"] {
			t.Errorf("%+v is not %+v", first, second)
		}
		event, err := events.Decode(first.Headers, first.Value)
		if err != nil {
			t.Fatal(err)
		}
		if delivery, ok := event.Data.(events.Delivery); !ok || delivery.Origin != (events.Origin{Topic: events.TopicRooms, Partition: 5, Offset: 42}) {
			t.Errorf("delivery %+v", event.Data)
		}
	}
}

func TestMalformedRecordIsRejectedAloneAndUnknownOnesArePassedOver(t *testing.T) {
	f, to := newFanout(t, telemetry.Discard(nil))
	user := uuid.New()
	good := recordOf(t, 0, message(uuid.New(), "good", 1, user))
	unknown := recordOf(t, 1, message(uuid.New(), "unknown", 1, user))
	unknown.Headers["ce_type"] = "ism.room.painted.v1"
	bad := recordOf(t, 2, message(uuid.New(), "bad", 1, user))
	bad.Value = []byte(`{"roomId":17}`)
	if err := f.Handle(t.Context(), []bus.Record{good, unknown, bad}); !errors.Is(err, bus.ErrRejected) {
		t.Errorf("the batch: %v", err)
	}
	if len(to.records) != 0 {
		t.Error("something was written that will be handed over again")
	}
	handle(t, f, good)
	handle(t, f, unknown)
	if err := f.Handle(t.Context(), []bus.Record{bad}); !errors.Is(err, bus.ErrRejected) || !strings.Contains(err.Error(), "message.posted") {
		t.Errorf("the malformed one: %v", err)
	}
	if got := received(t, to.records); !slices.Equal(texts(t, got[user]), []string{"good"}) {
		t.Errorf("got %s", got[user])
	}
}

func TestFailureToWriteIsNoRejection(t *testing.T) {
	f, to := newFanout(t, telemetry.Discard(nil))
	to.err = bus.ErrUnavailable
	err := f.Handle(t.Context(), []bus.Record{recordOf(t, 0, message(uuid.New(), "x", 1, uuid.New()))})
	if !errors.Is(err, bus.ErrUnavailable) || errors.Is(err, bus.ErrRejected) {
		t.Errorf("error %v", err)
	}
}

func TestEachRecordCarriesItsOwnTraceOn(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	tel := telemetry.Discard(nil)
	tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	tel.Propagator = propagation.TraceContext{}
	f, to := newFanout(t, tel)
	traces := []string{"4bf92f3577b34da6a3ce929d0e0e4736", "5bf92f3577b34da6a3ce929d0e0e4737"}
	var records []bus.Record
	for i, id := range traces {
		record := recordOf(t, int64(i), message(uuid.New(), "x", 1, uuid.New()))
		record.Headers["traceparent"] = "00-" + id + "-00f067aa0ba902b7-01"
		records = append(records, record)
	}
	handle(t, f, records...)
	got := spans.GetSpans()
	slices.SortFunc(got, func(a, b tracetest.SpanStub) int {
		return strings.Compare(a.SpanContext.TraceID().String(), b.SpanContext.TraceID().String())
	})
	if len(got) != len(traces) || len(to.records) != len(traces) {
		t.Fatalf("%d spans, %d deliveries", len(got), len(to.records))
	}
	for i, span := range got {
		if span.SpanContext.TraceID().String() != traces[i] || span.Parent.SpanID().String() != "00f067aa0ba902b7" {
			t.Errorf("span %v under %v", span.SpanContext, span.Parent)
		}
		if want := "00-" + traces[i] + "-" + span.SpanContext.SpanID().String() + "-01"; to.records[i].Headers["traceparent"] != want {
			t.Errorf("traceparent %q, want %q", to.records[i].Headers["traceparent"], want)
		}
	}
}
