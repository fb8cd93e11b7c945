package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

const partitions = 4

func limits() ring.Limits {
	return ring.Limits{Window: 5 * time.Minute, Margin: time.Minute, Records: 100_000, Bytes: 1 << 30}
}

func caughtUp(l ring.Limits) *Edge {
	tel := telemetry.Discard(nil)
	e := New(l, bus.New(bus.Config{}, tel).Tracing(""), tel)
	e.Open(partitions)
	for number := range int32(partitions) {
		e.Begin(number, 0)
	}
	e.CaughtUp()
	return e
}

// userIn is a user whose events are in the partition.
func userIn(number int32) uuid.UUID {
	for {
		if user := uuid.New(); events.UserPartition(user, partitions) == number {
			return user
		}
	}
}

func record(t testing.TB, number int32, offset int64, data string, to ...uuid.UUID) bus.Record {
	t.Helper()
	return recordFrom(t, number, offset, uuid.New(), offset, data, to...)
}

func recordFrom(t testing.TB, number int32, offset int64, event uuid.UUID, origin int64, data string, to ...uuid.UUID) bus.Record {
	t.Helper()
	headers, value, err := events.Encode(events.New("/ism/realtime", time.Now(), events.Delivery{
		Partition: number,
		EventID:   event,
		Origin:    events.Origin{Topic: events.TopicRooms, Offset: origin},
		Streams:   []events.StreamEvent{{To: to, Data: json.RawMessage(data)}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	return bus.Record{Topic: events.TopicDeliveries, Partition: number, Offset: offset, Time: time.Now(), Headers: headers, Value: value}
}

// client is a stream that takes everything, or so many events.
type client struct {
	room int

	mu     sync.Mutex
	frames []ring.Frame
	news   chan struct{}
}

func newClient() *client { return &client{room: 1 << 30, news: make(chan struct{}, 1)} }

func (c *client) Offer(frame ring.Frame) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.frames) == c.room {
		return false
	}
	c.frames = append(c.frames, frame)
	select {
	case c.news <- struct{}{}:
	default:
	}
	return true
}

func (c *client) take() []ring.Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	frames := c.frames
	c.frames = nil
	return frames
}

func attach(t *testing.T, e *Edge, user uuid.UUID, lastEventID string, sub Subscriber) Attachment {
	t.Helper()
	attachment, err := e.Attach(t.Context(), user, lastEventID, sub)
	if err != nil {
		t.Fatal(err)
	}
	return attachment
}

func ingest(t *testing.T, e *Edge, records ...bus.Record) {
	t.Helper()
	if err := e.Ingest(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func texts(frames []ring.Frame) string {
	var all strings.Builder
	for _, frame := range frames {
		all.Write(frame.Text)
	}
	return all.String()
}

func TestLiveEventsGoToTheirRecipientsAlone(t *testing.T) {
	e := caughtUp(limits())
	alice, bob, carol := userIn(1), userIn(1), userIn(2)
	ingest(t, e, record(t, 1, 0, `{"n":0}`, alice, bob))
	atAlice, alsoAlice, atBob, atCarol := newClient(), newClient(), newClient(), newClient()
	for user, subs := range map[uuid.UUID][]*client{alice: {atAlice, alsoAlice}, bob: {atBob}, carol: {atCarol}} {
		for _, sub := range subs {
			want := "id: 1-0\n\n"
			if user == carol {
				want = "id: 2--1\n\n"
			}
			if got := attach(t, e, user, "", sub); string(got.Opening) != want || len(got.Backlog) != 0 {
				t.Errorf("opening %q, backlog %q", got.Opening, texts(got.Backlog))
			}
		}
	}
	ingest(t, e, record(t, 1, 1, `{"n":1}`, alice), record(t, 1, 2, `{"n":2}`, bob, alice, alice), record(t, 1, 3, `{"n":3}`, bob))
	e.Detach(alice, alsoAlice)
	ingest(t, e, record(t, 1, 4, `{"n":4}`, alice), record(t, 2, 0, `{"n":5}`, carol))
	for sub, want := range map[*client]string{
		atAlice:   "id: 1-1\ndata: {\"n\":1}\n\nid: 1-2\ndata: {\"n\":2}\n\nid: 1-4\ndata: {\"n\":4}\n\n",
		alsoAlice: "id: 1-1\ndata: {\"n\":1}\n\nid: 1-2\ndata: {\"n\":2}\n\n",
		atBob:     "id: 1-2\ndata: {\"n\":2}\n\nid: 1-3\ndata: {\"n\":3}\n\n",
		atCarol:   "id: 2-0\ndata: {\"n\":5}\n\n",
	} {
		if got := texts(sub.take()); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := e.Position(bob); got != (sse.ID{Partition: 1, Offset: 4}) {
		t.Errorf("position %v", got)
	}
}

func TestReadyOnceCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := telemetry.Discard(nil)
		e := New(limits(), bus.New(bus.Config{}, tel).Tracing(""), tel)
		if err := e.Ready(t.Context()); !errors.Is(err, ErrNotCaughtUp) {
			t.Errorf("before: %v", err)
		}
		waited := make(chan error)
		go func() { waited <- e.Await(t.Context()) }()
		synctest.Wait()
		e.CaughtUp()
		if err := <-waited; err != nil {
			t.Errorf("the waiting request: %v", err)
		}
		if err := e.Ready(t.Context()); err != nil {
			t.Errorf("after: %v", err)
		}
	})
}

func TestResyncNamesItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits()
		l.Records = 5
		e := caughtUp(l)
		user := userIn(1)
		for offset := range int64(10) {
			ingest(t, e, record(t, 1, offset, `{}`, user))
		}
		for lastEventID, reason := range map[string]string{
			"nonsense": "malformed",
			"-1--1":    "malformed",
			"1-07":     "malformed",
			"2-7":      "other-partition",
			"99999-1":  "other-partition",
			"1-3":      "expired",
			"1--1":     "expired",
			"1-10":     "unknown-position",
			"1-999999": "unknown-position",
		} {
			sub := newClient()
			got := attach(t, e, user, lastEventID, sub)
			data, isEvent := strings.CutPrefix(string(got.Opening), "id: 1-9\ndata: ")
			var event wire.Resync
			if !isEvent || json.Unmarshal([]byte(data), &event) != nil || event.Type != "Resync" || event.Reason != reason || event.CreatedAt.IsZero() {
				t.Errorf("behind %s: %q", lastEventID, got.Opening)
			}
			if len(got.Backlog) != 0 {
				t.Errorf("behind %s there is a backlog", lastEventID)
			}
			e.Detach(user, sub)
		}
		sub := newClient()
		attach(t, e, user, "nonsense", sub)
		ingest(t, e, record(t, 1, 10, `{"live":1}`, user))
		if got := texts(sub.take()); got != "id: 1-10\ndata: {\"live\":1}\n\n" {
			t.Errorf("after a Resync the stream carries on with %q", got)
		}
	})
}

// A client that comes from an edge that has read further must wait for this one, not have to reload.
func TestResumeWaitsForAnEdgeThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := caughtUp(limits())
		user := userIn(1)
		ingest(t, e, record(t, 1, 0, `{"n":0}`, user))
		sub := newClient()
		attached := make(chan Attachment)
		go func() { attached <- attach(t, e, user, "1-2", sub) }()
		time.Sleep(aheadTimeout / 2)
		for offset := int64(1); offset < 5; offset++ {
			ingest(t, e, record(t, 1, offset, fmt.Sprintf(`{"n":%d}`, offset), user))
		}
		got := <-attached
		// It attaches as soon as the edge has caught up: what comes behind is live.
		after := slices.Concat(got.Backlog, sub.take())
		if texts(after) != "id: 1-3\ndata: {\"n\":3}\n\nid: 1-4\ndata: {\"n\":4}\n\n" {
			t.Errorf("opening %q, then %q", got.Opening, texts(after))
		}
	})
}

func TestSlowStreamIsForgottenAndResumes(t *testing.T) {
	e := caughtUp(limits())
	user := userIn(3)
	slow, quick := newClient(), newClient()
	slow.room = 2
	attach(t, e, user, "", slow)
	attach(t, e, user, "", quick)
	for offset := range int64(5) {
		ingest(t, e, record(t, 3, offset, `{}`, user))
	}
	if got := quick.take(); len(got) != 5 {
		t.Errorf("the other stream got %d events", len(got))
	}
	if got := slow.take(); len(got) != 2 {
		t.Errorf("the slow stream got %d events", len(got))
	}
	again := attach(t, e, user, "3-1", newClient())
	if len(again.Backlog) != 3 || again.Backlog[0].Offset != 2 {
		t.Errorf("it resumes with %q", texts(again.Backlog))
	}
}

func TestUnusableRecordsArePassedOver(t *testing.T) {
	e := caughtUp(limits())
	user := userIn(1)
	sub := newClient()
	attach(t, e, user, "", sub)
	foreign := record(t, 1, 0, `{}`, user)
	foreign.Headers["ce_type"] = "ism.something.else.v1"
	broken := record(t, 1, 1, `{}`, user)
	broken.Value = []byte("{")
	elsewhere := record(t, 1, 2, `{}`, user)
	elsewhere.Partition = partitions + 3
	wrong := record(t, 1, 3, `{}`, user)
	headers, value, err := events.Encode(events.New("/ism/rooms", time.Now(), events.RoomRead{
		RoomID: uuid.New(), UserID: user, ReadAt: time.Now(), Audience: events.Audience{Users: []uuid.UUID{user}, Version: 1},
	}))
	if err != nil {
		t.Fatal(err)
	}
	wrong.Headers, wrong.Value = headers, value
	ingest(t, e, foreign, broken, elsewhere, wrong, record(t, 1, 4, `{"n":4}`, user))
	if got := texts(sub.take()); got != "id: 1-4\ndata: {\"n\":4}\n\n" {
		t.Errorf("got %q", got)
	}
}

func TestFanoutsRepeatsAreNotDelivered(t *testing.T) {
	e := caughtUp(limits())
	user := userIn(1)
	sub := newClient()
	attach(t, e, user, "", sub)
	first, second, third := uuid.New(), uuid.New(), uuid.New()
	ingest(t, e,
		recordFrom(t, 1, 0, first, 7, `{"n":1}`, user),
		recordFrom(t, 1, 1, second, 8, `{"n":2}`, user),
		recordFrom(t, 1, 2, first, 7, `{"n":1}`, user),
		recordFrom(t, 1, 3, second, 8, `{"n":2}`, user),
		recordFrom(t, 1, 4, first, 9, `{"n":1}`, user),
		recordFrom(t, 1, 5, third, 10, `{"n":3}`, user),
	)
	want := "id: 1-0\ndata: {\"n\":1}\n\nid: 1-1\ndata: {\"n\":2}\n\nid: 1-5\ndata: {\"n\":3}\n\n"
	if got := texts(sub.take()); got != want {
		t.Errorf("live: %q", got)
	}
	if again := attach(t, e, user, "1--1", newClient()); texts(again.Backlog) != want {
		t.Errorf("resumed: %q", texts(again.Backlog))
	}
}

func TestOldDeliveriesFallOutOfAQuietEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := caughtUp(limits())
		user := userIn(1)
		ingest(t, e, record(t, 1, 0, `{}`, user))
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var running sync.WaitGroup
		running.Go(func() { _ = e.Run(ctx) })
		time.Sleep(6 * time.Minute)
		e.partitions[1].mu.Lock()
		if n := e.partitions[1].ring.Len(); n != 0 {
			t.Errorf("%d deliveries are kept", n)
		}
		e.partitions[1].mu.Unlock()
		stop()
		running.Wait()
	})
}
