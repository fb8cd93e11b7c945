package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ism-chat/ism/libs/wire"
)

// The reasons of a Resync that the client tells itself.
const (
	ResyncStarted    = "started"          // the stream begins now: what was before is to be had by REST
	ResyncUnreadable = "unreadable-event" // something has happened, and it cannot be said what; the server uses it, too
)

// ErrReplaced is the end of a stream whose user has opened more than it may: somebody else has it now.
var ErrReplaced = errors.New("the stream was replaced: the user has opened more streams than it may")

// errSilent ends a connection of which nothing is heard.
var errSilent = errors.New("nothing was heard of the connection")

// ErrClosed is the end of a Follower that was closed.
var ErrClosed = errors.New("the follower was closed")

// FollowOptions say how events are followed.
type FollowOptions struct {
	// LastEventID is what [Follower.LastEventID] was, of a process before; "" begins now, with a Resync.
	LastEventID string
	// Silence is when a connection of which nothing is heard is given up; 0 is 45 s, three of the server's keep-alives (ISM_REALTIME_KEEP_ALIVE).
	Silence time.Duration
	// Reconnecting is told of each break, and in what time the stream is opened again. Nil is nobody.
	Reconnecting func(cause error, wait time.Duration)
}

// Follower gives a user's live events over whatever connections that takes: each once, in order. Where that cannot be had it gives an event of type Resync;
// then everything is to be had by REST, see [Client.CatchUp] and [Client.Rooms], and from there on all comes. Next and LastEventID are called by one
// goroutine at a time; Close ends it from any.
type Follower struct {
	client   *Client
	options  FollowOptions
	ctx      context.Context
	end      context.CancelCauseFunc
	stream   *watchedStream // nil: none is open
	lastID   string
	retry    time.Duration // what the server has asked for last
	failures int           // since something was heard
	wait     time.Duration // before the stream is opened again
	replaced bool          // which is still to be told
}

// Follow follows the caller's events until Close or the end of ctx. It opens the stream with the first Next, and again whenever it breaks: behind the last
// event that was read whole, after any time up to half a second that doubles up to 20 s, behind the server's `retry:` or Retry-After.
func (c *Client) Follow(ctx context.Context, options FollowOptions) *Follower {
	if options.Silence == 0 {
		options.Silence = 45 * time.Second
	}
	if options.Reconnecting == nil {
		options.Reconnecting = func(error, time.Duration) {}
	}
	ctx, end := context.WithCancelCause(ctx)
	return &Follower{client: c.KeepingToken(), options: options, ctx: ctx, end: end, lastID: options.LastEventID}
}

// LastEventID is where to go on behind the last event that Next has given. Keep it once that event is dealt with, and a Resync only once all is caught up.
func (f *Follower) LastEventID() string { return f.lastID }

// Close ends the Follower and a Next that waits, with [ErrClosed]. It does not wait for Next to return.
func (f *Follower) Close() { f.end(ErrClosed) }

// Next waits for the next event. An error is the end of the context or of the Follower, [ErrReplaced], or a refusal that waiting does not mend, mostly
// a [Problem]: of a token, twice, or of the user. After an error the caller may call Next again, which tries anew, after a while.
func (f *Follower) Next() (StreamEvent, error) {
	if f.replaced {
		f.replaced = false
		return StreamEvent{}, ErrReplaced
	}
	for {
		if f.stream == nil {
			if err := f.connect(); err != nil {
				return StreamEvent{}, err
			}
			if f.lastID == "" {
				return f.resync(ResyncStarted), nil
			}
		}
		event, err := f.read()
		var unreadable *UnreadableEvent
		switch {
		case err == nil:
			if event.Type == "StreamEnded" {
				f.ended(event)
			}
			return event, nil
		case errors.As(err, &unreadable):
			return f.resync(ResyncUnreadable), nil
		case f.ctx.Err() != nil:
			f.hangUp()
			return StreamEvent{}, fmt.Errorf("follow events: %w", context.Cause(f.ctx))
		}
		f.broken(err)
	}
}

// connect opens the stream, however often that has to be tried, unless it is refused.
func (f *Follower) connect() error {
	for {
		if err := sleep(f.ctx, f.wait); err != nil {
			return fmt.Errorf("follow events: %w", err)
		}
		stream, err := f.client.openWatched(f.ctx, f.lastID, f.options.Silence)
		if err == nil {
			f.stream = stream
			return nil
		}
		if f.ctx.Err() != nil {
			return fmt.Errorf("follow events: %w", context.Cause(f.ctx))
		}
		f.broken(err)
		if !Temporary(err) {
			return fmt.Errorf("follow events: %w", err)
		}
	}
}

// read gives the next event of the open stream, and notes where that is.
func (f *Follower) read() (StreamEvent, error) {
	event, err := f.stream.next()
	f.lastID = f.stream.LastEventID()
	if f.stream.Retry() > 0 {
		f.retry = f.stream.Retry()
	}
	if f.stream.blocks > 0 {
		f.failures = 0
	}
	return event, err
}

// broken lets go of the stream and says when it is opened again.
func (f *Follower) broken(cause error) {
	f.hangUp()
	if errors.Is(cause, io.EOF) {
		cause = errors.New("the server has ended the stream")
	}
	f.comeBack(cause, backoff(f.failures, max(f.retry, RetryIn(cause))))
	f.failures++
}

func (f *Follower) comeBack(cause error, wait time.Duration) {
	f.wait = wait
	f.options.Reconnecting(cause, wait)
}

func (f *Follower) hangUp() {
	if f.stream != nil {
		f.stream.Close()
		f.stream = nil
	}
}

// lived is how long a stream must have been open for its end to be no fault.
const lived = 5 * time.Second

// ended deals with the end of the stream that the server has announced.
func (f *Follower) ended(event StreamEvent) {
	var end wire.StreamEnded
	_ = json.Unmarshal(event.Data, &end) // whatever the reason, it is the end
	f.client.kept.forget(f.ctx)
	expected := end.Reason == wire.EndExpired && time.Since(f.stream.opened) >= lived
	f.replaced = end.Reason == wire.EndReplaced
	cause := fmt.Errorf("the server has ended the stream: %s", end.Reason)
	if !expected {
		f.broken(cause)
		return
	}
	f.hangUp()
	f.comeBack(cause, 0)
}

// resync is an event of the client's own.
func (f *Follower) resync(reason string) StreamEvent {
	now := time.Now()
	data, _ := json.Marshal(wire.Resync{Type: "Resync", Reason: reason, CreatedAt: wire.At(now)}) // texts and a time can be encoded
	return StreamEvent{ID: f.lastID, Type: "Resync", Data: data, At: now}
}
