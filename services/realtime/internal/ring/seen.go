package ring

import (
	"time"

	"github.com/google/uuid"
)

// seen remembers which events have been taken: a producer that was killed before it knew of its success has written the same event twice.
type seen struct {
	limits Limits
	ids    map[uuid.UUID]struct{}
	order  []dated // of ids
}

type dated struct {
	id   uuid.UUID
	time time.Time
}

func newSeen(limits Limits) seen { return seen{limits: limits, ids: map[uuid.UUID]struct{}{}} }

// first reports whether the event has not been seen before, and remembers it.
func (s *seen) first(at time.Time, eventID uuid.UUID) bool {
	if _, known := s.ids[eventID]; known {
		return false
	}
	s.ids[eventID] = struct{}{}
	s.order = append(s.order, dated{eventID, at})
	if len(s.order) > 2*s.limits.Records {
		s.forgetOldest()
	}
	return true
}

// evict forgets ids that are older than the ring's window and margin.
func (s *seen) evict(now time.Time) {
	oldest := now.Add(-s.limits.Window - s.limits.Margin)
	for len(s.order) > 0 && s.order[0].time.Before(oldest) {
		s.forgetOldest()
	}
}

func (s *seen) forgetOldest() {
	delete(s.ids, s.order[0].id)
	s.order = s.order[1:]
}
