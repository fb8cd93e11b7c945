package hijack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

func config() Config {
	return Config{
		Config: stream.Config{
			KeepAlive: 5 * time.Second, WriteTimeout: 10 * time.Second, Retry: 2 * time.Second, QueueEvents: 10, QueueBytes: 1000,
		},
		MaxStreams: 100, MaxPerUser: 10,
	}
}

// feed is a source of one partition whose events all go to every stream.
type feed struct {
	mu       sync.Mutex
	position int64
	backlog  []sse.Frame
	subs     map[stream.Subscriber]bool
	stuck    bool   // Attach waits for its context
	arriving string // data of an event that comes just before the position is read
}

func newFeed() *feed { return &feed{position: 41, subs: map[stream.Subscriber]bool{}} }

func (f *feed) Attach(ctx context.Context, _ uuid.UUID, _ string, sub stream.Subscriber) (stream.Attachment, error) {
	if f.stuck {
		<-ctx.Done()
		return stream.Attachment{}, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subs[sub] = true
	at := positionOf(f.position)
	return stream.Attachment{Seq: at.Seq, Opening: append(at.ID, '\n'), Backlog: f.backlog}, nil
}

func (f *feed) Detach(_ uuid.UUID, sub stream.Subscriber) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.subs, sub)
}

func (f *feed) Position() sse.Position {
	f.mu.Lock()
	data := f.arriving
	f.arriving = ""
	f.mu.Unlock()
	if data != "" {
		f.send(data)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return positionOf(f.position)
}

func (f *feed) streams() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subs)
}

func positionOf(offset int64) sse.Position {
	return sse.Position{Seq: uint64(offset + 1), ID: fmt.Appendf(nil, "id: 7-%d\n", offset)}
}

func frame(offset int64, data string) sse.Frame {
	at := positionOf(offset)
	return sse.Frame{ID: at.ID, Seq: at.Seq, Event: &sse.Event{Data: fmt.Appendf(nil, "data: %s\n\n", data), At: time.Now()}}
}

func text(frame sse.Frame) string { return string(frame.ID) + string(frame.Event.Data) }

// send moves the position and, with data, delivers an event there.
func (f *feed) send(data string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.position++
	if data == "" {
		return
	}
	for sub := range f.subs {
		if !sub.Offer(frame(f.position, data)) {
			delete(f.subs, sub)
		}
	}
}

// peer is the client's end of a stream, of which it reads everything as it comes, or nothing.
type peer struct {
	conn net.Conn
	done chan struct{} // closed when the stream has ended and its layer has let go of it

	mu   sync.Mutex
	text strings.Builder
	err  error
}

func open(t *testing.T, h *Server, request Request, reading bool) *peer {
	t.Helper()
	if request.ExpiresAt.IsZero() {
		request.ExpiresAt = time.Now().Add(time.Hour)
	}
	server, client := net.Pipe()
	admitted, err := h.admit(request.User)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{conn: client, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		defer h.release(admitted)
		h.carry(server, []byte("HTTP/1.1 200 OK\r\n\r\n"), request, admitted)
	}()
	if reading {
		go p.read()
	}
	synctest.Wait()
	return p
}

func (p *peer) read() {
	buffer := make([]byte, 4096)
	for {
		n, err := p.conn.Read(buffer)
		p.mu.Lock()
		p.text.Write(buffer[:n])
		p.err = err
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// got is what has been read since it was last asked for.
func (p *peer) got() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	text := p.text.String()
	p.text.Reset()
	return text
}

func (p *peer) ended(t *testing.T) bool {
	t.Helper()
	synctest.Wait()
	select {
	case <-p.done:
	default:
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil && !errors.Is(p.err, io.EOF) {
		t.Errorf("the stream ended with %v", p.err)
	}
	return true
}

func drain(t *testing.T, h *Server, timeout time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	h.Drain(ctx)
}

const opening = "HTTP/1.1 200 OK\r\n\r\nretry: 2000\nid: 7-41\n\n"

func TestStreamCarriesEventsAndComments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFeed()
		h := New(config(), source, telemetry.Discard(nil))
		p := open(t, h, Request{}, true)
		if got := p.got(); got != opening {
			t.Errorf("opening %q", got)
		}
		source.send("one")
		source.send("two")
		if got := p.got(); got != "id: 7-42\ndata: one\n\nid: 7-43\ndata: two\n\n" {
			t.Errorf("events %q", got)
		}
		time.Sleep(5 * time.Second)
		if got := p.got(); got != ":\n\n" {
			t.Errorf("keep-alive %q", got)
		}
		source.send("")
		time.Sleep(5 * time.Second)
		if got := p.got(); got != ":\nid: 7-44\n\n" {
			t.Errorf("keep-alive after others' events %q", got)
		}
		time.Sleep(5 * time.Second)
		if got := p.got(); got != ":\n\n" {
			t.Errorf("next keep-alive %q", got)
		}
		drain(t, h, time.Second)
	})
}

// A client that had the position before the event there would never get the event.
func TestPositionIsNotAnnouncedBeforeItsEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFeed()
		h := New(config(), source, telemetry.Discard(nil))
		p := open(t, h, Request{}, true)
		p.got()
		source.mu.Lock()
		source.arriving = "just now"
		source.mu.Unlock()
		time.Sleep(5 * time.Second)
		if got := p.got(); got != "id: 7-42\ndata: just now\n\n:\n\n" {
			t.Errorf("got %q", got)
		}
		drain(t, h, time.Second)
	})
}

func TestBacklogComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFeed()
		var want strings.Builder
		want.WriteString(opening)
		for offset := int64(42); offset < 1042; offset++ { // far more than a queue holds
			next := frame(offset, strings.Repeat("x", 200))
			source.backlog = append(source.backlog, next)
			want.WriteString(text(next))
		}
		h := New(config(), source, telemetry.Discard(nil))
		p := open(t, h, Request{LastEventID: "7-41"}, true)
		if got := p.got(); got != want.String() {
			t.Errorf("got %d bytes, want %d", len(got), want.Len())
		}
		drain(t, h, time.Second)
	})
}

func TestStreamEndsWithItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFeed()
		h := New(config(), source, telemetry.Discard(nil))
		p := open(t, h, Request{ExpiresAt: time.Now().Add(12 * time.Second)}, true)
		time.Sleep(12*time.Second - 1)
		source.send("")
		if p.ended(t) {
			t.Error("the stream ended early")
		}
		p.got()
		time.Sleep(time.Nanosecond)
		if !p.ended(t) {
			t.Error("the stream outlives its token")
		}
		if got := p.got(); got != "id: 7-42\n\n" {
			t.Errorf("it ends with %q", got)
		}
		if source.streams() != 0 {
			t.Error("it is still subscribed")
		}
		drain(t, h, time.Second)
	})
}

func TestDrainTellsWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFeed()
		h := New(config(), source, telemetry.Discard(nil))
		var peers []*peer
		for range 50 {
			peers = append(peers, open(t, h, Request{User: uuid.New()}, true))
		}
		source.send("last")
		drain(t, h, time.Second)
		waits := map[int]bool{}
		for _, p := range peers {
			var wait int
			if !p.ended(t) {
				t.Fatal("a stream is still open")
			}
			text, found := strings.CutPrefix(p.got(), opening+"id: 7-42\ndata: last\n\n")
			if _, err := fmt.Sscanf(text, "retry: %d\n\n", &wait); !found || err != nil || wait < 500 || wait > 5000 {
				t.Errorf("the stream ends with %q, %v", text, err)
			}
			waits[wait] = true
		}
		if len(waits) < 10 {
			t.Errorf("clients come back after only %d different times", len(waits))
		}
		if source.streams() != 0 {
			t.Error("streams are still subscribed")
		}
		if _, err := h.admit(uuid.New()); err == nil {
			t.Error("a stream was opened after the drain")
		}
	})
}

func TestDrainCutsWhoDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFeed()
		h := New(config(), source, telemetry.Discard(nil))
		p := open(t, h, Request{}, false)
		begun := time.Now()
		drain(t, h, 3*time.Second)
		if took := time.Since(begun); took != 3*time.Second || !p.ended(t) {
			t.Errorf("the drain took %v", took)
		}
	})
}

func TestDrainEndsAStreamThatIsStillAttaching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFeed()
		source.stuck = true
		h := New(config(), source, telemetry.Discard(nil))
		p := open(t, h, Request{}, true)
		drain(t, h, time.Second)
		if !p.ended(t) {
			t.Error("it is still open")
		}
	})
}

func TestClientThatDoesNotReadIsCutAndOthersGoOn(t *testing.T) {
	for name, send := range map[string]string{"events": "x", "bytes": strings.Repeat("x", 300)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := newFeed()
				h := New(config(), source, telemetry.Discard(nil))
				slow, quick := open(t, h, Request{}, false), open(t, h, Request{}, true)
				var want strings.Builder
				want.WriteString(opening)
				for i := range 11 {
					source.send(send)
					want.WriteString(text(frame(int64(42+i), send)))
					synctest.Wait()
				}
				if !slow.ended(t) {
					t.Error("the slow stream is still open")
				}
				if got := quick.got(); got != want.String() {
					t.Errorf("the other stream got %q", got)
				}
				if source.streams() != 1 {
					t.Errorf("%d streams are subscribed", source.streams())
				}
				drain(t, h, time.Second)
			})
		})
	}
}

func TestSingleEventMayExceedTheQueuesBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFeed()
		h := New(config(), source, telemetry.Discard(nil))
		p := open(t, h, Request{}, true)
		source.send(strings.Repeat("x", 5000))
		if got := p.got(); len(got) < 5000 {
			t.Errorf("got %d bytes", len(got))
		}
		drain(t, h, time.Second)
	})
}

func TestWriteThatTakesTooLongEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(config(), newFeed(), telemetry.Discard(nil))
		begun := time.Now()
		p := open(t, h, Request{}, false)
		<-p.done
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("it ended after %v", took)
		}
		drain(t, h, time.Second)
	})
}

func TestGoneClientIsNoticedAtAKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFeed()
		h := New(config(), source, telemetry.Discard(nil))
		p := open(t, h, Request{}, true)
		_ = p.conn.Close()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		select {
		case <-p.done:
		default:
			t.Error("the stream is still open")
		}
		if source.streams() != 0 {
			t.Error("it is still subscribed")
		}
		drain(t, h, time.Second)
	})
}
