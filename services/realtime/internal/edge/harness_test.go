package edge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime/internal/cut"
	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

const partitions = 4

func limits() Config {
	return Config{Limits: ring.Limits{Window: 5 * time.Minute, Margin: time.Minute, Records: 100_000, Bytes: 1 << 30}, Audiences: 1 << 20}
}

func rooms() cut.Topic {
	return cut.Topic{Name: events.TopicRooms, ID: "6a6c2e5e-0000-4000-8000-000000000001", Partitions: partitions}
}

// starting is an edge that reads each partition from the given point on, and has not caught up.
func starting(t testing.TB, cfg Config, tel *telemetry.Telemetry, begin ...cut.Point) *Edge {
	t.Helper()
	return startingSince(t, cfg, tel, time.Time{}, begin...)
}

// startingSince is one that knows nothing of what happened before a time.
func startingSince(t testing.TB, cfg Config, tel *telemetry.Telemetry, since time.Time, begin ...cut.Point) *Edge {
	t.Helper()
	e, err := New(cfg, bus.New(bus.Config{}, tel).Tracing(""), tel)
	if err != nil {
		t.Fatal(err)
	}
	e.Open(0, since, rooms())
	for number := range int32(partitions) {
		from := cut.Point{LeaderEpoch: cut.Unknown}
		if len(begin) > 0 {
			from = begin[number]
		}
		e.Begin(events.TopicRooms, number, from.Offset, from.LeaderEpoch)
	}
	return e
}

func caughtUp(t testing.TB, cfg Config) *Edge {
	t.Helper()
	e := starting(t, cfg, telemetry.Discard(nil))
	e.CaughtUp()
	return e
}

// idAt is the text of a cut.
func idAt(c cut.Cut) string { return string(cut.Of(0, rooms()).Append(nil, c)) }

// at is a cut in logs that have had one leader, whose epoch is 0.
func at(next ...int64) cut.Cut {
	var c cut.Cut
	for _, offset := range next {
		point := cut.Point{Offset: offset}
		if offset == 0 {
			point.LeaderEpoch = cut.Unknown
		}
		c = append(c, point)
	}
	return c
}

// id is the text of such a cut.
func id(next ...int64) string { return idAt(at(next...)) }

// offsets are those of a cut.
func offsets(c cut.Cut) []int64 {
	var all []int64
	for _, point := range c {
		all = append(all, point.Offset)
	}
	return all
}

// record is a message with the given text, of a room of its own.
func record(t testing.TB, partition int32, offset int64, text string, to ...uuid.UUID) bus.Record {
	t.Helper()
	return recordOf(t, partition, offset, uuid.New(), posted(uuid.New(), text, 1, to...))
}

func posted(room uuid.UUID, text string, version int64, to ...uuid.UUID) events.MessagePosted {
	body, err := json.Marshal(wire.TextBody{Text: text})
	if err != nil {
		panic(err)
	}
	return events.MessagePosted{
		RoomID:   room,
		Message:  wire.Message{RoomID: room, ID: uuid.New(), SenderID: uuid.New(), Body: body, Type: wire.Text, CreatedAt: wire.At(time.Now())},
		Preview:  wire.TextPreview("somebody", text),
		Audience: events.Audience{Users: to, Version: version},
	}
}

func recordOf(t testing.TB, partition int32, offset int64, event uuid.UUID, data events.Data) bus.Record {
	t.Helper()
	headers, value, err := events.Encode(events.Event{ID: event, Source: "/ism/test", Time: time.Now(), Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return bus.Record{
		Topic: events.TopicRooms, Key: data.PartitionKey(), Partition: partition, Offset: offset, Time: time.Now(), Headers: headers, Value: value,
	}
}

// client is a stream that takes everything, or so many events.
type client struct {
	capacity int

	mu     sync.Mutex
	frames []sse.Frame
	news   chan struct{}
}

func newClient() *client { return &client{capacity: 1 << 30, news: make(chan struct{}, 1)} }

func (c *client) Offer(frame sse.Frame) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.frames) == c.capacity {
		return false
	}
	c.frames = append(c.frames, frame)
	select {
	case c.news <- struct{}{}:
	default:
	}
	return true
}

func (c *client) take() []sse.Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	frames := c.frames
	c.frames = nil
	return frames
}

func attach(t testing.TB, e *Edge, user uuid.UUID, lastEventID string, sub stream.Subscriber) stream.Attachment {
	t.Helper()
	attachment, err := e.Attach(t.Context(), user, lastEventID, sub)
	if err != nil {
		t.Fatal(err)
	}
	return attachment
}

func ingest(t testing.TB, e *Edge, records ...bus.Record) {
	t.Helper()
	for len(records) > 0 { // as a reader hands them over: those of a call are of one partition
		n := slices.IndexFunc(records, func(r bus.Record) bool { return r.Partition != records[0].Partition })
		if n < 0 {
			n = len(records)
		}
		if err := e.Ingest(t.Context(), records[:n]); err != nil {
			t.Fatal(err)
		}
		records = records[n:]
	}
}

// idOf reads the id of an id line.
func idOf(t testing.TB, line []byte) string {
	t.Helper()
	text, ok := strings.CutPrefix(string(line), "id: ")
	text, _, ended := strings.Cut(text, "\n")
	if !ok || !ended {
		t.Fatalf("%q is no line with an id", line)
	}
	return text
}

// textOf is the text of the message in a frame.
func textOf(t testing.TB, frame sse.Frame) string {
	t.Helper()
	var chat wire.ChatMessage
	var body wire.TextBody
	data, ok := strings.CutPrefix(string(frame.Event.Data), "data: ")
	if !ok || !strings.HasSuffix(data, "}\n\n") || json.Unmarshal([]byte(data), &chat) != nil || json.Unmarshal(chat.Message.Body, &body) != nil {
		t.Fatalf("%q is no message's data", frame.Event.Data)
	}
	return body.Text
}

// reasonOf is the reason in the data of a Resync event.
func reasonOf(t testing.TB, data []byte) string {
	t.Helper()
	var event wire.Resync
	if err := json.Unmarshal(sse.JSONOf(data), &event); err != nil || event.Type != "Resync" || event.CreatedAt.IsZero() {
		t.Fatalf("%q is no Resync: %v", data, err)
	}
	return event.Reason
}

// shown are the frames as "text@cut", or "(reason)@cut" of Resync events.
func shown(t testing.TB, frames []sse.Frame) []string {
	t.Helper()
	all := []string{}
	for _, frame := range frames {
		reached, err := cut.Of(0, rooms()).Parse(idOf(t, frame.ID))
		if err != nil {
			t.Fatal(err)
		}
		if reason := frame.Event.Resync; reason != "" {
			if told := reasonOf(t, frame.Event.Data); told != reason {
				t.Errorf("the reason %s is told as %s", reason, told)
			}
			all = append(all, fmt.Sprintf("(%s)@%v", reason, offsets(reached)))
			continue
		}
		all = append(all, fmt.Sprintf("%s@%v", textOf(t, frame), offsets(reached)))
	}
	return all
}

func same(t testing.TB, what string, got []sse.Frame, want ...string) {
	t.Helper()
	if all := shown(t, got); !slices.Equal(all, want) {
		t.Errorf("%s: %q, want %q", what, all, want)
	}
}
