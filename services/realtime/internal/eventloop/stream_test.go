package eventloop

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

func TestStreamCarriesEventsAndComments(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		cfg := config()
		cfg.KeepAlive = 300 * time.Millisecond
		w := serve(t, over, cfg)
		c := w.open(uuid.New(), "")
		w.source.send("one")
		w.source.send("two")
		c.await("two\n\n:\n\n")
		w.source.send("")
		c.await(":\nid: 7-44\n\n:\n\n:\n\n")
		if got := strings.ReplaceAll(c.body(), ":\n\n", ""); got != opening+"id: 7-42\ndata: one\n\nid: 7-43\ndata: two\n\n:\nid: 7-44\n\n" {
			t.Errorf("got %q", got)
		}
	})
}

// A client that had the position before the event there would never get the event.
func TestPositionIsNotAnnouncedBeforeItsEvent(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		cfg := config()
		cfg.KeepAlive = 300 * time.Millisecond
		w := serve(t, over, cfg)
		c := w.open(uuid.New(), "")
		w.source.mu.Lock()
		w.source.arriving = "just now"
		w.source.mu.Unlock()
		c.await("just now\n\n")
		servicetest.Await(t, "a keep-alive", func() bool { return strings.HasSuffix(c.body(), ":\n\n") })
		if got := strings.ReplaceAll(strings.TrimPrefix(c.body(), opening), ":\n\n", ""); got != "id: 7-42\ndata: just now\n\n" {
			t.Errorf("got %q", got)
		}
	})
}

func TestBacklogComesFirst(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		cfg := config()
		cfg.QueueEvents, cfg.QueueBytes = 10, 1000
		w := serve(t, over, cfg)
		var want strings.Builder
		want.WriteString(opening)
		for offset := range int64(20_000) { // far more than a queue or a socket's buffers hold
			next := frame(100+offset, strings.Repeat("x", 200))
			next.Seq = 0
			w.source.backlog = append(w.source.backlog, next)
			want.WriteString(text(next))
		}
		c := w.open(uuid.New(), "&last_event_id=7-41")
		w.source.send("live")
		want.WriteString("id: 7-42\ndata: live\n\n")
		c.await("live\n\n")
		if got := c.body(); got != want.String() {
			t.Errorf("got %d bytes, want %d", len(got), want.Len())
		}
	})
}

func TestLargeEventsAreWrittenWhole(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		w := serve(t, over, config())
		c := w.open(uuid.New(), "")
		want := opening
		for i, size := range []int{1, gatherForTest - 30, 1, gatherForTest, 3 * gatherForTest, 7, 3_000_000} {
			data := strings.Repeat(string(rune('a'+i)), size)
			w.source.send(data)
			want += text(frame(int64(42+i), data))
		}
		w.source.send("last")
		c.await("last")
		if got, _ := strings.CutSuffix(c.body(), "id: 7-49\ndata: last\n\n"); got != want {
			t.Errorf("got %d bytes, want %d", len(got), len(want))
		}
	})
}

// gatherForTest is about how much is written at once.
const gatherForTest = 64 << 10

func endedEvent(t *testing.T, text, reason string) {
	t.Helper()
	var at string
	if _, err := fmt.Sscanf(text, `data: {"type":"StreamEnded","reason":"`+reason+`","createdAt":%q}`+"\n\n", &at); err != nil {
		t.Fatalf("the stream ends with %q: %v", text, err)
	}
	if created, err := time.Parse(time.RFC3339, at); err != nil || time.Since(created) > time.Minute {
		t.Errorf("it ended at %q: %v", at, err)
	}
}

func TestStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, over func(*host) transport) {
		t.Parallel()
		w := serve(t, over, config())
		begun := time.Now()
		c := w.open(uuid.New(), "&for=3s")
		w.source.send("")
		text, found := strings.CutPrefix(c.awaitEnd(), opening+"id: 7-42\n")
		if took := time.Since(begun); !found || took < 2900*time.Millisecond {
			t.Errorf("after %v it ends with %q", took, text)
		}
		endedEvent(t, text, "expired")
		w.await(0)
		if w.ended(stream.Expired) != 1 {
			t.Error("it is not counted")
		}
	})
}

func TestStreamsOfAnExpiredTokenEnd(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		w := serve(t, over, config())
		text, _ := strings.CutPrefix(w.open(uuid.New(), "&for=-1s").awaitEnd(), opening)
		endedEvent(t, text, "expired")
	})
}

func TestUserIsDisconnected(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		w := serve(t, over, config())
		alice, bob := uuid.New(), uuid.New()
		of := []*client{w.open(alice, ""), w.open(alice, "")}
		other := w.open(bob, "")
		w.source.send("last")
		w.EndUser(alice, stream.Disconnected)
		for _, c := range of {
			text, found := strings.CutPrefix(c.awaitEnd(), opening+"id: 7-42\ndata: last\n\n")
			if !found {
				t.Errorf("it ends with %q", text)
			}
			endedEvent(t, text, "disconnected")
		}
		w.await(1)
		w.source.send("on")
		other.await("on\n\n")
		w.EndUser(uuid.New(), stream.Disconnected)
	})
}

// A stream is looked at once it would be ended with its session, so that none slips through while it is opened.
func TestSessionsThatAreEndedEndTheirStreamsAlone(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		var out atomic.Pointer[string]
		cfg := config()
		cfg.SignedOut = func(of authn.Session) bool { ended := out.Load(); return ended != nil && of.ID == *ended }
		w := serve(t, over, cfg)
		alice := uuid.New()
		of, same, another := w.open(alice, "&sid=s-1"), w.open(uuid.New(), "&sid=s-1"), w.open(alice, "&sid=s-2")
		w.source.send("last")
		out.Store(new("s-1"))
		for c, user := range map[*client]uuid.UUID{of: alice, same: uuid.Nil} {
			w.EndSignedOut(user)
			text, found := strings.CutPrefix(c.awaitEnd(), opening+"id: 7-42\ndata: last\n\n")
			if !found {
				t.Errorf("it ends with %q", text)
			}
			endedEvent(t, text, "signed-out")
		}
		w.await(1)
		w.source.send("on")
		another.await("on\n\n")
	})
}

func TestAllAreEndedAndMayComeBack(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		w := serve(t, over, config())
		alice, bob := uuid.New(), uuid.New()
		of := []*client{w.open(alice, ""), w.open(alice, ""), w.open(bob, "")}
		w.source.send("last")
		w.EndAll()
		for _, c := range of {
			if text := c.awaitEnd(); !strings.HasPrefix(text, opening+"id: 7-42\ndata: last\n\n") || !strings.Contains(text, "retry: ") {
				t.Errorf("it ends with %q", text)
			}
		}
		again := w.open(alice, "")
		w.await(1)
		w.source.send("on")
		again.await("on\n\n")
	})
}

func TestOneStreamTooManyReplacesTheOldest(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		cfg := config()
		cfg.MaxPerUser = 3
		w := serve(t, over, cfg)
		user := uuid.New()
		other := w.open(uuid.New(), "")
		var all []*client
		for range 8 {
			all = append(all, w.open(user, ""))
		}
		for _, c := range all[:5] {
			text, _ := strings.CutPrefix(c.awaitEnd(), opening+"retry: 30000\n")
			endedEvent(t, text, "replaced")
		}
		w.await(4)
		w.source.send("on")
		for _, c := range append(all[5:], other) {
			c.await("on\n\n")
		}
		if w.ended(stream.Replaced) != 5 {
			t.Errorf("%d are counted", w.ended(stream.Replaced))
		}
	})
}

// Streams that cannot be told to end must not let their user have more and more of them.
func TestStreamsThatCannotEndAreCut(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		cfg := config()
		cfg.MaxPerUser = 2
		w := serve(t, over, cfg)
		user := uuid.New()
		for i := range 10 {
			c := w.stalled(user)
			servicetest.Await(t, "the stream is open or another has been cut", func() bool { return w.source.streams() >= min(i+1, 3) })
			w.fill(c)
		}
		servicetest.Await(t, "the others are cut", func() bool { open, _ := w.registry.saturation(); return open <= 4 })
	})
}

// fill sends until the streams of those who do not read have something to write.
func (w *world) fill(*client) {
	servicetest.Await(w.t, "a stream has to wait", func() bool {
		w.source.send(strings.Repeat("x", 50_000))
		_, bytes := w.registry.newestOf().waiting()
		return bytes > 100_000
	})
}

func (r *registry) newestOf() *connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.newest {
		return c
	}
	return &connection{}
}

func TestTooManyStreamsAreRefused(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		cfg := config()
		cfg.MaxStreams = 2
		w := serve(t, over, cfg)
		first := w.open(uuid.New(), "")
		w.open(uuid.New(), "")
		response := w.get(http.MethodGet, "")
		if response.status != http.StatusServiceUnavailable || response.body != "too-many-streams" {
			t.Errorf("%+v", response)
		}
		_ = first.Close()
		w.await(1)
		w.open(uuid.New(), "")
		w.await(2)
	})
}

func TestDescriptorsBoundTheStreams(t *testing.T) {
	for _, c := range []struct {
		descriptors uint64
		allowed     int
		warned      bool
	}{{400, 300, true}, {2000, 1500, true}, {4000, 3488, true}, {10_000, 5000, false}, {1<<64 - 1, 5000, false}} {
		w := serveWith(t, newTransport, config(), options{descriptors: c.descriptors})
		if _, limit := w.registry.saturation(); int(limit) != c.allowed {
			t.Errorf("with %d descriptors %v streams are allowed, want %d", c.descriptors, limit, c.allowed)
		}
		if got := strings.Contains(w.log.String(), "level=WARN"); got != c.warned {
			t.Errorf("with %d descriptors: %q", c.descriptors, w.log)
		}
	}
	if limit := descriptorLimit(); limit < 256 {
		t.Errorf("this process may have %d descriptors", limit)
	}
}

func TestGoneClientFreesItsSlot(t *testing.T) {
	leave := map[string]func(c *client) error{
		"it closes":          func(c *client) error { return c.Close() },
		"it closes one side": func(c *client) error { return c.CloseWrite() },
		"it resets":          func(c *client) error { _ = c.SetLinger(0); return c.Close() },
		"it closes behind what it has sent": func(c *client) error {
			_, _ = c.Write([]byte("x"))
			return c.CloseWrite()
		},
	}
	onEach(t, func(t *testing.T, over func(*host) transport) {
		for name, leave := range leave {
			t.Run(name, func(t *testing.T) {
				w := serve(t, over, config())
				c := w.open(uuid.New(), "")
				stays := w.open(uuid.New(), "")
				w.await(2)
				if err := leave(c); err != nil {
					t.Fatal(err)
				}
				w.await(1) // nothing is written: a keep-alive, which would find it, is far away
				if w.ended(stream.Gone) != 1 {
					t.Error("it is not counted")
				}
				w.source.send("on")
				stays.await("on\n\n")
			})
		}
	})
}

func TestWritesShowInTheSnapshot(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		w := serve(t, over, config())
		alice, bob := uuid.New(), uuid.New()
		w.open(alice, "")
		w.open(alice, "")
		w.stalled(bob)
		w.await(3)
		for range 200 {
			w.source.send(strings.Repeat("x", 50_000))
		}
		servicetest.Await(t, "only the stalled stream waits", func() bool { return len(w.Snapshot().Slowest) == 1 })
		s := w.Snapshot()
		if s.Streams != 3 || s.Users != 2 || s.MaxStreams != 5000 || len(s.Oldest) != 3 || s.Oldest[0].User != alice {
			t.Errorf("%+v", s)
		}
		if slow := s.Slowest[0]; slow.User != bob || slow.QueueBytes != s.QueueBytes || s.QueueBytes < 1_000_000 || slow.QueueEvents != s.QueueEvents || s.QueueEvents < 20 {
			t.Errorf("%+v", s)
		}
		sum := 0
		for _, l := range s.Loops {
			sum += l.Streams
		}
		if len(s.Loops) > 0 && sum != 3 {
			t.Errorf("the loops have %+v", s.Loops)
		}
	})
}
