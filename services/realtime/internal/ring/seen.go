package ring

import (
	"container/heap"
	"time"

	"github.com/google/uuid"
)

// Sighting is what a ring knows of an event that it meets.
type Sighting uint8

// What a ring may know of an event.
const (
	First  Sighting = iota // it has not been taken before
	Repeat                 // it has
	Late                   // it happened before what the ring remembers, so that nobody can tell
)

// Identity is how an event is told from others.
type Identity struct {
	ID      uuid.UUID
	At      time.Time // when it happened, which a repeat says like the first
	Written time.Time // the time of its record
}

// seen remembers which events have been taken: a producer that was killed before it knew of its success writes the same event twice.
//
// What is forgotten leaves its time: of each partition, seen knows the newest event that it has forgotten. An event that is younger than that, and not
// remembered, has not been taken. One that is not younger may have been. No clocks are compared for this, as both records of an event say the
// same time: it is exact as long as the memory reaches, however wrong a producer's clock is and however late the edge reads.
type seen struct {
	limits Limits
	ids    map[uuid.UUID]struct{}
	order  []memory // as they were taken
	ahead  ahead    // those that happened after that, by their clocks
	// known has for each partition the time of an event, µs: of all that happened later it is known whether they have been taken.
	known []int64
	// jumped has for each partition when it jumped last, µs; 0 once it has been read on. What was not read happened before the next record
	// was written, and before the jump.
	jumped []int64
}

func newSeen(limits Limits, partitions int, since time.Time) seen {
	s := seen{limits: limits, ids: map[uuid.UUID]struct{}{}, known: make([]int64, partitions), jumped: make([]int64, partitions)}
	for partition := range s.known {
		s.known[partition] = since.UnixMicro()
	}
	return s
}

// sight says what is known of an event, and remembers it.
func (s *seen) sight(now time.Time, partition int, event Identity) Sighting {
	if _, known := s.ids[event.ID]; known {
		return Repeat
	}
	if jumped := s.jumped[partition]; jumped != 0 {
		s.known[partition] = max(s.known[partition], min(jumped, event.Written.UnixMicro()))
		s.jumped[partition] = 0
	}
	sighting, at := First, event.At.UnixMicro()
	if at <= s.known[partition] {
		sighting = Late
	}
	s.remember(now, memory{id: event.ID, at: at, partition: partition})
	return sighting
}

// remember keeps what is to be remembered until its time in order. It is kept apart only where its clock is so far ahead that it would make others
// late: keeping the order of all would cost more than everything else.
func (s *seen) remember(now time.Time, event memory) {
	s.ids[event.id] = struct{}{}
	if event.at > now.Add(maxAhead).UnixMicro() {
		event.until = event.at
		heap.Push(&s.ahead, event)
	} else {
		event.until = now.UnixMicro()
		s.order = append(s.order, event)
	}
	if len(s.ids) > 2*s.limits.Records {
		s.forget(s.oldest())
	}
}

// jump notes that records of the partition will never be read.
func (s *seen) jump(now time.Time, partition int) { s.jumped[partition] = now.UnixMicro() }

// evict forgets what was taken longer ago than the ring's window and margin. An event that is ahead of this clock is remembered until its time, so that
// one wrong clock does not make all other events late.
func (s *seen) evict(now time.Time) {
	limit := now.Add(-s.limits.Window - s.limits.Margin).UnixMicro()
	for len(s.ids) > 0 {
		oldest := s.oldest()
		if oldest.until >= limit {
			return
		}
		s.forget(oldest)
	}
}

// oldest is what is to be forgotten next. There must be something.
func (s *seen) oldest() memory {
	if len(s.order) == 0 || len(s.ahead) > 0 && s.ahead[0].until < s.order[0].until {
		return s.ahead[0]
	}
	return s.order[0]
}

// forget forgets the oldest.
func (s *seen) forget(oldest memory) {
	if len(s.order) > 0 && s.order[0].id == oldest.id {
		s.order = s.order[1:]
	} else {
		heap.Pop(&s.ahead)
	}
	delete(s.ids, oldest.id)
	s.known[oldest.partition] = max(s.known[oldest.partition], oldest.at)
}

// maxAhead is how far the clocks of services are apart where all is well.
const maxAhead = time.Second

// memory is an event that is remembered. Times are in µs.
type memory struct {
	id        uuid.UUID
	at        int64 // when it happened
	until     int64 // when it was taken, or happened if that is much later
	partition int
}

// ahead is a heap, with what is to be forgotten first at its top.
type ahead []memory

func (a ahead) Len() int           { return len(a) }
func (a ahead) Less(i, j int) bool { return a[i].until < a[j].until }
func (a ahead) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }

// Push implements [heap.Interface].
func (a *ahead) Push(x any) { *a = append(*a, x.(memory)) }

// Pop implements [heap.Interface].
func (a *ahead) Pop() any {
	last := len(*a) - 1
	popped := (*a)[last]
	*a = (*a)[:last]
	return popped
}
