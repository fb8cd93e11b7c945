// Package progress lets requests wait until the rooms have taken what the log had when they were made.
//
// A client that marks a room as read means all that it shows, and it shows messages as soon as they are in the log. Lists are behind the log by a
// moment. So a mark first waits until what stands in the room's partition has been taken, by whichever process has the partition. And a client that
// has opened a stream needs a list that has all that came before the stream.
//
// # State
//
// How far each partition has been taken is in the store, written with each batch. A process remembers what it has last seen or written itself. Of a
// partition of which the store says nothing, as before its first batch in a new store or a new epoch, it is what the group has committed.
//
// # Lifecycle
//
// [Progress.Run] asks the brokers for the ends of the partitions and the store for its progress on behalf of all who wait, one question of each at a
// time, and only while somebody waits.
package progress

import (
	"context"
	"sync"
	"time"

	"github.com/ism-chat/ism/libs/events"
)

// Log is the log of the rooms, see [bus.Log].
type Log interface {
	Epoch() (epoch int32, known bool)
	PartitionOf(key string) int32
	GoesOn(ctx context.Context) ([]int64, error)
}

// Ends gives, by partition, the offset of the record that will be written next.
type Ends func() ([]int64, error)

// Store keeps how far partitions have been taken, see [store.Reading].
type Store interface {
	Progress(ctx context.Context) (map[int32]events.Position, error)
	SetProgress(ctx context.Context, partition int32, next events.Position) error
}

// AwaitTimeout is how long a request waits at most: longer than lists are behind the log where all is well, see [bus.LongestWait], on a busy machine, too.
const AwaitTimeout = 3 * time.Second

const (
	lookEvery = 25 * time.Millisecond // while somebody waits
	// endsTimeout is how long a request waits for brokers that do not say where partitions end, as in the first moment of a change of leaders.
	endsTimeout = time.Second
	timeout     = time.Second // of each look
)

// Progress is how far the rooms have taken the log. It is safe for concurrent use.
type Progress struct {
	log    Log
	ends   Ends
	store  Store
	wanted chan struct{} // holds a token if somebody has begun to wait

	mu      sync.Mutex
	taken   map[int32]events.Position // by partition: the next record
	waiters map[*waiter]struct{}      // each is a request, of which the listener bounds the number
}

type waiter struct {
	since     time.Time
	partition int32                     // everyPartition: all of them
	until     map[int32]events.Position // what has not been taken yet, by partition; nil until the ends are known
	done      chan struct{}
}

const everyPartition = -1

// New makes a Progress.
func New(log Log, ends Ends, store Store) *Progress {
	return &Progress{log: log, ends: ends, store: store, wanted: make(chan struct{}, 1), taken: map[int32]events.Position{}, waiters: map[*waiter]struct{}{}}
}

// Reached says that a partition has been taken up to the position, behind what a batch had. What the store does not take now the next batch says.
func (p *Progress) Reached(ctx context.Context, partition int32, next events.Position) error {
	if err := p.store.SetProgress(ctx, partition, next); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.learn(partition, next)
	p.wake()
	return nil
}

// Await waits until all has been taken that the partition of the key has now, but no longer than [AwaitTimeout]. It reports whether it has been. Where
// the brokers do not answer for a second it has: nobody has been shown anything new.
func (p *Progress) Await(ctx context.Context, key string) bool {
	if _, known := p.log.Epoch(); !known {
		return true
	}
	return p.await(ctx, p.log.PartitionOf(key))
}

// AwaitAll is [Progress.Await] for all partitions.
func (p *Progress) AwaitAll(ctx context.Context) bool {
	if _, known := p.log.Epoch(); !known {
		return true
	}
	return p.await(ctx, everyPartition)
}

func (p *Progress) await(ctx context.Context, partition int32) bool {
	ctx, cancel := context.WithTimeout(ctx, AwaitTimeout)
	defer cancel()
	w := &waiter{since: time.Now(), partition: partition, done: make(chan struct{})}
	p.join(w)
	defer p.leave(w)
	select {
	case <-w.done:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *Progress) join(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiters[w] = struct{}{}
	select {
	case p.wanted <- struct{}{}:
	default:
	}
}

func (p *Progress) leave(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiters, w)
}

// Run answers those who wait until ctx is done.
func (p *Progress) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wanted:
		}
		for p.look(ctx) {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(lookEvery):
			}
		}
	}
}

// look asks what those need who wait, and reports whether some still do.
func (p *Progress) look(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if fresh := p.withoutEnd(); len(fresh) > 0 {
		ends, err := p.ends()
		p.endAt(fresh, ends, err)
	}
	if !p.anybody() {
		return false
	}
	taken := p.ask(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	for partition, next := range taken {
		p.learn(partition, next)
	}
	p.wake()
	return len(p.waiters) > 0
}

// ask gives how far partitions have been taken, as far as there are answers; without them those who wait wait on. Where the store says nothing nobody has
// taken a batch yet, or a process of a version has that did not write how far: then what the group has committed counts, which comes a while after batches.
func (p *Progress) ask(ctx context.Context) map[int32]events.Position {
	taken, err := p.store.Progress(ctx)
	if err != nil {
		return nil
	}
	unknown := p.unknown(taken)
	if len(unknown) == 0 {
		return taken
	}
	committed, err := p.log.GoesOn(ctx)
	if err != nil {
		return taken
	}
	for partition, epoch := range unknown {
		taken[partition] = events.Position{Epoch: epoch, Offset: committed[partition]}
	}
	return taken
}

// unknown gives the partitions that are waited for of which nothing is said, in the epoch in which they are waited for.
func (p *Progress) unknown(taken map[int32]events.Position) map[int32]int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	unknown := map[int32]int32{}
	for w := range p.waiters {
		for partition, end := range w.until {
			if next, said := taken[partition]; !said || next.Epoch < end.Epoch {
				unknown[partition] = end.Epoch
			}
		}
	}
	return unknown
}

// withoutEnd gives those who have come since it was asked last. What is asked now is asked after they came.
func (p *Progress) withoutEnd() (fresh []*waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.waiters {
		if w.until == nil {
			fresh = append(fresh, w)
		}
	}
	return fresh
}

func (p *Progress) endAt(fresh []*waiter, ends []int64, err error) {
	epoch, _ := p.log.Epoch()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range fresh {
		if err != nil {
			if time.Since(w.since) >= endsTimeout {
				p.release(w)
			}
			continue
		}
		w.until = map[int32]events.Position{}
		for partition, end := range ends {
			at := int32(partition)
			if meant := w.partition == everyPartition || w.partition == at; meant && end > 0 { // of an empty one nothing can be taken
				w.until[at] = events.Position{Epoch: epoch, Offset: end}
			}
		}
	}
	p.wake()
}

func (p *Progress) anybody() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiters) > 0
}

// learn needs the lock, as all beneath it.
func (p *Progress) learn(partition int32, next events.Position) {
	if known, ok := p.taken[partition]; !ok || known.Compare(next) < 0 {
		p.taken[partition] = next
	}
}

// wake strikes partitions that need not be waited for any more, and releases who waits for none.
func (p *Progress) wake() {
	for w := range p.waiters {
		for partition, end := range w.until {
			if next, known := p.taken[partition]; known && next.Compare(end) >= 0 {
				delete(w.until, partition)
			}
		}
		if w.until != nil && len(w.until) == 0 {
			p.release(w)
		}
	}
}

func (p *Progress) release(w *waiter) {
	if _, waits := p.waiters[w]; waits {
		close(w.done)
		delete(p.waiters, w)
	}
}
