package hijack

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// Source is where streams get their events from.
type Source interface {
	Attach(ctx context.Context, user uuid.UUID, lastEventID string, sub stream.Subscriber) (stream.Attachment, error)
	Detach(user uuid.UUID, sub stream.Subscriber)
	Position() sse.Position
}

// conn is what a stream needs of its connection.
type conn interface {
	Write(b []byte) (int, error)
	SetWriteDeadline(t time.Time) error
	Close() error
}

// connection carries one stream. Its goroutine is the only one that writes.
type connection struct {
	source  Source
	metrics *metrics
	tracer  trace.Tracer
	request Request
	conn    conn
	changed chan struct{} // has a token while the stream may have something to write or may have ended

	mu     sync.Mutex // not held while the source is called: the source offers under a lock of its own
	stream *stream.Stream
}

// Offer is the stream's side of [stream.Subscriber].
func (c *connection) Offer(frame sse.Frame) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.stream.Offer(frame)
	c.wake()
	return taken
}

// end ends the stream and a write under way.
func (c *connection) end(reason stream.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream.End(reason)
	c.wake()
}

// drain ends the stream once its last events are written.
func (c *connection) drain() {
	position := c.source.Position()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream.Drain(spread(), position)
	c.wake()
}

// wake makes run look at the stream again. The caller holds the lock.
func (c *connection) wake() {
	if c.stream.Ended() != "" {
		_ = c.conn.SetWriteDeadline(time.Unix(1, 0)) // ends a write under way; on a broken connection it ends anyhow
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// run writes the stream until it ends, and says why it did.
func (c *connection) run(ctx context.Context, header []byte) stream.Reason {
	attachment, err := c.source.Attach(ctx, c.request.User, c.request.LastEventID, c)
	if err != nil {
		c.end(stream.Gone)
	} else {
		defer c.source.Detach(c.request.User, c)
		c.open(stream.Opening{Header: header, Text: attachment.Opening, Seq: attachment.Seq, Backlog: attachment.Backlog})
	}
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for {
		c.tick()
		chunk, due, ended := c.next()
		switch {
		case ended != "":
			return ended
		case len(chunk.Buffers) > 0:
			c.write(chunk)
		default:
			alarm.Reset(time.Until(due))
			select {
			case <-c.changed:
			case <-alarm.C:
			}
		}
	}
}

func (c *connection) open(opening stream.Opening) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream.Open(time.Now(), opening)
}

// tick does what is due by now.
func (c *connection) tick() {
	now := time.Now()
	c.mu.Lock()
	due := c.stream.Due()
	c.mu.Unlock()
	if due.IsZero() || now.Before(due) {
		return
	}
	position := c.source.Position()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream.Tick(now, position)
}

// next gives the chunk to write, whose deadline it has set at the connection; when something is due by time; and why the stream has
// ended, if it has.
func (c *connection) next() (chunk stream.Chunk, due time.Time, ended stream.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	chunk = c.stream.Next(time.Now(), nil)
	if len(chunk.Buffers) > 0 {
		_ = c.conn.SetWriteDeadline(chunk.Deadline) // on a broken connection the write fails anyhow
	}
	return chunk, c.stream.Due(), c.stream.Ended()
}

func (c *connection) write(chunk stream.Chunk) {
	begun := time.Now()
	buffers := net.Buffers(chunk.Buffers)
	n, err := buffers.WriteTo(c.conn)
	c.mu.Lock()
	c.stream.Wrote(int(n), err)
	c.mu.Unlock()
	c.metrics.bytes.Add(float64(n))
	c.trace(chunk.Frames, begun, err)
	if err == nil {
		c.metrics.written(chunk, time.Now())
	}
}

// trace shows in the traces of frames that they have been written to this stream.
func (c *connection) trace(frames []sse.Frame, begun time.Time, err error) {
	for _, frame := range frames {
		if frame.Event.Parent == nil {
			continue
		}
		ctx := trace.ContextWithSpanContext(context.Background(), *frame.Event.Parent)
		_, span := c.tracer.Start(ctx, "write stream", trace.WithTimestamp(begun))
		if span.IsRecording() {
			span.SetAttributes(semconv.EnduserID(c.request.User.String()), attribute.Int("ism.stream.bytes", frame.Size()))
			if err != nil {
				span.SetStatus(codes.Error, err.Error())
			}
		}
		span.End()
	}
}
