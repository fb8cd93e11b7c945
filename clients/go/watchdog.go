package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// watchedStream is a stream that ends when nothing is heard of it, whatever TCP thinks.
type watchedStream struct {
	*Stream
	ctx    context.Context // of the connection
	opened time.Time
}

// openWatched is [Client.Stream] with a watchdog: what is waited for, the answer or something to read, must come in the time.
func (c *Client) openWatched(ctx context.Context, lastEventID string, silence time.Duration) (*watchedStream, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	dog := &watchdog{silence: silence, timer: time.AfterFunc(silence, func() { cancel(errSilent) })}
	request, err := c.request(ctx, http.MethodGet, "/api/sse", nil)
	var stream *Stream
	if err == nil {
		stream, err = c.open(request, lastEventID, dog.watch)
	}
	dog.timer.Stop()
	if err != nil {
		err = silent(ctx, err)
		cancel(nil)
		return nil, err
	}
	inner := stream.cancel
	stream.cancel = func() {
		inner()
		cancel(nil)
	}
	return &watchedStream{Stream: stream, ctx: ctx, opened: time.Now()}, nil
}

func (s *watchedStream) next() (StreamEvent, error) {
	event, err := s.Next()
	if err != nil {
		return StreamEvent{}, silent(s.ctx, err)
	}
	return event, nil
}

// silent is the error, or what the watchdog has ended the connection for.
func silent(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errSilent) {
		return &unreached{cause: errSilent, sent: true}
	}
	return err
}

// watchdog is awake while something is waited for, and only then: a caller may take its time between two events.
type watchdog struct {
	silence time.Duration
	timer   *time.Timer
	body    io.Reader
}

func (w *watchdog) watch(body io.Reader) io.Reader {
	w.body = body
	return w
}

func (w *watchdog) Read(p []byte) (int, error) {
	w.timer.Reset(w.silence)
	defer w.timer.Stop()
	return w.body.Read(p) //nolint:wrapcheck // io.EOF as it is
}
