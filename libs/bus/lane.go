package bus

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// What may wait for a partition that is slow. More is refused at once.
const (
	maxHeld      = 1_000
	maxHeldBytes = 8 << 20
)

// errStandsStill says that a partition has acknowledged nothing for so long that nothing more is sent there.
var errStandsStill = errors.New("the partition stands still")

// lane is what one partition has under way. A record enters the lane before it is handed to the client, so that one which would only wait
// there behind others is held here instead: of a held record it is certain that it has not been written.
//
//   - The oldest record under way is younger than holdAfter, or there is none: records enter.
//   - It is older: records wait until it is acknowledged.
//   - It is older than stillAfter: records are refused, and so are those that wait.
//   - The newest outcome was a failure: one record after the other is tried, and others wait, until one is acknowledged. When none has been
//     for stillAfter, those that would wait are refused.
type lane struct {
	holdAfter, stillAfter time.Duration

	turns chan struct{} // has one element while a record is made and handed to the client

	mu        sync.Mutex
	underWay  list.List // of time.Time, in which they entered
	failing   time.Time // since when nothing has been acknowledged and something has failed; zero: the newest outcome was no failure
	held      int
	heldBytes int
	moved     chan struct{} // closed when the lane moves again; nil while nobody waits
}

func newLane(holdAfter, stillAfter time.Duration) *lane {
	return &lane{holdAfter: holdAfter, stillAfter: stillAfter, turns: make(chan struct{}, 1)}
}

// turn waits until no other record of the lane is made and handed to the client. Call the returned function when this one is.
func (l *lane) turn(ctx context.Context) (end func(), err error) {
	select {
	case l.turns <- struct{}{}:
		return func() { <-l.turns }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: those before it are not handed to the client yet: %w", ErrUnavailable, ctx.Err())
	}
}

// slot is where a record stands in its lane.
type slot = *list.Element

// enter waits until a record of so many bytes may be sent, at most until ctx is done, and counts it as under way. The error is that of ctx,
// or [errStandsStill].
func (l *lane) enter(ctx context.Context, size int) (slot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	holding := false
	defer func() {
		if holding {
			l.held--
			l.heldBytes -= size
		}
	}()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		now := time.Now()
		age, free := l.age(now)
		switch {
		case free:
			return l.underWay.PushBack(now), nil
		case age >= l.stillAfter:
			return nil, fmt.Errorf("%w: since %s", errStandsStill, age.Round(time.Millisecond))
		case !holding && (l.held >= maxHeld || l.heldBytes+size > maxHeldBytes):
			return nil, fmt.Errorf("%w since %s, and %d records wait for it", errStandsStill, age.Round(time.Millisecond), l.held)
		}
		if !holding {
			holding = true
			l.held++
			l.heldBytes += size
		}
		l.wait(ctx, l.stillAfter-age)
	}
}

// wait waits until the lane moves, for the time, or until ctx is done. The caller holds the lock, which is given up meanwhile.
func (l *lane) wait(ctx context.Context, limit time.Duration) {
	if l.moved == nil {
		l.moved = make(chan struct{})
	}
	moved := l.moved
	l.mu.Unlock()
	defer l.mu.Lock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-moved:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// leave says that a record is no longer under way, and whether it has been acknowledged.
func (l *lane) leave(p slot, acknowledged bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underWay.Remove(p)
	now := time.Now()
	switch {
	case acknowledged:
		l.failing = time.Time{}
	case l.failing.IsZero():
		l.failing = now
	}
	if _, free := l.age(now); free && l.moved != nil {
		close(l.moved)
		l.moved = nil
	}
}

// age is how long nothing has moved: since the oldest record was sent, or since when all have failed. Free says that a record may enter. The
// caller holds the lock.
func (l *lane) age(now time.Time) (age time.Duration, free bool) {
	oldest := l.underWay.Front()
	if oldest != nil {
		age = now.Sub(oldest.Value.(time.Time)) //nolint:forcetypeassert // it holds nothing else
	}
	if l.failing.IsZero() {
		return age, age < l.holdAfter
	}
	return max(age, now.Sub(l.failing)), oldest == nil
}

// state is for how long nothing has moved, 0 where nobody waits for that, and how many records are held back.
func (l *lane) state() (age time.Duration, held int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.underWay.Len() > 0 || l.held > 0 {
		age, _ = l.age(time.Now())
	}
	return age, l.held
}
