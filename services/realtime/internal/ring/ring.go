package ring

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/events"
)

// Limits bound a ring: what exceeds any of them falls out, the oldest first.
type Limits struct {
	Window  time.Duration // age of a delivery
	Margin  time.Duration // how much longer a delivery is remembered for finding repeats than it is kept for resuming
	Records int           // number of deliveries
	Bytes   int           // memory of the deliveries, about
}

// Frame is the text of one event, ready to be written to the streams of its recipients.
type Frame struct {
	Offset int64
	Text   []byte
	At     time.Time // when the event happened
	// Parent is the span under which the write is traced; nil where it is not.
	Parent *trace.SpanContext
}

// Addressed is a frame and the users on whose streams it belongs.
type Addressed struct {
	Frame
	To []uuid.UUID // sorted by bytes
}

// Entry is one delivery.
type Entry struct {
	Offset int64
	Time   time.Time // of the record
	Frames []Addressed
}

var (
	// ErrExpired says that what follows the position has fallen out, in part at least.
	ErrExpired = errors.New("the position has fallen out of the ring")
	// ErrAhead says that the position is behind the newest record that has been read.
	ErrAhead = errors.New("the position has not been reached")
)

// Ring holds the deliveries of one partition in the order of their offsets. It is not safe for concurrent use.
type Ring struct {
	limits  Limits
	entries []Entry
	bytes   int
	floor   int64 // everything behind this offset that was read is in entries; nobody can resume before it
	newest  int64 // the greatest offset read
	seen    seen
}

// New makes the ring of a partition of which everything from the given offset on will be added.
func New(limits Limits, begin int64) *Ring {
	return &Ring{limits: limits, floor: begin - 1, newest: begin - 1, seen: newSeen(limits)}
}

// Position is the offset of the newest record read, or one before that at which reading began.
func (r *Ring) Position() int64 { return r.newest }

// Len is the number of deliveries kept.
func (r *Ring) Len() int { return len(r.entries) }

// Bytes is about the memory that they take.
func (r *Ring) Bytes() int { return r.bytes }

// Skip moves the position to a record that delivers nothing.
func (r *Ring) Skip(offset int64) { r.newest = max(r.newest, offset) }

// Add adds the next delivery, of the event with the id and the origin. It reports false, and only moves the position, where the
// delivery is a repeat: the record has been read before, or the fan-out has already delivered the event.
func (r *Ring) Add(now time.Time, entry Entry, eventID uuid.UUID, origin events.Origin) bool {
	if entry.Offset <= r.newest {
		return false
	}
	r.newest = entry.Offset
	if !r.seen.first(entry.Time, eventID, origin) {
		return false
	}
	r.entries = append(r.entries, entry)
	r.bytes += entry.size()
	r.Evict(now)
	return true
}

// Evict lets fall out what exceeds the limits.
func (r *Ring) Evict(now time.Time) {
	r.seen.evict(now)
	oldest := now.Add(-r.limits.Window)
	out := 0
	for out < len(r.entries) {
		kept := len(r.entries) - out
		entry := &r.entries[out]
		if kept <= r.limits.Records && r.bytes <= r.limits.Bytes && !entry.Time.Before(oldest) {
			break
		}
		r.floor = entry.Offset
		r.bytes -= entry.size()
		*entry = Entry{}
		out++
	}
	r.entries = r.entries[out:]
}

// Replay gives the user's frames behind an offset, in order. Errors: [ErrExpired], [ErrAhead].
func (r *Ring) Replay(user uuid.UUID, after int64) ([]Frame, error) {
	switch {
	case after < r.floor:
		return nil, ErrExpired
	case after > r.newest:
		return nil, ErrAhead
	}
	first, _ := slices.BinarySearchFunc(r.entries, after+1, func(e Entry, offset int64) int {
		return int(min(1, max(-1, e.Offset-offset)))
	})
	var frames []Frame
	for _, entry := range r.entries[first:] {
		for _, frame := range entry.Frames {
			if _, found := slices.BinarySearchFunc(frame.To, user, CompareUsers); found {
				frames = append(frames, frame.Frame)
			}
		}
	}
	return frames, nil
}

// CompareUsers is the order in which an [Addressed] has its users.
func CompareUsers(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

// overhead is about what an entry takes besides texts and recipients, bytes.
const overhead = 160

func (e *Entry) size() int {
	n := overhead
	for i := range e.Frames {
		n += len(e.Frames[i].Text) + len(e.Frames[i].To)*len(uuid.UUID{}) + overhead
	}
	return n
}
