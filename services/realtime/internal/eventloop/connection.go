package eventloop

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// maxGarbage is how many bytes a client may send on its open stream, where nobody asks for any.
const maxGarbage = 4 << 10

// carrier writes connections.
type carrier interface {
	// wake makes it look at the connection soon. It is called once until it has looked, and must not wait.
	wake(c *connection)
	// interrupt ends a write under way of a connection whose stream has ended. It must not wait.
	interrupt(c *connection)
}

// connection is an open stream with its client. There are many, and most are idle: it is kept small.
type connection struct {
	carrier  carrier
	user     uuid.UUID
	session  authn.Session // of the token with which it was opened
	older    *connection   // the user's next older one; the registry's
	openedAt time.Duration // on the server's clock

	mu     sync.Mutex // not held while the source is called: the source offers under a lock of its own
	stream stream.Stream
	began  bool // the carrier has it
	queued bool // the carrier will look at it

	attached bool   // the source offers to it; belongs to the carrier, as all that follows
	closed   bool   // the carrier has let go of it
	blocked  bool   // the client must read before more can be written
	received uint16 // bytes, up to a little more than maxGarbage
	fd       int32
	slot     int32 // in its loop's table, 0 before it has one
	bucket   int32 // of its loop's wheel, noBucket where it is in none

	due           time.Duration // when its loop must look at it
	later, sooner *connection   // in the bucket
	readyNext     *connection   // behind it in its loop's list of those to look at
}

// Offer is the stream's side of [stream.Subscriber].
func (c *connection) Offer(frame sse.Frame) (taken bool) {
	c.change(func(s *stream.Stream) { taken = s.Offer(frame) })
	return taken
}

// change changes the stream, and makes its carrier look at it.
func (c *connection) change(do func(s *stream.Stream)) {
	c.mu.Lock()
	do(&c.stream)
	ended := c.began && c.stream.Ended() != stream.None
	wake := c.began && !c.queued
	c.queued = c.queued || wake
	c.mu.Unlock()
	if wake {
		c.carrier.wake(c)
	}
	if ended {
		c.carrier.interrupt(c)
	}
}

// begin opens the stream, unless it has ended by now, and makes its carrier look at it from now on.
func (c *connection) begin(now time.Duration, opening stream.Opening) {
	c.change(func(s *stream.Stream) {
		s.Open(now, opening)
		c.began = true
	})
}

// end ends the stream at once.
func (c *connection) end(reason stream.Reason) {
	c.change(func(s *stream.Stream) { s.End(reason) })
}

// close ends the stream once its last lines are written.
func (c *connection) close(reason stream.Reason, retry time.Duration, position sse.Position) {
	c.change(func(s *stream.Stream) { s.Close(reason, retry, position) })
}

// state reports whether the stream is about to end, and whether it has.
func (c *connection) state() (closing, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stream.Closing(), c.stream.Ended() != stream.None
}

// isDue reports whether something is due by now.
func (c *connection) isDue(now time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := c.stream.Due()
	return due != 0 && due <= now
}

// tick does what is due by now.
func (c *connection) tick(now time.Duration, position sse.Position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if due := c.stream.Due(); due != 0 && due <= now {
		c.stream.Tick(now, position)
	}
}

// looking says that the carrier looks at the connection: a change from now on wakes it again.
func (c *connection) looking() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queued = false
}

// lookAgain says that the carrier will look at the connection once more. It reports false where it will anyhow.
func (c *connection) lookAgain() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queued {
		return false
	}
	c.queued = true
	return true
}

// next gives what to write, its buffers appended to dst, when something is due by time, and why the stream has ended, if it has.
func (c *connection) next(now time.Duration, dst [][]byte) (chunk stream.Chunk, due time.Duration, ended stream.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	chunk = c.stream.Next(now, dst)
	return chunk, c.stream.Due(), c.stream.Ended()
}

// host is what every carrier needs of its server.
type host struct {
	source   Source
	clock    clock
	metrics  *metrics
	tracer   trace.Tracer
	registry *registry
	silent   time.Duration // after which a client's machine that acknowledges nothing is given up
}

// wrote says what has become of a chunk: so many bytes of it are written, and with which error.
func (h *host) wrote(c *connection, chunk stream.Chunk, begun time.Time, n int, err error) {
	c.mu.Lock()
	done := false
	if err != nil {
		c.stream.End(reasonOf(err))
	} else {
		done = c.stream.Wrote(n, nil)
	}
	c.mu.Unlock()
	h.metrics.bytes.Add(float64(n))
	if done || err != nil {
		h.trace(c, chunk.Frames, begun, err)
	}
	if done {
		h.metrics.written(chunk, time.Now())
	}
}

// trace shows in the traces of frames that they have been written to this stream.
func (h *host) trace(c *connection, frames []sse.Frame, begun time.Time, err error) {
	for _, frame := range frames {
		if frame.Event.Parent == nil {
			continue
		}
		ctx := trace.ContextWithSpanContext(context.Background(), *frame.Event.Parent)
		_, span := h.tracer.Start(ctx, "write stream", trace.WithTimestamp(begun))
		if span.IsRecording() {
			span.SetAttributes(semconv.EnduserID(c.user.String()), attribute.Int("ism.stream.bytes", frame.Size()))
			if err != nil {
				span.SetStatus(codes.Error, err.Error())
			}
		}
		span.End()
	}
}

// letGo ends what the stream holds, once its connection is closed or about to be.
func (h *host) letGo(c *connection, reason stream.Reason) {
	if c.attached {
		h.source.Detach(c.user, c)
	}
	h.metrics.open.Dec()
	h.metrics.ended.WithLabelValues(reason.String()).Inc()
	h.registry.release(c)
}

// clock shows how long it runs.
type clock struct{ started time.Time }

func newClock() clock { return clock{started: time.Now().Add(-time.Second)} } // so that it never shows 0

func (k clock) now() time.Duration { return time.Since(k.started) }

// at is what it will show at a time. It is told from how far that is away, since the machine's clock may be set.
func (k clock) at(t time.Time) time.Duration { return k.now() + time.Until(t) }
