package messages

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	// settleTimeout is how long a page waits for the message with which its reader joined or left: it is in the log, and the consumer group that
	// writes it is mostly a fraction of a second behind; more where it has just been assigned the partition.
	settleTimeout = 5 * time.Second
	settlePoll    = 50 * time.Millisecond
)

// errUnsettled says that a message of a change of members is not in the timeline yet.
var errUnsettled = errors.New("the timeline has not come to the change of members")

// part is what a user may read of a room's timeline: from a position on, before another one.
type part struct{ from, before events.Position }

// has reports whether a position is in the part.
func (p part) has(position events.Position) bool {
	return p.from.Compare(position) <= 0 && position.Compare(p.before) < 0
}

// readable gives what a user may read of what a room keeps: a member all of it, or all since it joined; a former member what came before it left.
func (s *Service) readable(ctx context.Context, room, user uuid.UUID) (part, error) {
	standing, err := s.members.Standing(ctx, room, user)
	if err != nil {
		return part{}, err
	}
	readable := part{before: events.EndOfLog}
	unstored := func() (events.Position, bool, error) { return s.unstored(ctx, room) }
	if readable.from, err = s.kept.From(ctx, room, unstored); err != nil {
		return part{}, err
	}
	if standing.From != nil {
		joined, err := s.settled(ctx, room, *standing.From)
		if err != nil {
			return part{}, err
		}
		readable.from = later(readable.from, joined)
	}
	if standing.To != nil {
		last, err := s.settled(ctx, room, *standing.To)
		if err != nil {
			return part{}, err
		}
		readable.before = last.Next()
	}
	return readable, nil
}

// settled gives the position of a message that the timeline has, or soon will have.
func (s *Service) settled(ctx context.Context, room, message uuid.UUID) (events.Position, error) {
	entry, err := s.awaited(ctx, room, message, settleTimeout)
	if errors.Is(err, store.ErrMessageNotFound) {
		err = fmt.Errorf("%w: message %s of room %s", errUnsettled, message, room)
	}
	return entry.Position, err
}

// awaited finds a message, and for so long looks again whether it is there; then it is [store.ErrMessageNotFound].
func (s *Service) awaited(ctx context.Context, room, message uuid.UUID, wait time.Duration) (store.Entry, error) {
	late := time.After(wait)
	poll := time.NewTicker(settlePoll)
	defer poll.Stop()
	for {
		entry, err := s.find(ctx, room, message)
		if !errors.Is(err, store.ErrMessageNotFound) {
			return entry, err
		}
		select {
		case <-late:
			return store.Entry{}, err
		case <-ctx.Done():
			return store.Entry{}, ctx.Err()
		case <-poll.C:
		}
	}
}
