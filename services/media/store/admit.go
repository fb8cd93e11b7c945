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
	// lanes is how many statements write new media at once.
	lanes = 4
	// admittedAtOnce is how many new media one of them writes at most.
	admittedAtOnce = 100
	// maxWaiting is how many new media wait in a lane at most.
	maxWaiting = 1000
)

// errCrowded says that as many new media wait as may.
var errCrowded = fmt.Errorf("%w: too many media are created at once", ErrUnavailable)

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
		for _, may := range []Addition{
			{Scope: Scope{ScopeUser, m.Uploader}, MostBytes: orUnlimited(q.UserBytes), MostMedia: orUnlimited(q.UserMedia)},
			{Scope: Scope{ScopeRoom, m.Room}, MostBytes: orUnlimited(q.RoomBytes), MostMedia: math.MaxInt64},
		} {
			added, ok := of[may.Scope]
			if !ok {
				added = &may
				of[may.Scope] = added
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

// admission writes new media, in a few lanes. In each of them one caller writes; those who come meanwhile are written together by the next one. So a lane needs
// one statement, and one flush of the database to the disk, for whatever has come during the last one. A room has one lane, so its usage, which all of its new
// media write, is not waited for by one after the other.
type admission struct {
	rows  Rows
	lanes [lanes]lane
}

type lane struct {
	turn chan struct{} // has one in it while media are written

	mu      sync.Mutex
	waiting []*newcomer // not taken yet, by when they came
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
	a := &admission{rows: rows}
	for i := range a.lanes {
		a.lanes[i].turn = make(chan struct{}, 1)
	}
	return a
}

// admit adds a medium, with others, see [Rows.Admit]. False: it is not added, and why is not known.
func (a *admission) admit(ctx context.Context, m Media, quotas Quotas) (bool, error) {
	if ctx.Err() != nil {
		return false, fmt.Errorf("%w: create: %w", ErrUnavailable, ctx.Err())
	}
	l := &a.lanes[m.Room[len(m.Room)-1]%lanes]
	n := &newcomer{medium: m, quotas: quotas, done: make(chan struct{})}
	if !l.enter(n) {
		return false, errCrowded
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
		a.write(context.WithoutCancel(ctx), l, n) // the others still wait when this caller does not
	case <-n.done:
	case <-ctx.Done():
		l.leave(n)
		return false, fmt.Errorf("%w: create: %w", ErrUnavailable, ctx.Err())
	}
	return n.admitted, n.err
}

func (l *lane) enter(n *newcomer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == maxWaiting {
		return false
	}
	l.waiting = append(l.waiting, n)
	return true
}

func (l *lane) leave(n *newcomer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = slices.DeleteFunc(l.waiting, func(other *newcomer) bool { return other == n })
}

// take takes those who have waited longest and can be written together: with the same quotas, each of another id.
func (l *lane) take() (taken []*newcomer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var left []*newcomer
	ids := map[uuid.UUID]bool{}
	for _, n := range l.waiting {
		if len(taken) == admittedAtOnce || ids[n.medium.ID] || len(taken) > 0 && n.quotas != taken[0].quotas {
			left = append(left, n)
			continue
		}
		ids[n.medium.ID] = true
		taken = append(taken, n)
	}
	l.waiting = left
	return taken
}

// write writes what waits in a lane, until a newcomer is written.
func (a *admission) write(ctx context.Context, l *lane, until *newcomer) {
	for {
		select {
		case <-until.done:
			return
		default:
			a.writeSome(ctx, l.take())
		}
	}
}

func (a *admission) writeSome(ctx context.Context, some []*newcomer) {
	var (
		admitted []uuid.UUID
		err      = ErrUnavailable // where it panics
	)
	defer func() {
		for _, n := range some {
			n.admitted, n.err = slices.Contains(admitted, n.medium.ID), err
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
