package stream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// history is what happens to one stream, and what must follow from it for the client.
type history struct {
	*layer
	t        *testing.T
	position int64 // of the log: all frames up to it have been offered

	backlog []sse.Frame
	live    []sse.Frame // that the stream has taken
	promise int         // how many of the backlog and live were there when the stream was told to end
	expires int64       // the position at that time
	broken  bool        // the connection has been broken, cut or too slow
	told    Reason      // to end, and why

	read []byte // all that the client has
}

func newHistory(t *testing.T) *history {
	h := &history{
		t: t, position: 99,
		layer:   &layer{Stream: New(config(), start+time.Minute), now: start},
		backlog: []sse.Frame{frame(90, "missed"), frame(93, "missed, too"), frame(99, "missed last")},
	}
	h.tell()
	return h
}

// do lets one thing happen.
func (h *history) do(op, n byte) {
	switch op % 8 {
	case 0:
		h.position += int64(n % 3) // others' events
	case 1, 2:
		h.offerNext(int(n) % 80)
	case 3:
		h.write(1 + int(n))
	case 4:
		h.write(1 << 20)
	case 5:
		h.pass(time.Duration(n) * 50 * time.Millisecond)
		h.onTime()
	case 6:
		if h.commentAt == 0 && h.Ended() == None {
			h.Open(h.now, opening(89, h.backlog...))
		}
	case 7:
		h.end(n)
	}
}

func (h *history) end(n byte) {
	ended := h.Ended() != None
	switch {
	case n < 40:
		reason := [...]Reason{Drained, Replaced, Disconnected}[n%3]
		if taken := h.Close(reason, 3*time.Second, position(h.position)); taken {
			if h.told != None || ended {
				h.t.Fatalf("told to end twice: %s and %s", h.told, reason)
			}
			h.told = reason
			h.promised()
		}
	case n < 50:
		if len(h.Next(h.now, nil).Buffers) > 0 {
			h.broken = true
			h.Wrote(0, errors.New("broken"))
		}
	case n < 55:
		h.broken = true
		h.End(Slow)
	}
}

func (h *history) promised() {
	h.promise, h.expires = len(h.backlog)+len(h.live), h.position
}

func (h *history) offerNext(size int) {
	h.position++
	next := frame(h.position, strings.Repeat("x", size))
	waiting, bytes := 0, 0
	for _, f := range h.live {
		if offsetOf(f) > h.lastEvent() {
			waiting, bytes = waiting+1, bytes+f.Size()
		}
	}
	ended := h.Ended() != None
	taken := h.Offer(next)
	fits := waiting < h.cfg.QueueEvents && (waiting == 0 || bytes+next.Size() <= h.cfg.QueueBytes)
	switch {
	case ended && taken:
		h.t.Fatal("a stream that has ended takes a frame")
	case !ended && !taken && fits:
		h.t.Fatalf("a frame is refused though only %d frames of %d bytes are waiting", waiting, bytes)
	case taken && waiting >= 2*h.cfg.QueueEvents:
		h.t.Fatalf("a frame is taken though %d frames are waiting", waiting)
	case taken:
		h.live = append(h.live, next)
	case !ended:
		h.broken = true
	}
}

func (h *history) write(n int) {
	chunk := h.Next(h.now, nil)
	all := slices.Concat(chunk.Buffers...)
	if len(all) == 0 {
		if h.Ended() == None && h.commentAt != 0 && h.Due() == 0 {
			h.t.Fatal("an open stream that has nothing to write will never be looked at again")
		}
		return
	}
	if len(all) > maxChunkBytes && len(chunk.Frames) > 1 {
		h.t.Fatalf("a chunk of %d bytes", len(all))
	}
	n = min(n, len(all))
	h.read = append(h.read, all[:n]...)
	if done := h.Wrote(n, nil); done != (n == len(all)) {
		h.t.Fatalf("%d of %d bytes are written: done is %v", n, len(all), done)
	}
}

func (h *history) onTime() {
	for range 3 { // a write's deadline, the expiry, a keep-alive
		due := h.Due()
		if due == 0 || h.now < due {
			return
		}
		slow := h.unsent != nil && h.unsent.deadline != 0 && h.now >= h.unsent.deadline
		closing := h.closing
		h.tick(h.position)
		h.broken = h.broken || slow
		if h.closing == Expired && closing == None {
			h.promised()
		}
	}
	h.t.Fatalf("something is still due at %v, which is over", h.Due())
}

// lastEvent is the offset of the newest event that the client has read to its end; none is -1.
func (h *history) lastEvent() int64 {
	return h.follow().event
}

type followed struct {
	events int
	event  int64  // the last one's offset
	last   int64  // the last id, with or without an event
	retry  bool   // the last block says when to come back
	ending string // why the stream ends, in the last block
}

func offsetOf(frame sse.Frame) int64 { return int64(frame.Seq) - 1 }

// follow reads what the client has, as a client does, and checks each block of it.
func (h *history) follow() followed {
	h.t.Helper()
	expected := slices.Concat(h.backlog, h.live)
	at := followed{event: -1, last: -1}
	read, found := strings.CutPrefix(string(h.read), "HTTP/1.1 200 OK\r\n\r\n")
	if !found {
		return at
	}
	for i, block := range strings.SplitAfter(read, "\n\n") {
		if !strings.HasSuffix(block, "\n\n") {
			break // not yet read to its end
		}
		if at.ending != "" {
			h.t.Fatalf("%q comes behind the last event", block)
		}
		at.retry = strings.HasPrefix(block, "retry: ")
		_, at.ending, _ = strings.Cut(strings.TrimSpace(block), "data: ended ")
		if at.ending == "" && strings.Contains(block, "data: ") {
			if at.events == len(expected) || block != text(expected[at.events]) {
				h.t.Fatalf("block %d is %q, which does not follow %d", i, block, at.event)
			}
			at.event = offsetOf(expected[at.events])
			at.events++
			if at.event <= at.last {
				h.t.Fatalf("event %d comes behind id %d: a client that broke between them lost it", at.event, at.last)
			}
			at.last = at.event
			continue
		}
		for line := range strings.Lines(block) {
			offset, isID := strings.CutPrefix(strings.TrimSpace(line), "id: ")
			if !isID {
				continue
			}
			var announced int64
			if _, err := fmt.Sscanf(offset, "7-%d", &announced); err != nil || announced <= at.last || announced > h.position {
				h.t.Fatalf("block %d announces %q behind %d: %v", i, offset, at.last, err)
			}
			at.last = announced
		}
	}
	return at
}

// finish lets the client read everything, and checks what it has and how the stream has ended.
func (h *history) finish() {
	h.do(6, 0)
	for range 3 + len(h.backlog) + len(h.live) {
		h.write(1 << 20)
	}
	at := h.follow()
	ended := h.Ended()
	switch {
	case ended == None && (h.broken || h.told != None || h.closing != None):
		h.t.Fatal("the stream has not ended")
	case ended == None && at.events != len(h.backlog)+len(h.live):
		h.t.Fatalf("the client has %d events of %d", at.events, len(h.backlog)+len(h.live))
	case (ended == Slow || ended == Gone) && !h.broken:
		h.t.Fatalf("ended %q though nothing went wrong", ended)
	case ended.told() && ended != h.told || h.told != None && ended != h.told:
		h.t.Fatalf("ended %q, told to end: %q", ended, h.told)
	case (ended.told() || ended == Expired) && !h.broken && (at.events < h.promise || at.last < h.expires):
		h.t.Fatalf("ended %q with %d events up to %d; before its end there were %d up to %d", ended, at.events, at.last, h.promise, h.expires)
	case ended.told() && !h.broken && !at.retry:
		h.t.Fatal("the client does not know when to come back")
	case (ended == Expired || ended == Replaced || ended == Disconnected) && !h.broken && at.ending != ended.String():
		h.t.Fatalf("ended %q, the client was told %q", ended, at.ending)
	}
}

func play(t *testing.T, ops []byte) {
	h := newHistory(t)
	for ; len(ops) >= 2; ops = ops[2:] {
		h.do(ops[0], ops[1])
	}
	h.finish()
}

func TestRandomHistories(t *testing.T) {
	endings := map[Reason]int{}
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 1))
		h := newHistory(t)
		for range random.IntN(200) {
			op, n := byte(random.Uint32()), byte(random.Uint32())
			if op%8 == 7 && random.IntN(10) > 0 {
				continue // few histories shall end early
			}
			if op%8 == 2 {
				op += 2 // most clients read
			}
			h.do(op, n)
		}
		h.finish()
		endings[h.Ended()]++
	}
	for _, reason := range []Reason{None, Slow, Gone, Expired, Drained, Replaced, Disconnected} {
		if endings[reason] < 20 {
			t.Errorf("only %d histories end with %q: %v", endings[reason], reason, endings)
		}
	}
}

func FuzzHistories(f *testing.F) {
	f.Add([]byte{6, 0, 4, 0, 1, 10, 3, 5, 5, 100, 4, 0, 7, 0, 4, 0})
	f.Add([]byte{1, 3, 7, 0, 6, 0, 3, 9, 1, 200, 1, 200})
	f.Add([]byte{6, 0, 4, 0, 5, 255, 5, 255, 5, 255, 5, 255, 0, 2, 4, 0, 5, 255, 5, 255})
	f.Fuzz(play)
}
