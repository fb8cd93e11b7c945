package store

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/google/uuid"
)

const (
	// admittedAtOnce is how many new media of a room are written by one statement at most.
	admittedAtOnce = 100
	// maxWaiting is how many new media of a room wait to be written at most.
	maxWaiting = 1000
)

// errCrowded says that a room has as many new media waiting as may be.
var errCrowded = fmt.Errorf("%w: too many media are created in the room at once", ErrUnavailable)

// Addition is what new media add to the usage of a user or a room, and what that may have before at most, so that no quota is exceeded.
type Addition struct {
	Scope
	Bytes, Media         int64
	MostBytes, MostMedia int64 // below 0: nothing is possible
}

// additions gives what media add, by scopes in the order in which they are locked. None: of media that are too large to be added up.
func additions(media []Media, q Quotas) []Addition {
	of := map[Scope]*Addition{}
	for _, m := range media {
		for scope, most := range map[Scope]Addition{
			{ScopeUser, m.Uploader}: {MostBytes: orUnlimited(q.UserBytes), MostMedia: orUnlimited(q.UserMedia)},
			{ScopeRoom, m.Room}:     {MostBytes: orUnlimited(q.RoomBytes), MostMedia: math.MaxInt64},
		} {
			added, ok := of[scope]
			if !ok {
				most.Scope = scope
				added = &most
				of[scope] = added
			}
			if m.Size > math.MaxInt64-added.Bytes {
				return nil
			}
			added.Bytes += m.Size
			added.Media++
			added.MostBytes -= m.Size
			added.MostMedia--
		}
	}
	all := make([]Addition, 0, len(of))
	for _, added := range of {
		all = append(all, *added)
	}
	slices.SortFunc(all, func(a, b Addition) int { return a.compare(b.Scope) })
	return all
}

func orUnlimited(quota int64) int64 {
	if quota <= 0 {
		return math.MaxInt64
	}
	return quota
}

// admission writes new media of rooms. In each room it does so for one caller at a time; those who come meanwhile are written together by the next one. So a
// room's usage is written once for each time that the database flushes it to the disk, and not once for each medium, which would be written one after the
// other.
type admission struct {
	rows Rows

	mu    sync.Mutex
	rooms map[uuid.UUID]*entrance // where somebody is
}

// entrance is where new media of one room wait. The mutex of its admission guards it.
type entrance struct {
	turn    chan struct{} // has one in it while media are written
	present int           // callers
	waiting []*newcomer   // not taken yet, by when they came
}

// newcomer is a new medium that is to be written.
type newcomer struct {
	medium   Media
	quotas   Quotas
	done     chan struct{} // closed once the rest is known
	admitted bool
	err      error
}

func newAdmission(rows Rows) *admission {
	return &admission{rows: rows, rooms: map[uuid.UUID]*entrance{}}
}

// admit adds a medium, with others of its room, see [Rows.Admit]. False: it is not added, which may be for the others.
func (a *admission) admit(ctx context.Context, m Media, quotas Quotas) (bool, error) {
	if ctx.Err() != nil {
		return false, fmt.Errorf("%w: create: %w", ErrUnavailable, ctx.Err())
	}
	n := &newcomer{medium: m, quotas: quotas, done: make(chan struct{})}
	at, err := a.enter(n)
	if err != nil {
		return false, err
	}
	defer a.leave(at, n)
	select {
	case at.turn <- struct{}{}:
		defer func() { <-at.turn }()
		a.write(context.WithoutCancel(ctx), at, n) // the others still wait when this caller does not
	case <-n.done:
	case <-ctx.Done():
		return false, fmt.Errorf("%w: create: %w", ErrUnavailable, ctx.Err())
	}
	return n.admitted, n.err
}

func (a *admission) enter(n *newcomer) (*entrance, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, ok := a.rooms[n.medium.Room]
	if !ok {
		at = &entrance{turn: make(chan struct{}, 1)}
		a.rooms[n.medium.Room] = at
	}
	if len(at.waiting) == maxWaiting {
		return nil, errCrowded
	}
	at.present++
	at.waiting = append(at.waiting, n)
	return at, nil
}

func (a *admission) leave(at *entrance, n *newcomer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at.waiting = slices.DeleteFunc(at.waiting, func(other *newcomer) bool { return other == n })
	at.present--
	if at.present == 0 {
		delete(a.rooms, n.medium.Room)
	}
}

// write writes what waits, until the newcomer is written.
func (a *admission) write(ctx context.Context, at *entrance, until *newcomer) {
	for {
		select {
		case <-until.done:
			return
		default:
			a.writeSome(ctx, a.take(at))
		}
	}
}

// take takes those who have waited longest and can be written together: with the same quotas, each of another id.
func (a *admission) take(at *entrance) (taken []*newcomer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var left []*newcomer
	ids := map[uuid.UUID]bool{}
	for _, n := range at.waiting {
		if len(taken) == admittedAtOnce || ids[n.medium.ID] || len(taken) > 0 && n.quotas != taken[0].quotas {
			left = append(left, n)
			continue
		}
		ids[n.medium.ID] = true
		taken = append(taken, n)
	}
	at.waiting = left
	return taken
}

func (a *admission) writeSome(ctx context.Context, some []*newcomer) {
	var (
		admitted bool
		err      = ErrUnavailable // where it panics
	)
	defer func() {
		for _, n := range some {
			n.admitted, n.err = admitted, err
			close(n.done)
		}
	}()
	media := make([]Media, len(some))
	for i, n := range some {
		media[i] = n.medium
	}
	slices.SortFunc(media, func(a, b Media) int { return slices.Compare(a.ID[:], b.ID[:]) })
	adds := additions(media, some[0].quotas)
	if len(adds) == 0 {
		err = nil
		return
	}
	admitted, err = a.rows.Admit(ctx, media, adds)
}
