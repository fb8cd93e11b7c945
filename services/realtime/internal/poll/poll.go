// Package poll answers long polls: a client that cannot hold a stream asks again and again, and gets what a stream would have written since.
package poll

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// Source is where polls get their events from.
type Source interface {
	Attach(ctx context.Context, user uuid.UUID, lastEventID string, sub stream.Subscriber) (stream.Attachment, error)
	Detach(user uuid.UUID, sub stream.Subscriber)
	Position() sse.Position
}

// Bounds of one answer. What is beyond them comes with the next.
const (
	maxEvents = 500
	maxBytes  = 512 << 10 // of the events' data; a single event may be larger
)

// Poll waits until something has happened to the user behind the last event id, at most until the waiting context is done or enough is closed,
// and gives it. Without an id it gives the position at once, from which the client polls on. The errors are the source's.
func Poll(ctx, waiting context.Context, enough <-chan struct{}, source Source, user uuid.UUID, lastEventID string) (wire.Poll, error) {
	c := &collector{news: make(chan struct{}, 1)}
	attachment, err := source.Attach(ctx, user, lastEventID, c)
	if err != nil {
		return wire.Poll{}, fmt.Errorf("attach a poll: %w", err)
	}
	defer source.Detach(user, c)
	answer, err := begin(attachment)
	if err != nil {
		return wire.Poll{}, err
	}
	if lastEventID == "" || len(answer.Events) > 0 {
		return answer, nil
	}
	// A position may only be announced when everything before it is in the answer: it is read before the events are taken.
	position := source.Position()
	frames := c.take()
	if len(frames) == 0 {
		select {
		case <-c.news:
		case <-waiting.Done():
		case <-enough:
		}
		position, frames = source.Position(), c.take()
	}
	if len(frames) == 0 {
		answer.LastEventID = position.Text()
	}
	add(&answer, frames)
	return answer, nil
}

// begin is the answer as far as the attachment gives it.
func begin(attachment stream.Attachment) (wire.Poll, error) {
	line, rest, found := bytes.Cut(attachment.Opening, []byte("\n"))
	if !found {
		return wire.Poll{}, fmt.Errorf("the opening %q has no id", attachment.Opening)
	}
	answer := wire.Poll{LastEventID: sse.IDOf(line), Events: []wire.PolledEvent{}}
	if data := bytes.TrimSpace(rest); len(data) > 0 { // a Resync event
		answer.Events = append(answer.Events, wire.PolledEvent{ID: answer.LastEventID, Data: sse.JSONOf(data)})
	}
	add(&answer, attachment.Backlog)
	return answer, nil
}

// add adds as many frames as an answer may have.
func add(a *wire.Poll, frames []sse.Frame) {
	size := 0
	for _, frame := range frames {
		if size += len(frame.Event.Data); len(a.Events) > 0 && (len(a.Events) == maxEvents || size > maxBytes) {
			return
		}
		a.LastEventID = sse.IDOf(frame.ID)
		a.Events = append(a.Events, wire.PolledEvent{ID: a.LastEventID, Data: sse.JSONOf(frame.Event.Data)})
	}
}

// collector takes what is offered while a poll waits, as much as an answer may have.
type collector struct {
	news chan struct{} // has a token when something has been offered

	mu     sync.Mutex
	frames []sse.Frame
}

// Offer implements [stream.Subscriber].
func (c *collector) Offer(frame sse.Frame) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.frames) == maxEvents {
		return false
	}
	c.frames = append(c.frames, frame)
	select {
	case c.news <- struct{}{}:
	default:
	}
	return true
}

func (c *collector) take() []sse.Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	frames := c.frames
	c.frames = nil
	return frames
}
