package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
)

const (
	tellEvery = 3 * time.Second
	// resumeAfter is how long it is before a stream that broke is resumed, where the server has not said.
	resumeAfter = time.Second
)

// until does something until it works, where the messenger asks to come back later, and says while that takes long what is waited for.
func (d *demo) until(ctx context.Context, what string, do func(ctx context.Context) error) error {
	defer d.tell(ctx, func() string { return what })()
	for {
		err := do(ctx)
		wait, later := comeBack(err)
		if !later {
			return withCause(ctx, err)
		}
		if stopped := d.pause(ctx, wait); stopped != nil {
			return withCause(ctx, err)
		}
	}
}

// withCause says of an error that comes of the demo's end why it has ended.
func withCause(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("%w: %w", context.Cause(ctx), err)
}

// tell says again and again what is waited for, and for how long, until it is ended.
func (d *demo) tell(ctx context.Context, what func() string) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	begun := time.Now()
	go func() {
		defer close(ended)
		tick := time.NewTicker(d.every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				d.screen.line(fmt.Sprintf("waiting for %s, %.0f s", what(), time.Since(begun).Seconds()))
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// comeBack reports whether the error is an answer that asks to come back later, and when.
func comeBack(err error) (wait time.Duration, later bool) {
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Status != http.StatusServiceUnavailable && problem.Status != http.StatusTooManyRequests {
		return 0, false
	}
	seconds, err := strconv.Atoi(problem.RetryAfter)
	return time.Duration(seconds) * time.Second, err == nil && seconds >= 0
}

// certainlyNot reports whether a send that failed has certainly not been written. Of all others nobody knows.
func certainlyNot(err error) bool {
	var problem *client.Problem
	return errors.As(err, &problem) && (problem.Status == http.StatusTooManyRequests ||
		slices.Contains([]string{"rooms-unavailable", "issuer-unavailable"}, problem.Code))
}

// send sends a line until it is acknowledged. Where it may have been written without an acknowledgement it is looked for in the history, and
// only sent again if it is not there.
func (d *demo) send(ctx context.Context, from *user, room uuid.UUID, line string) (sent wire.Message, err error) {
	unsure := false
	err = d.until(ctx, "an answer to "+from.name, func(ctx context.Context) error {
		if unsure {
			found, err := d.find(ctx, from, room, line)
			if err != nil {
				return err
			}
			if found != nil {
				sent = *found
				return nil
			}
		}
		sent, err = from.client.SendText(ctx, room, line)
		unsure = err != nil && !certainlyNot(err)
		return err
	})
	if err != nil {
		return wire.Message{}, fmt.Errorf("send as %s: %w", from.name, err)
	}
	d.known[sent.ID] = true
	return sent, nil
}

// find looks for a line in the newest part of the history that nobody has been told of; nil: it is not there.
func (d *demo) find(ctx context.Context, from *user, room uuid.UUID, line string) (*wire.Message, error) {
	page, err := from.client.Timeline(ctx, room, "")
	if err != nil {
		return nil, err
	}
	for _, message := range page.Messages {
		if message.SenderID == from.id && textOf(message) == line && !d.known[message.ID] {
			return &message, nil
		}
	}
	return nil, nil
}

// history is the newest part of it, the newest first.
func (d *demo) history(ctx context.Context, reader *user, room uuid.UUID) (newest []wire.Message, err error) {
	err = d.until(ctx, "the history", func(ctx context.Context) error {
		page, err := reader.client.Timeline(ctx, room, "")
		newest = page.Messages
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	return newest, nil
}

// openStream opens the user's stream behind an event, or from now on.
func (d *demo) openStream(ctx context.Context, u *user, behind string) error {
	err := d.until(ctx, "the stream of "+u.name, func(ctx context.Context) error {
		// The stream lives as long as the demo, not as long as this call.
		stream, err := u.client.Stream(ctx, behind)
		if err == nil {
			u.stream = stream
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("open the stream of %s: %w", u.name, err)
	}
	return nil
}

// next gives the next message on the user's stream, which is resumed where it breaks. Only one goroutine at a time may read a user's stream.
func (d *demo) next(ctx context.Context, u *user) (wire.Message, error) {
	for {
		stream := u.stream
		stop := context.AfterFunc(ctx, stream.Close)
		message, err := nextMessage(stream)
		stop()
		switch {
		case err == nil || errors.Is(err, errMissed):
			return message, err
		case ctx.Err() != nil:
			return wire.Message{}, withCause(ctx, err)
		}
		stream.Close()
		d.screen.say(u.side, "(stream broke, resuming)")
		wait := stream.Retry()
		if wait == 0 {
			wait = resumeAfter
		}
		if err := d.pause(ctx, wait); err != nil {
			return wire.Message{}, err
		}
		if err := d.openStream(ctx, u, stream.LastEventID()); err != nil {
			return wire.Message{}, err
		}
	}
}

// awaitMessage reads the user's stream up to the message.
func (d *demo) awaitMessage(ctx context.Context, u *user, id uuid.UUID) error {
	defer d.tell(ctx, func() string { return "the message on the stream of " + u.name })()
	for {
		message, err := d.next(ctx, u)
		if err != nil {
			return fmt.Errorf("wait for the message on the stream of %s: %w", u.name, err)
		}
		if message.ID == id {
			return nil
		}
	}
}
