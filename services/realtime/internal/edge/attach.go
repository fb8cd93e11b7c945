package edge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/realtime/internal/cut"
	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// Reasons of a Resync event.
const (
	reasonMalformed = "malformed"        // the id is none
	reasonOther     = "other-logs"       // the id is of logs that have been made anew, or got more partitions, since; or of another version
	reasonExpired   = "expired"          // what follows the id is no longer kept
	reasonUnknown   = "unknown-position" // the id is of a record that has not been written
	// These come in the middle of a stream, too, where the gap is.
	reasonUnreadable = "unreadable-event" // an event could not be read
	reasonLate       = "late-event"       // an event came so late that nobody can tell whether it was delivered before
	reasonJumped     = "log-jumped"       // a log does not go on where it was read; at the beginning, also: the id is of records that it has lost
)

// aheadTimeout is how long a stream waits for the edge to reach the cut that it resumes from. Another edge may have read further: by what a reader
// that has just been started or connected anew gets late, a second, and what a busy machine adds.
const (
	aheadTimeout = 3 * time.Second
	aheadPoll    = 10 * time.Millisecond
)

// Attach subscribes a stream of the user: it is offered all that comes behind the attachment's backlog, without gap or
// repeat. With a last event id the backlog is all that follows it or, where that cannot be had, a Resync event is in the
// opening. Without one the stream begins now. Detach the subscriber at the end. The edge must have caught up.
func (e *Edge) Attach(ctx context.Context, user uuid.UUID, lastEventID string, sub stream.Subscriber) (stream.Attachment, error) {
	if lastEventID == "" {
		return e.attachNow(user, sub, nil), nil
	}
	behind, err := e.logs.Parse(lastEventID)
	switch {
	case errors.Is(err, cut.ErrOtherLogs):
		return e.attachAnew(user, sub, reasonOther), nil
	case errors.Is(err, cut.ErrMalformed):
		return e.attachAnew(user, sub, reasonMalformed), nil
	case err != nil:
		return stream.Attachment{}, fmt.Errorf("read the last event id: %w", err)
	}
	attachment, err := e.attachBehind(user, sub, behind)
	for waited := time.Duration(0); errors.Is(err, ring.ErrAhead) && waited < aheadTimeout; waited += aheadPoll {
		select {
		case <-ctx.Done():
			return stream.Attachment{}, fmt.Errorf("wait for the logs: %w", ctx.Err())
		case <-time.After(aheadPoll):
		}
		attachment, err = e.attachBehind(user, sub, behind)
	}
	var gap ring.GapError
	switch {
	case errors.Is(err, ring.ErrAhead):
		return e.attachAnew(user, sub, reasonUnknown), nil
	case errors.Is(err, ring.ErrExpired):
		return e.attachAnew(user, sub, reasonExpired), nil
	case errors.Is(err, ring.ErrForked):
		return e.attachAnew(user, sub, reasonJumped), nil
	case errors.As(err, &gap):
		return e.attachAnew(user, sub, gap.Reason), nil
	}
	e.metrics.replays.Inc()
	e.metrics.replayed.Add(float64(len(attachment.Backlog)))
	return attachment, nil
}

// attachNow subscribes from here on, with the data of an event first unless there is none.
func (e *Edge) attachNow(id uuid.UUID, sub stream.Subscriber, data []byte) stream.Attachment {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.subscribe(id, sub)
	opening := e.idLine(e.ring.Cut())
	if data == nil {
		opening = sse.AppendEnd(opening)
	}
	return stream.Attachment{Opening: append(opening, data...), Seq: e.seq}
}

// attachBehind subscribes behind a cut. Errors: those of [ring.Ring.Replay], with nothing subscribed.
func (e *Edge) attachBehind(id uuid.UUID, sub stream.Subscriber, behind cut.Cut) (stream.Attachment, error) {
	e.mu.Lock()
	missed, err := e.ring.Replay(id, behind, e.roomsOf(id)...)
	if err == nil {
		e.subscribe(id, sub)
	}
	e.mu.Unlock()
	if err != nil {
		return stream.Attachment{}, err
	}
	attachment := stream.Attachment{Opening: sse.AppendEnd(e.idLine(behind))}
	reached := behind.Clone()
	for _, m := range missed {
		reached[m.Partition] = m.Behind
		if m.Event.Resync != "" {
			e.metrics.resyncs.WithLabelValues(m.Event.Resync).Inc()
		}
		attachment.Backlog = append(attachment.Backlog, sse.Frame{ID: e.idLine(reached), Event: m.Event})
	}
	return attachment, nil
}

// roomsOf gives the large rooms of which a user may have missed something. The caller holds the lock.
func (e *Edge) roomsOf(id uuid.UUID) []ring.Room {
	known := e.audiences.large.Of(id)
	rooms := make([]ring.Room, len(known))
	for i, room := range known {
		rooms[i] = ring.Room{ID: room.ID, Member: func(asOf int64) bool { return e.audiences.large.Member(room, id, asOf) }}
	}
	return rooms
}

// subscribe needs the lock.
func (e *Edge) subscribe(id uuid.UUID, sub stream.Subscriber) {
	user := e.ring.User(id)
	user.Streams = append(user.Streams, sub)
	if len(user.Streams) == 1 {
		e.audiences.large.Come(id)
		e.cfg.Changed(id, true)
	}
}

// Detach ends a subscription.
func (e *Edge) Detach(id uuid.UUID, sub stream.Subscriber) {
	e.mu.Lock()
	defer e.mu.Unlock()
	user := e.ring.User(id)
	e.keep(user, slices.DeleteFunc(user.Streams, func(s stream.Subscriber) bool { return s == sub }))
}

// keep makes the streams the user's. The caller holds the lock.
func (e *Edge) keep(user *ring.User, streams []stream.Subscriber) {
	if len(streams) == 0 && len(user.Streams) > 0 {
		streams = nil // its memory with it
		e.audiences.large.Go(user.ID)
		e.cfg.Changed(user.ID, false)
	}
	user.Streams = streams
	e.ring.Forget(user)
}
