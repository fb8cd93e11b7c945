package stream

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// Why a stream ended, the values of the metric's label.
const (
	endedSlow    = "slow"    // the client did not keep up: its queue was full, or a write took too long
	endedGone    = "gone"    // the connection broke
	endedExpired = "expired" // the token's time was over
	endedDrained = "drained" // this process stops
)

// chunkBytes bounds what is written with one deadline.
const chunkBytes = 64 << 10

// stream is one open stream. Its goroutine is the only one that writes.
type stream struct {
	cfg     Config
	source  Source
	metrics *metrics
	tracer  trace.Tracer
	request Request
	conn    conn
	queue   *queue
	last    int64 // offset of the newest id that was written
}

// errCut says that the stream's queue has been closed.
var errCut = errors.New("the stream has been cut")

// run writes the stream until it ends, and says why.
func (s *stream) run(ctx context.Context, header []byte, retry func() time.Duration) string {
	err := s.serve(ctx, header, retry)
	switch {
	case ctx.Err() != nil:
		return endedDrained
	case err == nil:
		return endedExpired
	case errors.Is(err, errCut), errors.Is(err, os.ErrDeadlineExceeded):
		return endedSlow
	default:
		return endedGone
	}
}

// serve returns nil when the token's time is over or ctx is done.
func (s *stream) serve(ctx context.Context, header []byte, retry func() time.Duration) error {
	attachment, err := s.source.Attach(ctx, s.request.User, s.request.LastEventID, s.queue)
	if err != nil {
		return err
	}
	defer s.source.Detach(s.request.User, s.queue)
	expiry := time.NewTimer(time.Until(s.request.ExpiresAt))
	defer expiry.Stop()
	keepAlive := time.NewTicker(s.cfg.KeepAlive)
	defer keepAlive.Stop()

	s.last = attachment.ID.Offset
	if err := s.write(append(sse.AppendRetry(header, s.cfg.Retry), attachment.Opening...)); err != nil {
		return err
	}
	if err := s.writeFrames(attachment.Backlog); err != nil {
		return err
	}
	for {
		select {
		case <-s.queue.more:
			err = s.flush()
		case <-keepAlive.C:
			err = s.settle(sse.AppendComment(nil))
		case <-expiry.C:
			return s.settle(nil)
		case <-ctx.Done():
			return s.settle(sse.AppendRetry(nil, retry()))
		}
		if err != nil {
			return err
		}
	}
}

// settle writes what is queued, then lines of its own and, if the client does not know it, where the stream stands. So a
// client to whom nothing has happened for long resumes from a place that is still kept.
func (s *stream) settle(lines []byte) error {
	position := s.source.Position(s.request.User) // before the queue is emptied: what comes later must not be skipped
	if err := s.flush(); err != nil {
		return err
	}
	if position.Offset > s.last {
		lines = sse.AppendPosition(lines, position)
		s.last = position.Offset
	}
	if len(lines) == 0 {
		return nil
	}
	return s.write(sse.AppendEnd(lines))
}

// flush writes what is queued, and measures how late it is.
func (s *stream) flush() error {
	frames, open := s.queue.take()
	if !open {
		return errCut
	}
	if err := s.writeFrames(frames); err != nil {
		return err
	}
	now := time.Now()
	for _, frame := range frames {
		s.metrics.delay.Observe(max(0, now.Sub(frame.At).Seconds()))
	}
	return nil
}

func (s *stream) writeFrames(frames []ring.Frame) error {
	for len(frames) > 0 {
		var chunk net.Buffers
		size, n := 0, 0
		for ; n < len(frames) && (n == 0 || size+len(frames[n].Text) <= chunkBytes); n++ {
			chunk = append(chunk, frames[n].Text)
			size += len(frames[n].Text)
		}
		begun := time.Now()
		err := s.writeChunk(chunk)
		s.trace(frames[:n], begun, err)
		if err != nil {
			return err
		}
		s.metrics.events.Add(float64(n))
		s.last = frames[n-1].Offset
		frames = frames[n:]
	}
	return nil
}

// trace shows in the traces of frames that they have been written to this stream.
func (s *stream) trace(frames []ring.Frame, begun time.Time, err error) {
	for _, frame := range frames {
		if frame.Parent == nil {
			continue
		}
		ctx := trace.ContextWithSpanContext(context.Background(), *frame.Parent)
		_, span := s.tracer.Start(ctx, "write stream", trace.WithTimestamp(begun))
		if span.IsRecording() {
			span.SetAttributes(semconv.EnduserID(s.request.User.String()), attribute.Int("ism.stream.bytes", len(frame.Text)))
			if err != nil {
				span.SetStatus(codes.Error, err.Error())
			}
		}
		span.End()
	}
}

func (s *stream) write(text []byte) error { return s.writeChunk(net.Buffers{text}) }

func (s *stream) writeChunk(chunk net.Buffers) error {
	if !s.queue.allow(time.Now().Add(s.cfg.WriteTimeout)) {
		return errCut
	}
	written, err := chunk.WriteTo(s.conn)
	s.metrics.bytes.Add(float64(written))
	return err
}
