package eventloop

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

func TestDrainTellsWhenToComeBack(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		w := serve(t, over, config())
		var clients []*client
		for _, user := range users(50) {
			clients = append(clients, w.open(user, ""))
		}
		w.source.send("last")
		w.drain()
		waits := map[int]bool{}
		for _, c := range clients {
			var wait int
			text, found := strings.CutPrefix(c.awaitEnd(), opening+"id: 7-42\ndata: last\n\n")
			if _, err := fmt.Sscanf(text, "retry: %d\n\n", &wait); !found || err != nil || wait < 500 || wait > 5000 {
				t.Errorf("the stream ends with %q, %v", text, err)
			}
			waits[wait] = true
		}
		if len(waits) < 10 {
			t.Errorf("clients come back after only %d different times", len(waits))
		}
		if w.source.streams() != 0 || w.ended(stream.Drained) != 50 {
			t.Errorf("%d streams are still subscribed, %d are counted", w.source.streams(), w.ended(stream.Drained))
		}
		if got := w.get(http.MethodGet, ""); got.status != http.StatusServiceUnavailable || got.body != "draining" {
			t.Errorf("after the drain: %+v", got)
		}
	})
}

func TestDrainCutsWhoDoesNotRead(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		w := serve(t, over, config())
		w.stalled(uuid.New())
		w.await(1)
		for range 200 {
			w.source.send(strings.Repeat("x", 50_000))
		}
		reads := w.open(uuid.New(), "")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			w.Drain(ctx)
		}()
		if !strings.Contains(reads.awaitEnd(), "retry: ") {
			t.Error("who reads is not told")
		}
		servicetest.Await(t, "who does not read is left", func() bool { open, _ := w.registry.saturation(); return open == 1 })
		select {
		case <-drained:
			t.Error("the drain ends while a stream has something to write, and time")
		default:
		}
		cancel()
		servicetest.Await(t, "the drain ends with its context", func() bool {
			select {
			case <-drained:
				return true
			default:
				return false
			}
		})
		if w.ended(stream.Drained) != 2 {
			t.Errorf("%d are counted", w.ended(stream.Drained))
		}
	})
}

func TestDrainEndsAStreamThatIsStillAttaching(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		w := serve(t, over, config())
		w.source.stuck = true
		c := w.dial(request(uuid.New(), ""))
		go c.read(make([]byte, 100))
		servicetest.Await(t, "it is attaching", func() bool { open, _ := w.registry.saturation(); return open == 1 })
		w.drain()
		<-c.done
		if w.ended(stream.Drained) != 1 {
			t.Error("it has not ended as drained")
		}
	})
}

func TestDrainOverATime(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		cfg := config()
		cfg.DrainOver = time.Second
		w := serve(t, over, cfg)
		for _, user := range users(100) {
			w.open(user, "")
		}
		begun := time.Now()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			w.drain()
		}()
		var halfway time.Duration
		servicetest.Await(t, "half of the streams have ended", func() bool {
			halfway = time.Since(begun)
			return w.source.streams() <= 50
		})
		<-drained
		if took := time.Since(begun); halfway < 350*time.Millisecond || took < 900*time.Millisecond {
			t.Errorf("half of the streams had ended after %v, all after %v", halfway, took)
		}
	})
}

func TestDrainOverATimeEndsWithItsContext(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		cfg := config()
		cfg.DrainOver = time.Hour
		w := serve(t, over, cfg)
		c := w.open(uuid.New(), "")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		w.Drain(ctx)
		c.awaitEnd()
	})
}

// Thousands of streams end at once: by their token, and by a drain.
func TestManyEndAtOnce(t *testing.T) {
	const many = 1500
	for name, end := range map[string]struct {
		query string
		end   func(w *world)
		want  string
	}{
		"their tokens expire": {"&for=3s", func(*world) {}, `"reason":"expired"`},
		"the process drains":  {"", func(w *world) { w.drain() }, "retry: "},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, over func(*host) transport) {
				w := serve(t, over, config())
				var clients []*client
				for i, user := range users(many) {
					c := w.dial(request(user, end.query))
					go c.read(make([]byte, 512))
					clients = append(clients, c)
					servicetest.Await(t, "most are open or have been", func() bool { return w.source.streams()+w.ended(stream.Expired) >= i-100 })
				}
				servicetest.Await(t, "all are open or have been", func() bool { return w.source.streams()+w.ended(stream.Expired) == many })
				end.end(w)
				for _, c := range clients {
					if text := strings.TrimPrefix(c.awaitEnd(), opening); !strings.Contains(text, end.want) {
						t.Fatalf("a stream ends with %q", text)
					}
				}
				w.await(0)
				if w.ended(stream.Expired)+w.ended(stream.Drained) != many {
					t.Errorf("%d and %d are counted", w.ended(stream.Expired), w.ended(stream.Drained))
				}
			})
		})
	}
}
