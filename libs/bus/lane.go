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
type lane struct {
	holdAfter, stillAfter time.Duration

	mu        sync.Mutex
	underWay  list.List // of time.Time, in which they entered
	held      int
	heldBytes int
	moved     chan struct{} // closed when the lane moves again; nil while nobody waits
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
		age := l.age(now)
		switch {
		case age < l.holdAfter:
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

// leave says that a record is no longer under way, whatever has become of it.
func (l *lane) leave(p slot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underWay.Remove(p)
	if l.moved != nil && l.age(time.Now()) < l.holdAfter {
		close(l.moved)
		l.moved = nil
	}
}

// age is how long the oldest record has been under way. The caller holds the lock.
func (l *lane) age(now time.Time) time.Duration {
	oldest := l.underWay.Front()
	if oldest == nil {
		return 0
	}
	return now.Sub(oldest.Value.(time.Time)) //nolint:forcetypeassert // it holds nothing else
}

// state is how long the oldest record has been under way, and how many are held back.
func (l *lane) state() (age time.Duration, held int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.age(time.Now()), l.held
}
