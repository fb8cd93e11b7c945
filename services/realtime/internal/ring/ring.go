package ring

import (
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/realtime/internal/cut"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// Limits bound a ring: what exceeds any of them falls out, the oldest first.
type Limits struct {
	Window  time.Duration // age of an entry
	Margin  time.Duration // how much longer an event's id is remembered than the event is kept
	Records int           // number of entries
	Bytes   int           // memory of the entries, about
}

// User is somebody who has entries in the ring, or open streams.
type User struct {
	ID      uuid.UUID
	Streams []stream.Subscriber
	newest  uint64 // the user's newest entry; 0 where there is none
}

// Entry is an event as some users see it.
type Entry struct {
	Partition int // as the cut numbers them
	Offset    int64
	Time      time.Time // of the record
	Event     *sse.Event
}

var (
	// ErrExpired says that what follows the cut has fallen out, in part at least.
	ErrExpired = errors.New("the cut has fallen out of the ring")
	// ErrAhead says that the edge has not reached the cut.
	ErrAhead = errors.New("the cut has not been reached")
)

// Ring holds the entries. It is not safe for concurrent use.
type Ring struct {
	limits  Limits
	cut     cut.Cut // the next record of each partition
	floor   cut.Cut // of each partition: the offset from which on everything is kept
	entries entries
	bytes   int
	users   map[uuid.UUID]*User
	seen    seen
}

// New makes the ring of so many partitions.
func New(limits Limits, partitions int) *Ring {
	return &Ring{
		limits: limits, cut: make(cut.Cut, partitions), floor: make(cut.Cut, partitions), entries: newEntries(),
		users: map[uuid.UUID]*User{}, seen: newSeen(limits),
	}
}

// Begin sets the offset from which on a partition is read, before its first record.
func (r *Ring) Begin(partition int, offset int64) {
	r.cut[partition], r.floor[partition] = offset, offset
}

// Cut is where the ring is. It is not to be changed, and changes with the next record.
func (r *Ring) Cut() cut.Cut { return r.cut }

// Len is the number of entries kept.
func (r *Ring) Len() int { return r.entries.len() }

// Bytes is about the memory that they take.
func (r *Ring) Bytes() int { return r.bytes }

// Users is how many users have entries or streams.
func (r *Ring) Users() int { return len(r.users) }

// Take moves the cut behind a record. It reports false where the record has been taken before.
func (r *Ring) Take(partition int, offset int64) bool {
	if offset < r.cut[partition] {
		return false
	}
	r.cut[partition] = offset + 1
	return true
}

// First reports whether an event has not been seen before, and remembers it. The time is the record's.
func (r *Ring) First(at time.Time, eventID uuid.UUID) bool { return r.seen.first(at, eventID) }

// User gives the user, known from now on.
func (r *Ring) User(id uuid.UUID) *User {
	user, known := r.users[id]
	if !known {
		user = &User{ID: id}
		r.users[id] = user
	}
	return user
}

// Forget drops a user who has neither entries nor streams.
func (r *Ring) Forget(user *User) {
	if len(user.Streams) == 0 && user.newest < r.entries.first {
		delete(r.users, user.ID)
	}
}

// Add adds what users see of the record that was taken last, and gives them, each once.
func (r *Ring) Add(now time.Time, entry Entry, to []uuid.UUID) []*User {
	added := r.entries.push(entry, len(to))
	seq := r.entries.next - 1
	users := make([]*User, 0, len(to))
	for _, id := range to {
		user := r.User(id)
		if user.newest == seq { // named twice
			continue
		}
		added.to = append(added.to, link{user: user, before: user.newest})
		user.newest = seq
		users = append(users, user)
	}
	r.bytes += added.size()
	r.Evict(now)
	return users
}

// Evict lets fall out what exceeds the limits.
func (r *Ring) Evict(now time.Time) {
	r.seen.evict(now)
	oldest := now.Add(-r.limits.Window)
	for r.entries.len() > 0 {
		entry := r.entries.at(r.entries.first)
		if r.entries.len() <= r.limits.Records && r.bytes <= r.limits.Bytes && !entry.Time.Before(oldest) {
			return
		}
		r.floor[entry.Partition] = max(r.floor[entry.Partition], entry.Offset+1)
		r.bytes -= entry.size()
		to := entry.to
		r.entries.pop()
		for _, l := range to {
			r.Forget(l.user)
		}
	}
}

// Missed is an event that a stream has missed.
type Missed struct {
	Partition int
	Offset    int64
	Event     *sse.Event
}

// Replay gives what the user has missed behind a cut, in the order in which the edge took it. Errors: [ErrExpired], [ErrAhead].
func (r *Ring) Replay(id uuid.UUID, behind cut.Cut) ([]Missed, error) {
	switch {
	case !behind.Reached(r.floor):
		return nil, ErrExpired
	case !r.cut.Reached(behind):
		return nil, ErrAhead
	}
	user, known := r.users[id]
	if !known {
		return nil, nil
	}
	var missed []Missed
	older := make([]bool, len(behind)) // partitions in which what the client has been given begins here
	left := len(behind)
	for seq := user.newest; seq >= r.entries.first && left > 0; {
		entry := r.entries.at(seq)
		switch {
		case entry.Offset >= behind[entry.Partition]:
			missed = append(missed, Missed{Partition: entry.Partition, Offset: entry.Offset, Event: entry.Event})
		case !older[entry.Partition]:
			older[entry.Partition] = true
			left--
		}
		seq = entry.before(user)
	}
	slices.Reverse(missed)
	return missed, nil
}
