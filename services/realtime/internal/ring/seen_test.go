package ring

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/realtime/internal/cut"
)

const day = 24 * time.Hour

// happened is an event of its own, written at once.
func happened(at time.Time) Identity { return Identity{ID: uuid.New(), At: at, Written: at} }

// again is the event in a record that is written later.
func again(event Identity, written time.Time) Identity {
	event.Written = written
	return event
}

func sees(t *testing.T, r *Ring, now time.Time, partition int, event Identity, want Sighting) {
	t.Helper()
	r.Evict(now)
	if got := r.Sight(now, partition, event); got != want {
		t.Errorf("an event of %s that comes at %s is %d, want %d", event.At.Sub(start), now.Sub(start), got, want)
	}
}

func TestEventWrittenTwiceIsARepeat(t *testing.T) {
	r := New(limits(), 1, start)
	event := happened(start.Add(time.Second))
	sees(t, r, event.At, 0, event, First)
	sees(t, r, event.At, 0, again(event, event.At), Repeat)
	within := event.At.Add(6 * time.Minute)
	sees(t, r, within, 0, again(event, within), Repeat)
}

// Once its id is forgotten an event that comes again could be a new one, and a new one that comes late could be a repeat.
func TestWhatComesLaterThanTheMemoryReachesIsLate(t *testing.T) {
	r := New(limits(), 2, start)
	event := happened(start.Add(time.Second))
	sees(t, r, event.At, 0, event, First)
	later := event.At.Add(6*time.Minute + time.Second)
	sees(t, r, later, 0, again(event, later), Late)
	sees(t, r, later, 0, again(event, later), Repeat) // it is announced once
	sees(t, r, later, 0, again(happened(event.At.Add(-time.Millisecond)), later), Late)
	// What is younger than all that is forgotten can only be new, however long it took.
	sees(t, r, later, 0, again(happened(event.At.Add(time.Millisecond)), later), First)
	// So is everything in a partition of which nothing is forgotten.
	sees(t, r, later, 1, again(happened(start.Add(time.Millisecond)), later), First)
}

func TestWhatHappenedBeforeALogWasFirstSeenIsLate(t *testing.T) {
	r := New(limits(), 1, start)
	sees(t, r, start.Add(time.Hour), 0, again(happened(start.Add(-time.Second)), start.Add(time.Hour)), Late)
	sees(t, r, start.Add(time.Hour), 0, again(happened(start.Add(time.Second)), start.Add(time.Hour)), First)
}

// An edge that was away reads what it has missed in one go: what is old by its clock is new to it.
func TestWhatIsReadLateIsNotLate(t *testing.T) {
	r := New(limits(), 1, start)
	sees(t, r, start.Add(time.Second), 0, happened(start.Add(time.Second)), First)
	now := start.Add(day)
	for at := start.Add(time.Minute); at.Before(now); at = at.Add(time.Minute) {
		sees(t, r, now, 0, happened(at), First)
		sees(t, r, now, 0, happened(at.Add(-time.Second)), First) // clocks differ
	}
}

// A producer whose clock is ahead must not make the events of all others late.
func TestAClockThatIsAheadMakesNobodyLate(t *testing.T) {
	r := New(limits(), 1, start)
	ahead := happened(start.Add(day))
	sees(t, r, start.Add(time.Second), 0, ahead, First)
	for now := start.Add(time.Minute); now.Before(start.Add(day)); now = now.Add(time.Hour) {
		sees(t, r, now, 0, happened(now), First)
		sees(t, r, now, 0, again(ahead, now), Repeat)
	}
}

// Where there is more than the memory holds, what is forgotten early is late early, and nothing comes twice.
func TestAFullMemoryMakesEventsLate(t *testing.T) {
	l := limits()
	l.Records = 50
	r := New(l, 1, start)
	var all []Identity
	for at := start.Add(time.Millisecond); len(all) < 1000; at = at.Add(time.Millisecond) {
		event := happened(at)
		all = append(all, event)
		sees(t, r, event.At, 0, event, First)
	}
	now := start.Add(time.Second)
	sees(t, r, now, 0, again(all[999], now), Repeat)
	sees(t, r, now, 0, again(all[900], now), Repeat)
	sees(t, r, now, 0, again(all[0], now), Late)
	sees(t, r, now, 0, again(all[850], now), Late)
}

// Of what was not read behind a jump it is not known what it was.
func TestWhatMayHaveBeenJumpedOverIsLate(t *testing.T) {
	for name, c := range map[string]struct {
		written time.Duration // of the first record behind the jump, which is an hour after the start
		at      time.Duration
		want    Sighting
	}{
		"happened before the jump":      {time.Hour + 5*time.Minute, time.Hour, Late},
		"happened after the jump":       {time.Hour + 5*time.Minute, time.Hour + time.Second, First},
		"was there already at the jump": {30 * time.Minute, 29 * time.Minute, Late},
	} {
		t.Run(name, func(t *testing.T) {
			r := New(limits(), 2, start)
			r.Jump(start.Add(time.Hour), 0, Jump{To: cut.Point{Offset: 7}}, "jump")
			now := start.Add(2 * time.Hour)
			sees(t, r, now, 0, again(happened(start.Add(c.at)), start.Add(c.written)), c.want)
			sees(t, r, now, 0, happened(start.Add(c.written+time.Second)), First)
			sees(t, r, now, 1, happened(start.Add(time.Second)), First)
		})
	}
}
