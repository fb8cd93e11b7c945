package stream

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

const (
	start    = time.Minute // what the layer's clock shows at first
	lifetime = time.Hour   // of the token
)

func config() *Config {
	return &Config{
		KeepAlive: 5 * time.Second, WriteTimeout: 10 * time.Second, Retry: 2 * time.Second, QueueEvents: 4, QueueBytes: 200,
	}
}

// position is where an edge is that has taken everything up to the offset.
func position(offset int64) sse.Position {
	return sse.Position{Seq: uint64(offset + 1), ID: fmt.Appendf(nil, "id: 7-%d\n", offset)}
}

func frame(offset int64, data string) sse.Frame {
	at := position(offset)
	return sse.Frame{ID: at.ID, Seq: at.Seq, Event: &sse.Event{Data: fmt.Appendf(nil, "data: %s\n\n", data)}}
}

func text(frame sse.Frame) string { return string(frame.ID) + string(frame.Event.Data) }

func opening(offset int64, backlog ...sse.Frame) Opening {
	at := position(offset)
	return Opening{Header: []byte("HTTP/1.1 200 OK\r\n\r\n"), Seq: at.Seq, Text: append(at.ID, '\n'), Backlog: backlog}
}

const opened = "HTTP/1.1 200 OK\r\n\r\nretry: 2000\nid: 7-41\n\n"

// layer is a connection layer without a connection: a stream, the time at it, and what its client has read since it was last asked.
type layer struct {
	Stream
	now  time.Duration
	text strings.Builder
}

func newLayer(cfg *Config) *layer {
	return &layer{Stream: New(cfg, start+lifetime), now: start}
}

func openLayer(cfg *Config) *layer {
	l := newLayer(cfg)
	l.Open(l.now, opening(41))
	return l
}

// read writes chunks to the end, at most so many, as a connection does whose client reads.
func (l *layer) read(chunks int) {
	for range chunks {
		chunk := l.Next(l.now, nil)
		if len(chunk.Buffers) == 0 {
			return
		}
		n := 0
		for _, buffer := range chunk.Buffers {
			l.text.Write(buffer)
			n += len(buffer)
		}
		l.Wrote(n, nil)
	}
}

// got is what the client has read once there is nothing more to write.
func (l *layer) got() string {
	l.read(1 << 20)
	text := l.text.String()
	l.text.Reset()
	return text
}

func (l *layer) pass(d time.Duration) { l.now += d }
func (l *layer) tick(offset int64)    { l.Tick(l.now, position(offset)) }
func (l *layer) drain(offset int64)   { l.Close(Drained, 3*time.Second, position(offset)) }

// tell makes the stream say why it ends.
func (l *layer) tell() {
	l.cfg.LastEvent = func(reason Reason) []byte { return fmt.Appendf(nil, "data: ended %s\n\n", reason) }
}

func (l *layer) offer(frames ...sse.Frame) {
	for _, f := range frames {
		l.Offer(f)
	}
}

func TestWhatIsWrittenInWhichOrder(t *testing.T) {
	const rest = time.Hour // until the token expires, and more than any test lasts
	for name, c := range map[string]struct {
		do    func(l *layer)
		want  string
		ended Reason
		due   time.Duration // after start; 0 where nothing is due
	}{
		"nothing before the opening": {
			func(l *layer) { l.offer(frame(42, "one")); l.pass(rest); l.tick(50) }, "", None, 0,
		},
		"the opening": {
			func(l *layer) { l.Open(l.now, opening(41)) }, opened, None, 5 * time.Second,
		},
		"what was offered before the opening comes behind it and its backlog": {
			func(l *layer) {
				l.offer(frame(44, "live"))
				l.Open(l.now, opening(41, frame(42, "one"), frame(43, "two")))
			},
			opened + "id: 7-42\ndata: one\n\nid: 7-43\ndata: two\n\nid: 7-44\ndata: live\n\n", None, 5 * time.Second,
		},
		"a keep-alive whose position the client has": {
			func(l *layer) {
				l.Open(l.now, opening(41))
				l.offer(frame(42, "one"))
				l.pass(5 * time.Second)
				l.tick(42)
			},
			opened + "id: 7-42\ndata: one\n\n:\n\n", None, 10 * time.Second,
		},
		"a keep-alive with a newer position": {
			func(l *layer) {
				l.Open(l.now, opening(41))
				l.offer(frame(42, "one"))
				l.pass(5 * time.Second)
				l.tick(43)
			},
			opened + "id: 7-42\ndata: one\n\n:\nid: 7-43\n\n", None, 10 * time.Second,
		},
		"no keep-alive before its time": {
			func(l *layer) { l.Open(l.now, opening(41)); l.pass(5*time.Second - 1); l.tick(43) }, opened, None, 5 * time.Second,
		},
		"one keep-alive for all that a slow write has missed": {
			func(l *layer) {
				l.Open(l.now, opening(41))
				l.Next(l.now, nil)
				for range 9 {
					l.pass(time.Second)
					l.tick(41)
				}
				l.read(1)
				l.pass(8 * time.Second)
				l.tick(42)
			},
			opened + ":\n\n", None, 20 * time.Second,
		},
		"what is offered while a keep-alive is written comes behind it": {
			func(l *layer) {
				l.Open(l.now, opening(41))
				l.pass(5 * time.Second)
				l.tick(42)
				l.read(1)
				l.Next(l.now, nil)
				l.offer(frame(43, "one"))
			},
			opened + ":\nid: 7-42\n\nid: 7-43\ndata: one\n\n", None, 10 * time.Second,
		},
		"what is offered before a keep-alive's turn has its position": {
			func(l *layer) {
				l.Open(l.now, opening(41))
				l.Next(l.now, nil)
				l.pass(5 * time.Second)
				l.tick(42)
				l.offer(frame(43, "one"))
			},
			opened + "id: 7-43\ndata: one\n\n:\n\n", None, 10 * time.Second,
		},
		"the token expires": {
			func(l *layer) {
				l.Open(l.now, opening(41))
				l.offer(frame(42, "one"))
				l.pass(lifetime)
				l.tick(42)
			},
			opened + "id: 7-42\ndata: one\n\n", Expired, 0,
		},
		"the token expires with a newer position": {
			func(l *layer) { l.Open(l.now, opening(41)); l.pass(lifetime); l.tick(43) }, opened + "id: 7-43\n\n", Expired, 0,
		},
		"the token has expired before the opening": {
			func(l *layer) { l.pass(rest); l.Open(l.now, opening(41, frame(42, "one"))); l.tick(42) },
			opened + "id: 7-42\ndata: one\n\n", Expired, 0,
		},
		"a drain": {
			func(l *layer) { l.Open(l.now, opening(41)); l.offer(frame(42, "one")); l.drain(42) },
			opened + "id: 7-42\ndata: one\n\nretry: 3000\n\n", Drained, 0,
		},
		"a drain with a newer position": {
			func(l *layer) { l.Open(l.now, opening(41)); l.drain(43) }, opened + "retry: 3000\nid: 7-43\n\n", Drained, 0,
		},
		"a drain before the opening": {
			func(l *layer) { l.drain(42); l.Open(l.now, opening(41, frame(42, "one"))) },
			opened + "id: 7-42\ndata: one\n\nretry: 3000\n\n", Drained, 0,
		},
		"a drain takes a keep-alive's turn, behind what was offered before": {
			func(l *layer) {
				l.Open(l.now, opening(41))
				l.pass(5 * time.Second)
				l.tick(43)
				l.offer(frame(44, "one"))
				l.drain(45)
			},
			opened + "id: 7-44\ndata: one\n\nretry: 3000\nid: 7-45\n\n", Drained, 0,
		},
		"a drain behind a keep-alive's frames takes the later ones too": {
			func(l *layer) {
				l.Open(l.now, opening(41))
				l.got()
				l.offer(frame(42, "one"))
				l.pass(5 * time.Second)
				l.tick(42)
				l.Next(l.now, nil)
				l.offer(frame(43, "two"))
				l.drain(43)
			},
			"id: 7-42\ndata: one\n\nid: 7-43\ndata: two\n\nretry: 3000\n\n", Drained, 0,
		},
		"a drain while the token expires": {
			func(l *layer) { l.Open(l.now, opening(41)); l.pass(lifetime); l.tick(42); l.drain(43) },
			opened + "retry: 3000\nid: 7-43\n\n", Drained, 0,
		},
		"the token expires while it is drained": {
			func(l *layer) { l.Open(l.now, opening(41)); l.drain(42); l.pass(lifetime); l.tick(43); l.drain(44) },
			opened + "retry: 3000\nid: 7-42\n\n", Drained, 0,
		},
		"what is offered behind the last lines is left to the next stream": {
			func(l *layer) {
				l.Open(l.now, opening(41))
				l.drain(42)
				l.read(1)
				l.Next(l.now, nil)
				l.offer(frame(43, "late"))
			},
			opened + "retry: 3000\nid: 7-42\n\n", Drained, 0,
		},
		"the token expires, and the client is told": {
			func(l *layer) { l.tell(); l.Open(l.now, opening(41)); l.pass(lifetime); l.tick(43) },
			opened + "id: 7-43\ndata: ended expired\n\n", Expired, 0,
		},
		"the stream is replaced by another": {
			func(l *layer) {
				l.tell()
				l.Open(l.now, opening(41))
				l.offer(frame(42, "one"))
				l.Close(Replaced, 30*time.Second, position(42))
			},
			opened + "id: 7-42\ndata: one\n\nretry: 30000\ndata: ended replaced\n\n", Replaced, 0,
		},
		"the user is disconnected": {
			func(l *layer) { l.tell(); l.Open(l.now, opening(41)); l.Close(Disconnected, 0, position(43)) },
			opened + "id: 7-43\ndata: ended disconnected\n\n", Disconnected, 0,
		},
		"the user is disconnected before the opening": {
			func(l *layer) { l.tell(); l.Close(Disconnected, 0, position(41)); l.Open(l.now, opening(41)) },
			opened + "data: ended disconnected\n\n", Disconnected, 0,
		},
		"a drain has no event": {
			func(l *layer) { l.tell(); l.Open(l.now, opening(41)); l.drain(41) },
			opened + "retry: 3000\n\n", Drained, 0,
		},
		"a drain leaves a stream to its end that has been told another": {
			func(l *layer) {
				l.tell()
				l.Open(l.now, opening(41))
				l.Close(Disconnected, 0, position(41))
				l.drain(43)
			},
			opened + "data: ended disconnected\n\n", Disconnected, 0,
		},
		"the user is disconnected while the token expires": {
			func(l *layer) {
				l.tell()
				l.Open(l.now, opening(41))
				l.pass(lifetime)
				l.tick(42)
				l.Close(Disconnected, 0, position(42))
			},
			opened + "id: 7-42\ndata: ended disconnected\n\n", Disconnected, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLayer(config())
			c.do(l)
			if got := l.got(); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if l.Ended() != c.ended {
				t.Errorf("ended %q, want %q", l.Ended(), c.ended)
			}
			if due := l.Due(); due != 0 != (c.due != 0) || c.due != 0 && due != start+c.due {
				t.Errorf("due %v", due)
			}
			if l.Ended() != None && l.Offer(frame(99, "late")) {
				t.Error("a stream that has ended takes a frame")
			}
		})
	}
}

func TestWhyAStreamEnds(t *testing.T) {
	overflow := func(l *layer) {
		for offset := range int64(5) {
			l.offer(frame(42+offset, "x"))
		}
	}
	for name, c := range map[string]struct {
		do   func(l *layer)
		want Reason
	}{
		"the connection breaks":        {func(l *layer) { l.Next(l.now, nil); l.Wrote(3, io.ErrClosedPipe) }, Gone},
		"a write reports its deadline": {func(l *layer) { l.Next(l.now, nil); l.Wrote(3, fmt.Errorf("write: %w", os.ErrDeadlineExceeded)) }, Slow},
		"the deadline passes":          {func(l *layer) { l.Next(l.now, nil); l.pass(10 * time.Second); l.tick(41) }, Slow},
		"the deadline is near":         {func(l *layer) { l.Next(l.now, nil); l.pass(10*time.Second - 1); l.tick(41) }, None},
		"a part is written in time": {func(l *layer) {
			l.Next(l.now, nil)
			l.pass(9 * time.Second)
			l.Wrote(1, nil)
			l.pass(time.Second)
			l.tick(41)
		}, Slow},
		"too many frames":                  {overflow, Slow},
		"too many frames after a break":    {func(l *layer) { l.Next(l.now, nil); l.Wrote(0, io.EOF); overflow(l) }, Gone},
		"a break after too many frames":    {func(l *layer) { l.Next(l.now, nil); overflow(l); l.Wrote(0, io.EOF) }, Slow},
		"too many bytes":                   {func(l *layer) { l.offer(frame(42, "x"), frame(43, strings.Repeat("x", 200))) }, Slow},
		"many bytes in one frame":          {func(l *layer) { l.offer(frame(42, strings.Repeat("x", 2000))) }, None},
		"too many bytes behind such a one": {func(l *layer) { l.offer(frame(42, strings.Repeat("x", 2000)), frame(43, "x")) }, Slow},
		"a break while it is drained":      {func(l *layer) { l.drain(41); l.Next(l.now, nil); l.Wrote(0, io.EOF) }, Drained},
		"a slow write while it is drained": {func(l *layer) { l.drain(41); l.Next(l.now, nil); l.pass(10 * time.Second); l.tick(41) }, Drained},
		"a cut":                            {func(l *layer) { l.End(Slow) }, Slow},
		"a cut while it is drained":        {func(l *layer) { l.drain(41); l.End(Slow) }, Drained},
		"a break while its token expires":  {func(l *layer) { l.pass(lifetime); l.tick(41); l.Next(l.now, nil); l.Wrote(0, io.EOF) }, Gone},
		"a break while it is replaced":     {func(l *layer) { l.Close(Replaced, 0, position(41)); l.Next(l.now, nil); l.Wrote(0, io.EOF) }, Replaced},
		"garbage":                          {func(l *layer) { l.End(Garbage) }, Garbage},
		"it cannot be opened":              {func(l *layer) { l.Stream = New(config(), start); l.End(Gone); l.Open(l.now, opening(41)) }, Gone},
	} {
		t.Run(name, func(t *testing.T) {
			l := openLayer(config())
			c.do(l)
			if l.Ended() != c.want {
				t.Fatalf("ended %q, want %q", l.Ended(), c.want)
			}
			if c.want == None {
				return
			}
			l.tick(50)
			l.drain(50)
			if got := l.got(); got != "" || l.Ended() != c.want || l.Due() != 0 || l.Wrote(1, errors.New("late")) {
				t.Errorf("after its end: %q, ended %q, due %v", got, l.Ended(), l.Due())
			}
		})
	}
}

func TestBacklogMayExceedTheQueue(t *testing.T) {
	l := newLayer(config())
	var backlog []sse.Frame
	want := opened
	for offset := int64(42); offset < 1042; offset++ {
		backlog = append(backlog, frame(offset, strings.Repeat("x", 200)))
		want += text(backlog[len(backlog)-1])
	}
	l.Open(l.now, opening(41, backlog...))
	l.offer(frame(1042, "live"))
	if got := l.got(); got != want+"id: 7-1042\ndata: live\n\n" {
		t.Errorf("got %d bytes, want %d and one frame", len(got), len(want))
	}
}

// A client that reads makes room in the queue as soon as what is there is about to be written.
func TestQueueIsFreeOnceItsFramesAreBeingWritten(t *testing.T) {
	l := openLayer(config())
	l.got()
	l.offer(frame(42, "a"), frame(43, "b"), frame(44, "c"), frame(45, "d"))
	l.Next(l.now, nil)
	l.offer(frame(46, "e"), frame(47, "f"), frame(48, "g"), frame(49, "h"))
	if got := strings.Count(l.got(), "data: "); got != 8 || l.Ended() != None {
		t.Errorf("%d events, ended %q", got, l.Ended())
	}
}

func TestChunksAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		frames []int // bytes of each
		want   []int // frames of each chunk
	}{
		"as many as fit":             {[]int{30_000, 30_000, 5_536, 1}, []int{3, 1}},
		"one more byte":              {[]int{30_000, 30_000, 5_537}, []int{2, 1}},
		"one that is larger":         {[]int{10, 100_000, 10}, []int{1, 1, 1}},
		"more than one writev takes": {slices.Repeat([]int{1}, 2500), []int{512, 512, 512, 512, 452}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLayer(&Config{KeepAlive: time.Minute, WriteTimeout: time.Second, QueueEvents: 1 << 20, QueueBytes: 1 << 30})
			l.Open(l.now, opening(-1))
			l.got()
			for offset, size := range c.frames {
				l.offer(sse.Frame{Seq: uint64(offset + 1), Event: &sse.Event{Data: slices.Repeat([]byte{'x'}, size)}})
			}
			var got []int
			for chunk := l.Next(l.now, nil); len(chunk.Buffers) > 0; chunk = l.Next(l.now, nil) {
				if !chunk.Live || chunk.Deadline != l.now+time.Second {
					t.Errorf("live %v, deadline %v", chunk.Live, chunk.Deadline)
				}
				got = append(got, len(chunk.Frames))
				l.read(1)
				l.pass(500 * time.Millisecond)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("chunks of %v frames, want %v", got, c.want)
			}
		})
	}
}

func TestRestOfAChunkIsWrittenNext(t *testing.T) {
	for size := 1; size < 60; size++ {
		l := openLayer(config())
		l.offer(frame(42, "one"), frame(43, "two"))
		var text strings.Builder
		for chunk := l.Next(l.now, nil); len(chunk.Buffers) > 0; chunk = l.Next(l.now, nil) {
			all := slices.Concat(chunk.Buffers...)
			n := min(size, len(all))
			text.Write(all[:n])
			if done := l.Wrote(n, nil); done != (n == len(all)) {
				t.Fatalf("%d of %d bytes: done is %v", n, len(all), done)
			}
		}
		if got := text.String(); got != opened+"id: 7-42\ndata: one\n\nid: 7-43\ndata: two\n\n" {
			t.Fatalf("in pieces of %d: %q", size, got)
		}
	}
}

func TestChunkSaysWhatItIs(t *testing.T) {
	l := newLayer(config())
	l.offer(frame(44, "live"))
	l.Open(l.now, opening(41, frame(42, "one"), frame(43, "two")))
	for _, want := range []struct {
		frames int
		live   bool
	}{{0, false}, {2, false}, {1, true}} {
		if chunk := l.Next(l.now, nil); len(chunk.Frames) != want.frames || chunk.Live != want.live {
			t.Errorf("%d frames, live %v; want %v", len(chunk.Frames), chunk.Live, want)
		}
		l.read(1)
	}
}

func TestBuffersAreAppendedToTheCallers(t *testing.T) {
	l := openLayer(config())
	scratch := make([][]byte, 0, 8)
	if chunk := l.Next(l.now, scratch); &chunk.Buffers[0] != &scratch[:1][0] {
		t.Error("the caller's space is not used")
	}
}

func TestTimeIsTheLayers(t *testing.T) {
	l := newLayer(config())
	l.Open(l.now, opening(41))
	l.Next(l.now, nil)
	for _, want := range []time.Duration{5 * time.Second, 10 * time.Second} { // a keep-alive, then the write's deadline
		if l.Due() != start+want {
			t.Errorf("due %v, want %v after the start", l.Due(), want)
		}
		l.now = l.Due()
		l.tick(41)
	}
	if l.Ended() != Slow {
		t.Errorf("ended %q", l.Ended())
	}
	l = newLayer(&Config{KeepAlive: 2 * lifetime, WriteTimeout: time.Second, Retry: time.Second, QueueEvents: 1, QueueBytes: 1})
	l.Open(l.now, opening(41))
	l.got()
	if l.Due() != start+lifetime {
		t.Errorf("due %v, want the token's expiry", l.Due())
	}
}

func TestWaitingIsWhatTheClientDoesNotHave(t *testing.T) {
	l := newLayer(config())
	waits := func(what string, frames ...sse.Frame) {
		t.Helper()
		size := 0
		for _, f := range frames {
			size += f.Size()
		}
		if events, bytes := l.Waiting(); events != len(frames) || bytes != size {
			t.Errorf("%s: %d events of %d bytes are waiting, want %d of %d", what, events, bytes, len(frames), size)
		}
	}
	one, two, three := frame(42, "one"), frame(43, "two"), frame(44, "three")
	waits("at first")
	l.offer(three)
	waits("offered", three)
	l.Open(l.now, opening(41, one, two))
	l.read(1)
	waits("opened", one, two, three)
	l.Next(l.now, nil)
	l.Wrote(one.Size(), nil)
	if events, bytes := l.Waiting(); events != 3 || bytes != two.Size()+three.Size() {
		t.Errorf("in the middle of a chunk: %d events of %d bytes are waiting", events, bytes)
	}
	l.read(1)
	waits("missed ones are written", three)
	l.got()
	waits("everything is written")
}

// An idle stream is what there are most of.
func TestIdleStreamIsSmall(t *testing.T) {
	l := openLayer(config())
	l.offer(frame(42, "one"))
	l.pass(5 * time.Second)
	l.tick(43)
	l.got()
	if l.text.Len() > 0 || l.unsent != nil {
		t.Error("it holds on to what it has written")
	}
	if size := unsafe.Sizeof(Stream{}); size > 64 {
		t.Errorf("it takes %d bytes", size)
	}
}
