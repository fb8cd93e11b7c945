// Package erasures carries the deletion of users through: out of their rooms, and without relationships.
//
// # State
//
// What is to be done is in the store. Each step is a transaction of bounded size, so whoever comes next goes on where a process has ended, and several
// processes that do the same do no harm.
//
// # Invariants
//
//   - A deleted user can be drawn into no room and have no new relationship from the moment of its deletion. A transaction that had begun before may still
//     commit, so an erasure ends no earlier than [Settle] after it was asked for, when there is nothing left then.
//   - A user whom the backend has put again is left alone.
package erasures

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Settle is longer than any transaction takes.
const Settle = time.Minute

const (
	atOnce   = 10  // erasures that take turns
	rooms    = 20  // of one step, each in a transaction of its own
	relation = 100 // of one step
	pause    = 5 * time.Second
)

// Store is the part of the store that says what is to be done.
type Store interface {
	PendingErasures(ctx context.Context, limit int) ([]store.Pending, error)
	Overviews(ctx context.Context, asked store.Asked, behind uuid.UUID, limit int) ([]store.Overview, error)
}

// Changes are the steps.
type Changes interface {
	EraseFromRoom(ctx context.Context, of store.Pending, room uuid.UUID, at time.Time) error
	EraseRelationships(ctx context.Context, of store.Pending, limit int) (ended int, err error)
	FinishErasure(ctx context.Context, of store.Pending, at time.Time) error
}

// Erasures carries erasures through. Run it once; Wake is for any number of requests.
type Erasures struct {
	store   Store
	changes Changes
	now     func() time.Time
	log     *slog.Logger
	wake    chan struct{}
}

// New makes an Erasures.
func New(s Store, changes Changes, now func() time.Time, log *slog.Logger) *Erasures {
	return &Erasures{store: s, changes: changes, now: now, log: log, wake: make(chan struct{}, 1)}
}

// Wake says that there is something to do.
func (e *Erasures) Wake() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx is done. What fails is tried again.
func (e *Erasures) Run(ctx context.Context) error {
	ctx = telemetry.Untraced(ctx)
	timer := time.NewTicker(pause)
	defer timer.Stop()
	for {
		more, err := e.Step(ctx)
		if err != nil && ctx.Err() == nil {
			e.log.WarnContext(ctx, "the erasure of a user cannot go on; trying again", "error", err.Error())
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-e.wake:
		case <-timer.C:
		}
	}
}

// Step does a bounded part of what is to be done, and reports whether there is more to do at once.
func (e *Erasures) Step(ctx context.Context) (more bool, err error) {
	pending, err := e.store.PendingErasures(ctx, atOnce)
	if err != nil {
		return false, err
	}
	for _, of := range pending {
		went, err := e.step(ctx, of)
		if err != nil {
			return false, err
		}
		more = more || went
	}
	return more, nil
}

// step does a part of one erasure, and reports whether there was something left.
func (e *Erasures) step(ctx context.Context, of store.Pending) (went bool, err error) {
	if of.Restored {
		return true, e.changes.FinishErasure(ctx, of, e.now())
	}
	in, err := e.store.Overviews(ctx, store.Asked{User: of.UserID}, uuid.Nil, rooms)
	if err != nil {
		return false, err
	}
	for _, room := range in {
		if err := e.changes.EraseFromRoom(ctx, of, room.ID, e.now()); err != nil {
			return false, err
		}
	}
	ended, err := e.changes.EraseRelationships(ctx, of, relation)
	if err != nil || ended > 0 || len(in) > 0 {
		return true, err
	}
	if e.now().Before(of.At.Add(Settle)) {
		return false, nil
	}
	return true, e.changes.FinishErasure(ctx, of, e.now())
}
