// Package marks tells of what members have marked as read: other devices of the member how much is unread by now, and other members up to where it
// has read.
//
// A mark is in the store at once, with the note that nobody has been told. [Teller] tells some time later, once for all marks of a member in a room
// since. So whoever scrolls through a room, marking what it passes, costs the log two records a second at most.
//
// # Failures
//
//   - The process ends between a mark and what is told of it: the note is in the store. Each process looks for such notes at its start and from then
//     on once in a while.
//   - The store is away: it is tried again.
package marks

import (
	"context"
	"log/slog"
	"time"
)

// Changes tells of marks, see [changes.Changes.TellMarks].
type Changes interface {
	TellMarks(ctx context.Context, since, now time.Time) (more bool, err error)
}

const (
	window     = 500 * time.Millisecond // for which marks are collected
	sweepEvery = 10 * time.Second       // for what other processes have left untold
	retryAfter = time.Second
	timeout    = 5 * time.Second // of telling of one batch
)

// Teller tells of marks.
type Teller struct {
	changes Changes
	now     func() time.Time
	log     *slog.Logger
	marked  chan struct{} // holds a token if something has been marked
}

// New makes a Teller. Now is the clock that marks are made by.
func New(changes Changes, now func() time.Time, log *slog.Logger) *Teller {
	return &Teller{changes: changes, now: now, log: log, marked: make(chan struct{}, 1)}
}

// Marked says that something has been marked.
func (t *Teller) Marked() {
	select {
	case t.marked <- struct{}{}:
	default:
	}
}

// Run tells of marks until ctx is done. What is not told by then is told after the next start, or by another process.
func (t *Teller) Run(ctx context.Context) error {
	next := time.NewTimer(0)
	defer next.Stop()
	soon := false // next is within the window
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.marked:
			if !soon {
				soon = true
				next.Reset(window)
			}
		case <-next.C:
			soon = false
			next.Reset(t.tell(ctx))
		}
	}
}

// tell tells of all marks, and gives when to look again if nothing is marked meanwhile.
func (t *Teller) tell(ctx context.Context) (next time.Duration) {
	for more := true; more; {
		var err error
		if more, err = t.tellSome(ctx); err != nil {
			if ctx.Err() == nil {
				t.log.WarnContext(ctx, "nobody is told of what has been read; trying again", "error", err.Error())
			}
			return retryAfter
		}
	}
	return sweepEvery
}

func (t *Teller) tellSome(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	now := t.now()
	return t.changes.TellMarks(ctx, now, now)
}
