package ring

import (
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
)

// seen remembers which events have been delivered in a partition, in two ways. By their origin: a fan-out that was killed before it
// committed delivers the same offsets once more. And by their id: a producer that was killed before it knew of its success has written
// the same event twice.
type seen struct {
	limits  Limits
	origins map[topicPartition]*offsetWindow
	ids     map[uuid.UUID]struct{}
	order   []dated // of ids
}

type topicPartition struct {
	topic     string
	partition int32
}

type dated struct {
	id   uuid.UUID
	time time.Time
}

func newSeen(limits Limits) seen {
	return seen{limits: limits, origins: map[topicPartition]*offsetWindow{}, ids: map[uuid.UUID]struct{}{}}
}

// first reports whether the event has not been seen before, and remembers it.
func (s *seen) first(at time.Time, eventID uuid.UUID, origin events.Origin) bool {
	from := topicPartition{origin.Topic, origin.Partition}
	if s.origins[from] == nil {
		s.origins[from] = &offsetWindow{newest: -1}
	}
	if !s.origins[from].first(origin.Offset) {
		return false
	}
	if _, known := s.ids[eventID]; known {
		return false
	}
	s.ids[eventID] = struct{}{}
	s.order = append(s.order, dated{eventID, at})
	return true
}

// evict forgets ids that are older than the ring's window and margin, or more than twice as many as its records.
func (s *seen) evict(now time.Time) {
	oldest := now.Add(-s.limits.Window - s.limits.Margin)
	out := 0
	for out < len(s.order) && (len(s.order)-out > 2*s.limits.Records || s.order[out].time.Before(oldest)) {
		delete(s.ids, s.order[out].id)
		out++
	}
	s.order = s.order[out:]
}

// windowLength is how many of the newest offsets of a partition are known one by one. A fan-out that fails within a batch may
// write the batch's records once more and out of order, so it must be more than a batch.
const windowLength = 1024

// offsetWindow remembers which offsets of a partition have been seen: each of the newest ones, and all before those.
type offsetWindow struct {
	newest int64
	bits   [windowLength / 64]uint64 // an offset's bit is its remainder by the length
}

// first reports whether the offset has not been seen before, and remembers it.
func (s *offsetWindow) first(offset int64) bool {
	if offset <= s.newest-windowLength {
		return false
	}
	for gap := max(s.newest+1, offset-windowLength+1); gap <= offset; gap++ {
		s.set(gap, false)
	}
	s.newest = max(s.newest, offset)
	if s.get(offset) {
		return false
	}
	s.set(offset, true)
	return true
}

func (s *offsetWindow) get(offset int64) bool {
	i := offset % windowLength
	return s.bits[i/64]>>(i%64)&1 == 1
}

func (s *offsetWindow) set(offset int64, seen bool) {
	i := offset % windowLength
	if seen {
		s.bits[i/64] |= 1 << (i % 64)
	} else {
		s.bits[i/64] &^= 1 << (i % 64)
	}
}
