package ring

import (
	"time"

	"github.com/google/uuid"
)

// Source is what a delivery tells: an event, and where it stands in its log.
type Source struct {
	EventID   uuid.UUID
	Topic     string
	Partition int32
	Offset    int64
}

// seen remembers which events have been delivered in a partition, in two ways. By where they stand in their log: a fan-out
// that was killed before it committed delivers a stretch of the log once more. And by their id: a producer that was killed
// before it took note has written the same event to its log twice.
type seen struct {
	limits Limits
	logs   map[log]*stretch
	ids    map[uuid.UUID]struct{}
	order  []dated // of ids
}

type log struct {
	topic     string
	partition int32
}

type dated struct {
	id   uuid.UUID
	time time.Time
}

func newSeen(limits Limits) seen {
	return seen{limits: limits, logs: map[log]*stretch{}, ids: map[uuid.UUID]struct{}{}}
}

// first reports whether the event has not been seen before, and remembers it.
func (s *seen) first(at time.Time, source Source) bool {
	from := log{source.Topic, source.Partition}
	if s.logs[from] == nil {
		s.logs[from] = &stretch{newest: -1}
	}
	if !s.logs[from].first(source.Offset) {
		return false
	}
	if _, known := s.ids[source.EventID]; known {
		return false
	}
	s.ids[source.EventID] = struct{}{}
	s.order = append(s.order, dated{source.EventID, at})
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

// stretchLength is how many of the newest offsets of a log are known one by one. A fan-out that fails within a batch may
// write the batch's records once more and out of order, so it must be more than a batch.
const stretchLength = 1024

// stretch remembers which offsets of a log have been seen: each of the newest ones, and all before those.
type stretch struct {
	newest int64
	bits   [stretchLength / 64]uint64 // the offset's place is its remainder by the length
}

// first reports whether the offset has not been seen before, and remembers it.
func (s *stretch) first(offset int64) bool {
	if offset <= s.newest-stretchLength {
		return false
	}
	for gap := max(s.newest+1, offset-stretchLength+1); gap <= offset; gap++ {
		s.set(gap, false)
	}
	s.newest = max(s.newest, offset)
	if s.get(offset) {
		return false
	}
	s.set(offset, true)
	return true
}

func (s *stretch) get(offset int64) bool {
	i := offset % stretchLength
	return s.bits[i/64]>>(i%64)&1 == 1
}

func (s *stretch) set(offset int64, seen bool) {
	i := offset % stretchLength
	if seen {
		s.bits[i/64] |= 1 << (i % 64)
	} else {
		s.bits[i/64] &^= 1 << (i % 64)
	}
}
