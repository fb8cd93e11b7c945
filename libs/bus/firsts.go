package bus

import (
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ism-chat/ism/libs/events"
)

const (
	// copiesWithin is how many records apart, in one partition, two copies of a record are known to be copies.
	copiesWithin = 8_192
	// clockSkew is how far clocks may be apart.
	clockSkew = time.Minute
)

// Firsts knows where events stand first in their partitions, for who must take each once: the log may have a record twice, see [Appender]. The copies
// are equal, near one another, and of one time.
//
// # State
//
// Of each partition: from where on it has been read without a gap, and since when; and of the newest 8,192 events that were read, where each stands first. It is
// facts of the log alone, whatever became of the records where they were handled. Losing it loses nothing: who begins to read a partition, as a member of a
// group does that is given it, does not know what stands before. Then [Firsts.Sure] says of a record that its first copy may be there, and whoever takes
// it has to ask its own store. That ends a minute after the reading has begun, as what has happened later cannot stand before, or 8,192 records later.
//
// # Bound
//
// Copies that stand further apart than 8,192 records of their partition are taken for two events, unless a process that has just been given the partition
// finds the first in its store.
//
// It is safe for concurrent use.
type Firsts[K comparable] struct {
	mu         sync.Mutex
	partitions map[topicPartition]*stretch[K]
}

// stretch is what has been read of a partition.
type stretch[K comparable] struct {
	from, next int64
	since      time.Time
	first      *lru.Cache[K, int64] // offsets
}

// NewFirsts makes one that knows nothing.
func NewFirsts[K comparable]() *Firsts[K] {
	return &Firsts[K]{partitions: map[topicPartition]*stretch[K]{}}
}

// Read notes that records are read. Those of a partition come in their order, and may come again.
func (f *Firsts[K]) Read(records []Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, record := range records {
		p, known := f.partitions[partitionOf(record)]
		switch {
		case !known:
			first, err := lru.New[K, int64](copiesWithin)
			if err != nil {
				return fmt.Errorf("make memory of read events: %w", err)
			}
			p = &stretch[K]{from: record.Offset, since: time.Now(), first: first}
			f.partitions[partitionOf(record)] = p
		case record.Offset > p.next || record.Offset < p.from:
			p.from, p.since = record.Offset, time.Now()
		}
		if record.Offset < p.next {
			p.forget(record.Offset)
		}
		p.next = record.Offset + 1
	}
	return nil
}

// forget forgets what stands from an offset on: it is read again, and may have become something else.
func (s *stretch[K]) forget(from int64) {
	for _, key := range s.first.Keys() {
		if at, _ := s.first.Peek(key); at >= from {
			s.first.Remove(key)
		}
	}
}

// Sure reports of a record that was read whether First knows, if it has copies that stand before it.
func (f *Firsts[K]) Sure(record Record) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, known := f.partitions[partitionOf(record)]
	if !known {
		return false
	}
	if p.from == 0 || record.Offset-p.from >= copiesWithin {
		return true
	}
	at, err := events.TimeOf(record.Headers)
	return err == nil && at.After(p.since.Add(clockSkew))
}

// First gives the offset at which the event of a record that was read stands first, as far as is known: the record's own, unless a copy stands before it.
func (f *Firsts[K]) First(record Record, event K) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, known := f.partitions[partitionOf(record)]
	if !known {
		return record.Offset
	}
	if at, there := p.first.Peek(event); there && at < record.Offset {
		return at
	}
	p.first.Add(event, record.Offset)
	return record.Offset
}

// Find gives the offset at which an event stands first in the partition of a record that was read, if that is known.
func (f *Firsts[K]) Find(record Record, event K) (offset int64, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p, read := f.partitions[partitionOf(record)]; read {
		return p.first.Peek(event)
	}
	return 0, false
}
