package realtime_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
)

func TestStreamResumesWhereItBroke(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		n := w.start(t)
		r := newRoom("alice", "bob")
		stream := w.open(t, n, r.members[0], "")
		w.post(t, r, numbered(0, 10)...)
		ids := expect(t, stream, numbered(0, 10)...)
		stream.Close()
		w.post(t, r, numbered(10, 20)...)
		for cut, id := range ids {
			resumed := w.open(t, n, r.members[0], id)
			expect(t, resumed, numbered(cut+1, 20)...)
			resumed.Close()
		}
		again := w.open(t, n, r.members[0], ids[3])
		w.post(t, r, "live")
		expect(t, again, append(numbered(4, 20), "live")...)
	})
}

// What a client has been told at the opening is enough to resume from, also when nothing has happened yet.
func TestStreamResumesFromItsOpening(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		n := w.start(t)
		r := newRoom("alice")
		opening := openingID(t, w, n, r.members[0])
		w.post(t, r, "missed")
		expect(t, w.open(t, n, r.members[0], opening), "missed")
	})
}

// openingID is the id with which a stream opens.
func openingID(t *testing.T, w *world, n *node, user wire.Member) string {
	t.Helper()
	raw := rawStream(t, w, n, user, nil)
	for line := range raw.lines(t) {
		if id, found := strings.CutPrefix(line, "id: "); found {
			return id
		}
	}
	t.Fatal("the stream has no id")
	return ""
}

func TestEdgeThatStartsServesResumesFromBefore(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		r, quiet := newRoom("alice"), newRoom("bob")
		old := w.start(t)
		stream := w.open(t, old, r.members[0], "")
		quietID := openingID(t, w, old, quiet.members[0])
		w.post(t, r, numbered(0, 5)...)
		ids := expect(t, stream, numbered(0, 5)...)
		old.stop()
		w.post(t, r, numbered(5, 10)...)
		fresh := w.start(t)
		expect(t, w.open(t, fresh, r.members[0], ids[1]), numbered(2, 10)...)
		resumed := w.open(t, fresh, quiet.members[0], quietID)
		w.post(t, quiet, "first")
		expect(t, resumed, "first")
	})
}

func TestTwoEdgesServeAUserAlike(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		a, b := w.start(t), w.start(t)
		r := newRoom("alice", "bob")
		atA, atB := w.open(t, a, r.members[0], ""), w.open(t, b, r.members[0], "")
		w.post(t, r, numbered(0, 50)...)
		fromA, fromB := expect(t, atA, numbered(0, 50)...), expect(t, atB, numbered(0, 50)...)
		for other, ids := range map[*node][]string{b: fromA, a: fromB} {
			for i, id := range ids[40:] {
				resumed := w.open(t, other, r.members[0], id)
				expect(t, resumed, numbered(41+i, 50)...)
				resumed.Close()
			}
		}
	})
}

// A client that moves from edge to edge while messages come in gets each once and in order.
func TestClientsThatMoveBetweenEdgesMissNothing(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		const messages = 300
		cfg := config()
		cfg.KeepAlive = 5 * time.Millisecond // tells the clients all the time where they stand
		nodes := []*node{w.startWith(t, cfg, telemetry.Discard(nil)), w.startWith(t, cfg, telemetry.Discard(nil))}
		r, others := newRoom("a", "b", "c", "d", "e", "f", "g", "h"), newRoom(numbered(0, 50)...)
		move := func(stream *client.Stream, token string, seed int) error {
			for got := 0; got < messages; {
				n := min(messages-got, 1+(seed+got)%23)
				if _, err := read(stream, numbered(got, got+n)...); err != nil {
					return err
				}
				got += n
				last := stream.LastEventID()
				stream.Close()
				var err error
				if stream, err = w.dial(t.Context(), nodes[(seed+got)%2], token, last); err != nil {
					return err
				}
			}
			stream.Close()
			return nil
		}
		var done sync.WaitGroup
		for i, user := range r.members {
			token := w.issuer.Token(t, user.ID, user.DisplayName)
			stream := w.openWith(t, nodes[i%2], token, "")
			done.Go(func() {
				if err := move(stream, token, i); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			})
		}
		for n := 0; n < messages; n += 10 {
			w.post(t, others, numbered(n, n+5)...)
			w.post(t, r, numbered(n, n+10)...)
		}
		done.Wait()
	})
}

// A producer that was killed before it knew of its success writes the same events once more.
func TestEventsThatAreInTheLogTwiceAreDeliveredOnce(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		n := w.start(t)
		r := newRoom("alice", "bob", "carol")
		alice := w.open(t, n, r.members[0], "")
		w.post(t, r, numbered(0, 20)...)
		ids := expect(t, alice, numbered(0, 20)...)
		records := w.log(t, r, 20)
		for _, again := range [][]bus.Record{records, records[7:], records[:3]} {
			if _, err := w.producer.ProduceAll(t.Context(), again); err != nil {
				t.Fatal(err)
			}
		}
		w.post(t, r, "after")
		expect(t, alice, "after")
		expect(t, w.open(t, n, r.members[0], ids[0]), append(numbered(1, 20), "after")...)
		fresh := w.start(t)
		expect(t, w.open(t, fresh, r.members[0], ids[0]), append(numbered(1, 20), "after")...)
	})
}

// log reads so many records of a room.
func (w *world) log(t *testing.T, r room, n int) []bus.Record {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), servicetest.Timeout)
	defer stop()
	var mu sync.Mutex
	var records []bus.Record
	reader, err := w.bus.NewReader(bus.ReaderConfig{
		Topics: []string{events.TopicRooms}, Since: time.Now().Add(-time.Minute), MaxBatch: 10,
		Handler: func(_ context.Context, batch []bus.Record) error {
			mu.Lock()
			defer mu.Unlock()
			for _, record := range batch {
				if record.Key == r.id.String() {
					records = append(records, record)
				}
			}
			if len(records) == n {
				stop()
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if len(records) != n {
		t.Fatalf("%d records of the room", len(records))
	}
	return records
}

// altered is an id whose decoded bytes have been changed.
func altered(t *testing.T, id string, change func(raw []byte) []byte) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		t.Fatalf("id %q: %v", id, err)
	}
	return base64.RawURLEncoding.EncodeToString(change(raw))
}

func TestResyncWhereAStreamCannotResume(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		const kept = 1000 // others may write to the same Kafka meanwhile
		cfg := config()
		cfg.RingRecords = kept
		cfg.QueueEvents, cfg.QueueBytes = 2*kept, 16<<20 // all at once
		n := w.startWith(t, cfg, telemetry.Discard(nil))
		r := newRoom("alice")
		stream := w.open(t, n, r.members[0], "")
		w.post(t, r, numbered(0, kept+100)...)
		ids := expect(t, stream, numbered(0, kept+100)...)
		ofOtherLogs := altered(t, ids[0], func(raw []byte) []byte { raw[0] ^= 1; return raw })
		ahead := altered(t, ids[len(ids)-1], func(raw []byte) []byte {
			first, length := binary.Uvarint(raw[4:]) // the first partition's offset, behind the digest; its last bit says whether a leader epoch follows
			return append(binary.AppendUvarint(raw[:4:4], first|1<<41), raw[4+length:]...)
		})
		for id, reason := range map[string]string{
			ids[0]:      "expired",
			"nonsense!": "malformed",
			"-1--1":     "malformed",
			ofOtherLogs: "other-logs",
			ahead:       "unknown-position",
		} {
			resumed := w.open(t, n, r.members[0], id)
			event := next(t, resumed)
			var got wire.Resync
			if err := json.Unmarshal(event.Data, &got); err != nil || got.Type != "Resync" || got.Reason != reason {
				t.Errorf("behind %s: %s, %v", id, event.Data, err)
			}
			if event.ID == id || event.ID == "" {
				t.Errorf("behind %s the id is %q", id, event.ID)
			}
			resumed.Close()
			w.post(t, r, "on")
			expect(t, stream, "on")
			expect(t, w.open(t, n, r.members[0], event.ID), "on")
		}
	})
}

func TestLastEventIDInTheQuery(t *testing.T) {
	w := newEmbeddedWorld(t)
	n := w.start(t)
	r := newRoom("alice")
	stream := w.open(t, n, r.members[0], "")
	w.post(t, r, "0", "1", "2")
	ids := expect(t, stream, "0", "1", "2")
	first := func(query, header string) string {
		headers := map[string]string{}
		if header != "" {
			headers["Last-Event-ID"] = header
		}
		at := *n
		at.base += "/api/sse?last_event_id=" + url.QueryEscape(query)
		raw := rawStream(t, w, &at, r.members[0], headers)
		for line := range raw.lines(t) {
			if data, found := strings.CutPrefix(line, "data: "); found {
				return data
			}
		}
		return ""
	}
	for _, c := range []struct{ query, header, want string }{
		{ids[0], "", `"text":"1"`},
		{ids[0], ids[1], `"text":"2"`},
		{"nonsense!", ids[0], `"text":"1"`},
		{"nonsense!", "", `"reason":"malformed"`},
		{ids[0], "nonsense!", `"reason":"malformed"`},
	} {
		if got := first(c.query, c.header); !strings.Contains(got, c.want) {
			t.Errorf("query %q, header %q: %s", c.query, c.header, got)
		}
	}
}

func TestDrainEndsStreamsWhichResumeElsewhere(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		a, b := w.start(t), w.start(t)
		r := newRoom("alice")
		stream := w.open(t, a, r.members[0], "")
		w.post(t, r, "before")
		expect(t, stream, "before")
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			a.stop()
		}()
		end(t, stream) // while the node stops, or before
		select {
		case <-stopped:
		case <-time.After(servicetest.Timeout):
			t.Fatal("the node does not stop")
		}
		if retry := stream.Retry(); retry < 500*time.Millisecond || retry > 5*time.Second || retry == 2*time.Second {
			t.Errorf("the client is to come back after %v", retry)
		}
		w.post(t, r, "meanwhile")
		expect(t, w.open(t, b, r.members[0], stream.LastEventID()), "meanwhile")
	})
}

func TestSlowClientIsCutAndOthersGoOn(t *testing.T) {
	w := newEmbeddedWorld(t)
	cfg := config()
	cfg.QueueEvents, cfg.KeepAlive = 20, time.Minute
	cfg.RingBytes = 64 << 20 // the slow client is cut soon, and has missed most
	n := w.startWith(t, cfg, telemetry.Discard(nil))
	r := newRoom("alice", "bob")
	quick := w.open(t, n, r.members[0], "")
	slow := rawStream(t, w, n, r.members[1], nil)
	const messages = 1500
	var want []string
	padding := strings.Repeat("x", 12_000)
	for i := range messages {
		want = append(want, fmt.Sprintf("%d %s", i, padding))
	}
	for i := 0; i < messages; i += 10 {
		w.post(t, r, want[i:i+10]...)
		expect(t, quick, want[i:i+10]...)
	}
	got, last := 0, ""
	id := ""
	for line := range slow.lines(t) { // ends with the stream
		switch {
		case strings.HasPrefix(line, "id: "):
			id = strings.TrimPrefix(line, "id: ")
		case strings.HasPrefix(line, "data: "):
			got++
		case line == "":
			last = id
		}
	}
	if got >= messages {
		t.Fatal("the slow client was not cut")
	}
	whole := w.open(t, n, r.members[1], last)
	first, err := textOf(next(t, whole))
	if err != nil {
		t.Fatal(err)
	}
	from := slices.Index(want, first)
	if from < 0 || from > got {
		t.Fatalf("after %d events it resumes with number %d", got, from)
	}
	expect(t, whole, want[from+1:]...)
}
