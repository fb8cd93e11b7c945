// Package tail keeps the end of the rooms' log, from where the timelines in the store may have holes.
//
// A message that was acknowledged, and that its send could not write through, is in the timeline once the consumer group comes to it. Meanwhile later messages
// may be there: a reader would page past the hole, and never come back. So a page is read from the store and from here, and it is known up to
// where nothing is missing.
//
// # State
//
// Of each partition: how far the consumer group is, which is asked for while it is behind ([Tail.Run]); from where and up to where the log has been read
// here; and the records of messages from the one to the other. All is of one incarnation of the log: a process ends with it.
//
// # Invariants
//
//   - What the group has committed is in the store. What is between there and where the log has been read is here, or [Tail.Read] says that it is not.
//   - Records take a bounded number of bytes. When they take more, the oldest are dropped, and pages are complete up to what the group has committed.
package tail

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
)

const (
	// look is how often it is asked how far the group is, while it is behind.
	look = time.Second
	// recordSize is about what a record takes beside its value, bytes.
	recordSize = 512
)

// Group says how far the consumer group is in so many partitions: of each the offset of the next record, see [bus.Consumer.Committed].
type Group func(partitions int) ([]int64, error)

// Tail is the end of the log. It is safe for concurrent use.
type Tail struct {
	limit int
	group Group
	log   *slog.Logger

	mu         sync.Mutex
	partitions map[int32]*partition
	weight     int // of all records, bytes
}

// partition is the end of one partition, by offsets.
type partition struct {
	healed  int64 // the group has committed all before
	begin   int64 // from here on records are kept, if not healed; behind next: nothing is known
	next    int64 // the next record to be read
	records []bus.Record
	left    []bus.Record // by sends of this process, which may not have been read yet; in no order
}

// New makes a tail whose records take at most about so many bytes.
func New(limit int, group Group, log *slog.Logger) *Tail {
	return &Tail{limit: limit, group: group, log: log, partitions: map[int32]*partition{}}
}

// Begin says where the reading of a partition begins.
func (t *Tail) Begin(number int32, offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.partitions[number] = &partition{begin: offset, next: offset}
}

// Take takes the next records of a partition, and keeps those that are wanted.
func (t *Tail) Take(records []bus.Record, wanted func(bus.Record) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, record := range records {
		p, begun := t.partitions[record.Partition]
		if !begun {
			p = &partition{begin: record.Offset}
			t.partitions[record.Partition] = p
		}
		p.next = record.Offset + 1
		if record.Offset >= p.healed && wanted(record) {
			p.records = append(p.records, record)
			t.weight += weightOf(record)
		}
		for t.weight > t.limit && len(p.records) > 0 {
			t.drop(p)
		}
	}
}

// Keep keeps the record of a message that a send of this process leaves to the consumer group.
func (t *Tail) Keep(record bus.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, begun := t.partitions[record.Partition]
	if weight := weightOf(record); begun && t.weight+weight <= t.limit {
		p.left = append(p.left, record)
		t.weight += weight
	}
}

func weightOf(record bus.Record) int { return len(record.Value) + recordSize }

// drop gives up the oldest record of a partition. It needs mu.
func (t *Tail) drop(p *partition) {
	p.begin = p.records[0].Offset + 1
	t.weight -= weightOf(p.records[0])
	p.records = p.records[1:]
}

// Jumped says that some partitions are read on elsewhere: nothing is known of what is in between.
func (t *Tail) Jumped(jumps []bus.Jump) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, jump := range jumps {
		if p, begun := t.partitions[jump.Partition]; begun {
			for _, record := range slices.Concat(p.records, p.left) {
				t.weight -= weightOf(record)
			}
			*p = partition{healed: min(p.healed, jump.To), begin: jump.To, next: jump.To}
		}
	}
}

// Read gives the records of a room, which are in a partition, that the store may lack, in their order, perhaps some twice; and the offset before which the store and they lack nothing.
// sure says that this is where the log has been read to, but for the fraction of a second that reading takes.
func (t *Tail) Read(number int32, room uuid.UUID) (records []bus.Record, complete int64, sure bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := room.String()
	p, begun := t.partitions[number]
	if !begun {
		return nil, 0, false
	}
	for _, some := range [][]bus.Record{p.records, p.left} {
		for _, record := range some {
			if record.Key == key {
				records = append(records, record)
			}
		}
	}
	slices.SortStableFunc(records, func(a, b bus.Record) int { return cmp.Compare(a.Offset, b.Offset) })
	if p.begin > p.healed { // what lies between is nowhere
		return records, p.healed, false
	}
	return records, max(p.healed, p.next), true
}

// Has reports whether there is a record of a room, which is in a partition, that is wanted. It costs less than to read them all.
func (t *Tail) Has(number int32, room uuid.UUID, wanted func(bus.Record) bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, begun := t.partitions[number]
	if !begun {
		return false
	}
	key := room.String()
	is := func(record bus.Record) bool { return record.Key == key && wanted(record) }
	return slices.ContainsFunc(p.records, is) || slices.ContainsFunc(p.left, is)
}

// Run asks how far the group is, as long as it is behind, until ctx is done.
func (t *Tail) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if behind, partitions := t.behind(); behind {
			healed, err := t.group(partitions)
			if err != nil && ctx.Err() == nil {
				t.log.DebugContext(ctx, "it is not known how far the timelines are", "error", err)
			}
			t.heal(healed)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// behind reports whether there is a partition of which the group has not come to the end that is known here, and how many there are.
func (t *Tail) behind() (behind bool, partitions int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.partitions {
		behind = behind || p.healed < p.next
	}
	return behind, len(t.partitions)
}

// heal forgets what the group has come to: by partition, the offset of its next record.
func (t *Tail) heal(healed []int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for number, offset := range healed {
		p, begun := t.partitions[int32(number)]
		if !begun {
			continue
		}
		p.healed = max(p.healed, offset)
		kept := p.records
		for len(kept) > 0 && kept[0].Offset < p.healed {
			t.weight -= weightOf(kept[0])
			kept = kept[1:]
		}
		p.records = slices.Clone(kept) // so that what is forgotten is freed
		p.left = slices.DeleteFunc(p.left, func(record bus.Record) bool {
			healed := record.Offset < p.healed
			if healed {
				t.weight -= weightOf(record)
			}
			return healed
		})
	}
}
