package ring

import (
	"cmp"
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

// User is somebody who has entries in the ring, or open streams; or a large room, which has the entries that its members see.
type User struct {
	ID      uuid.UUID
	Streams []stream.Subscriber
	newest  uint64 // the user's newest entry; 0 where there is none
}

// Entry is an event as some users see it.
type Entry struct {
	Partition int // as the cut numbers them
	Behind    cut.Point
	Time      time.Time // of the record
	Event     *sse.Event
	// AsOf is, of an entry that the members of a large room see, the version of its membership that says who they are.
	AsOf int64
}

// GapError says that something behind the cut was given to nobody, and why.
type GapError struct{ Reason string }

func (e GapError) Error() string { return "a gap behind the cut: " + e.Reason }

var (
	// ErrExpired says that what follows the cut has fallen out, in part at least.
	ErrExpired = errors.New("the cut has fallen out of the ring")
	// ErrAhead says that the edge has not reached the cut.
	ErrAhead = errors.New("the cut has not been reached")
	// ErrForked says that the cut is of records that a log has lost.
	ErrForked = errors.New("the cut is of records that a log has lost")
)

// Ring holds the entries. It is not safe for concurrent use.
type Ring struct {
	limits  Limits
	cut     cut.Cut     // before the next record of each partition
	parts   []partition // beside it, of each partition
	entries entries
	bytes   int
	users   map[uuid.UUID]*User
	seen    seen
}

// partition is what is kept of a partition.
type partition struct {
	lineage lineage
	floor   int64  // the offset from which on everything is kept
	gap     string // why the floor is where it is, if that is for a gap
	from    uint64 // number of the first entry since the log became shorter last: those before are of another log
}

// New makes the ring of so many partitions. Events that happened before since count as seen: they may have been in the logs before what is read.
func New(limits Limits, partitions int, since time.Time) *Ring {
	r := &Ring{
		limits: limits, cut: make(cut.Cut, partitions), parts: make([]partition, partitions), entries: newEntries(),
		users: map[uuid.UUID]*User{}, seen: newSeen(limits, partitions, since),
	}
	for number := range r.parts {
		r.parts[number].lineage.newest = cut.Unknown
		r.Begin(number, cut.Point{LeaderEpoch: cut.Unknown})
	}
	return r
}

// Begin sets the point from which on a partition is read, before its first record.
func (r *Ring) Begin(partition int, at cut.Point) {
	r.cut[partition], r.parts[partition].floor = at, at.Offset
	r.parts[partition].lineage.begin(at)
}

// Cut is where the ring is. It is not to be changed, and changes with the next record.
func (r *Ring) Cut() cut.Cut { return r.cut }

// Len is the number of entries kept.
func (r *Ring) Len() int { return r.entries.len() }

// Bytes is about the memory that they take.
func (r *Ring) Bytes() int { return r.bytes }

// Users is how many users have entries or streams.
func (r *Ring) Users() int { return len(r.users) }

// Take moves the cut behind a record, and gives the point there. It reports false where the record has been taken before.
func (r *Ring) Take(partition int, offset int64, leaderEpoch int32) (behind cut.Point, taken bool) {
	if offset < r.cut[partition].Offset {
		return r.cut[partition], false
	}
	part := &r.parts[partition]
	r.cut[partition] = cut.Point{Offset: offset + 1, LeaderEpoch: part.lineage.take(offset, leaderEpoch)}
	if known := part.lineage.crop(); known > part.floor {
		part.floor, part.gap = known, ""
	}
	return r.cut[partition], true
}

// Sight says what is known of an event, the one of the record that was taken last, and remembers it.
func (r *Ring) Sight(now time.Time, partition int, event Identity) Sighting {
	return r.seen.sight(now, partition, event)
}

// Tear says that something just before the cut can be given to nobody: no cut before it is replayed any more.
func (r *Ring) Tear(partition int, reason string) {
	r.parts[partition].floor, r.parts[partition].gap = r.cut[partition].Offset, reason
}

// Reaches reports whether the ring keeps what was written at the time.
func (r *Ring) Reaches(now, written time.Time) bool {
	return !written.Before(now.Add(-r.limits.Window))
}

// Pass says that the record that was taken last is older than what the ring keeps: no cut before it is replayed any more.
func (r *Ring) Pass(partition int) { r.lift(partition, r.cut[partition].Offset) }

// Jump says where a partition goes on.
type Jump struct {
	To        cut.Point
	Back      bool  // the log has become shorter, see package cut
	LeaderNow int32 // the partition's leader epoch by now
}

// Jump moves the cut to where the partition goes on, and tears it there.
func (r *Ring) Jump(now time.Time, partition int, jump Jump, reason string) {
	part := &r.parts[partition]
	switch {
	case jump.Back:
		r.cut[partition] = part.lineage.shorten(jump.To, jump.LeaderNow)
		part.from = r.entries.next
	case jump.To.Offset > r.cut[partition].Offset:
		r.cut[partition] = part.lineage.skip(jump.To, jump.LeaderNow)
	}
	r.Tear(partition, reason)
	r.seen.jump(now, partition)
}

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

// AddToRoom adds what the members of a large room see of the record that was taken last.
func (r *Ring) AddToRoom(now time.Time, entry Entry, room uuid.UUID) {
	r.Add(now, entry, []uuid.UUID{room})
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
	for r.entries.len() > 0 {
		entry := r.entries.at(r.entries.first)
		if r.entries.len() <= r.limits.Records && r.bytes <= r.limits.Bytes && r.Reaches(now, entry.Time) {
			return
		}
		r.raise(r.entries.first, entry)
		r.bytes -= entry.size()
		to := entry.to
		r.entries.pop()
		for _, l := range to {
			r.Forget(l.user)
		}
	}
}

// raise lifts the floor behind an entry that falls out.
func (r *Ring) raise(seq uint64, falling *kept) {
	if seq >= r.parts[falling.Partition].from {
		r.lift(falling.Partition, falling.Behind.Offset)
	}
}

// lift lifts a partition's floor, if it is lower.
func (r *Ring) lift(partition int, floor int64) {
	if part := &r.parts[partition]; floor > part.floor {
		part.floor, part.gap = floor, ""
		part.lineage.forget(floor)
	}
}

// Missed is an event that a stream has missed.
type Missed struct {
	Partition int
	Behind    cut.Point
	Event     *sse.Event

	seq uint64 // number of the entry
}

// Everybody gives all users who have streams or entries, until yield says that it is enough.
func (r *Ring) Everybody(yield func(*User) bool) {
	for _, user := range r.users {
		if !yield(user) {
			return
		}
	}
}

// Room is a large room that a user may have seen something of. Member says whether it was in it as of a version.
type Room struct {
	ID     uuid.UUID
	Member func(asOf int64) bool
}

// Replay gives what the user has missed behind a cut, by itself and as a member of large rooms, in the order in which the edge took it.
// Errors: [ErrExpired], [GapError], [ErrForked], [ErrAhead].
func (r *Ring) Replay(id uuid.UUID, behind cut.Cut, rooms ...Room) ([]Missed, error) {
	if err := r.keeps(behind); err != nil {
		return nil, err
	}
	if !r.cut.Reached(behind) {
		return nil, ErrAhead
	}
	missed := r.missed(id, behind, func(int64) bool { return true })
	own := len(missed)
	for _, room := range rooms {
		missed = append(missed, r.missed(room.ID, behind, room.Member)...)
	}
	if len(missed) > own {
		slices.SortFunc(missed, func(a, b Missed) int { return cmp.Compare(a.seq, b.seq) })
	} else {
		slices.Reverse(missed)
	}
	return missed, nil
}

// missed gives the entries of a user or a room behind a cut, the newest first.
func (r *Ring) missed(id uuid.UUID, behind cut.Cut, sees func(asOf int64) bool) (missed []Missed) {
	user, known := r.users[id]
	if !known {
		return nil
	}
	older := make([]bool, len(behind)) // partitions in which what the client has been given begins here
	left := len(behind)
	for seq := user.newest; seq >= r.entries.first && left > 0; {
		entry := r.entries.at(seq)
		switch {
		case seq >= r.parts[entry.Partition].from && entry.Behind.Offset > behind[entry.Partition].Offset:
			if sees(entry.AsOf) {
				missed = append(missed, Missed{Partition: entry.Partition, Behind: entry.Behind, Event: entry.Event, seq: seq})
			}
		case !older[entry.Partition]:
			older[entry.Partition] = true
			left--
		}
		seq = entry.before(user)
	}
	return missed
}

// keeps reports whether everything behind the cut is kept. Errors: [ErrExpired], [GapError], [ErrForked].
func (r *Ring) keeps(behind cut.Cut) error {
	for number := range r.parts {
		part, at := &r.parts[number], behind[number]
		switch {
		case at.Offset < part.floor && part.gap != "":
			return GapError{Reason: part.gap}
		case at.Offset < part.floor:
			return ErrExpired
		case !part.lineage.has(at, r.cut[number]):
			return ErrForked
		}
	}
	return nil
}
