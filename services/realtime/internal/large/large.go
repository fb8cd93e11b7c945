// Package large knows who is in large rooms, of which an event names the room and the version of its membership alone.
//
// # State
//
// Of each user the large rooms that it is in, and of each room its version, that of each of its 64 parts, the users who have streams here, and the
// changes of the last minutes, so that it can be told who was a member when an event happened that is replayed. A user who is in a large room costs
// about a hundred bytes, and eight more for each further one.
//
// # Where it comes from
//
// A room's log says how each version became the next one. It says so exactly, and in its order: [Rooms.Begin] for the events that name all members,
// [Rooms.Join] and [Rooms.Leave] for the others. Where a reader begins somewhere in the log, it needs to know what came before: of each part of
// a room there is a snapshot, in a log of its own. [Rooms.Snapshot] takes them as they are until [Rooms.CaughtUp], and while nothing is known
// of the room. Later a snapshot says what the room's log says, too, perhaps earlier than that. So it is taken only if the room's log has not
// said it after a while: then the room's log has jumped over it. Of a room that has ended, snapshots are removed: [Rooms.Removed].
//
// # Invariants
//
//   - A change is applied once, whatever is repeated: the version that a part has says which changes of its users it has.
//   - A room is known once all of its parts are.
package large

import (
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
)

// confirmation is how long a snapshot waits for the room's log to say the same.
const confirmation = 10 * time.Second

// Rooms are the large rooms. They are not safe for concurrent use.
type Rooms struct {
	window  time.Duration // how long changes are remembered
	rooms   map[uuid.UUID]*Room
	of      map[uuid.UUID][]*Room // by user, the rooms that it is in
	was     map[uuid.UUID][]*Room // by user, the rooms of which a change of it is remembered
	present map[uuid.UUID]bool    // users with streams here
	pending []pending             // snapshots that wait, the oldest first
	unknown map[uuid.UUID]time.Time
	loading map[part]events.MembershipSnapshot // the newest of each, until all have been read; nil afterwards
}

// part names a part of a room.
type part struct {
	room   uuid.UUID
	number int
}

// Room is a large room.
type Room struct {
	ID      uuid.UUID
	seen    bool // an event of its log said that it is large
	version int64
	parts   [events.SnapshotParts]int64 // the version of each; 0: not known
	members [events.SnapshotParts]int32 // how many are in each
	known   int                         // parts that are
	present set                         // members with streams here
	changes []change                    // of the window, the oldest first
	ended   int64                       // the version since which nobody is a member; 0: it has not ended
	endedAt time.Time                   // zero: it has not, or those who were members are forgotten
	unseen  bool                        // that it ended was read too late to know who had been a member
}

type change struct {
	version int64
	user    uuid.UUID
	joined  bool
	at      time.Time
}

type pending struct {
	snapshot events.MembershipSnapshot
	since    time.Time
}

// New makes Rooms that know none. They remember changes for so long.
func New(window time.Duration) *Rooms {
	return &Rooms{
		window: window, rooms: map[uuid.UUID]*Room{}, of: map[uuid.UUID][]*Room{}, was: map[uuid.UUID][]*Room{}, present: map[uuid.UUID]bool{},
		unknown: map[uuid.UUID]time.Time{}, loading: map[part]events.MembershipSnapshot{},
	}
}

// Find gives a room of which an event of its log has said that it is large.
func (r *Rooms) Find(id uuid.UUID) (*Room, bool) {
	room, ok := r.rooms[id]
	return room, ok && room.seen
}

// Len is how many large rooms there are.
func (r *Rooms) Len() int { return len(r.rooms) }

// Seen gives the large room of an event as of a version, which its newest is from then on if it was older.
func (r *Rooms) Seen(now time.Time, id uuid.UUID, version int64) *Room {
	room := r.room(id)
	room.seen, room.version = true, max(room.version, version)
	if !room.Known() && r.unknown[id].IsZero() {
		r.unknown[id] = now
	}
	return room
}

func (r *Rooms) room(id uuid.UUID) *Room {
	room, ok := r.rooms[id]
	if !ok {
		room = &Room{ID: id, present: set{at: map[uuid.UUID]int{}}}
		r.rooms[id] = room
	}
	return room
}

// Begin takes an event that names all members as of a version.
func (r *Rooms) Begin(id uuid.UUID, version int64, members []uuid.UUID) {
	room := r.room(id)
	parts := make([][]uuid.UUID, events.SnapshotParts)
	for _, user := range members {
		part := events.SnapshotPart(user)
		parts[part] = append(parts[part], user)
	}
	for part, users := range parts {
		r.replace(room, part, version, users)
	}
}

// Join takes users who have become members with a version.
func (r *Rooms) Join(now time.Time, id uuid.UUID, version int64, users ...uuid.UUID) {
	r.change(now, id, version, true, users)
}

// Leave takes a user who is a member no longer since a version.
func (r *Rooms) Leave(now time.Time, id uuid.UUID, version int64, user uuid.UUID) {
	r.change(now, id, version, false, []uuid.UUID{user})
}

func (r *Rooms) change(now time.Time, id uuid.UUID, version int64, joined bool, users []uuid.UUID) {
	room := r.room(id)
	room.version = max(room.version, version)
	parts := room.parts
	for _, user := range users {
		room.changes = append(room.changes, change{version: version, user: user, joined: joined, at: now})
		if !slices.Contains(r.was[user], room) {
			r.was[user] = append(r.was[user], room)
		}
		number := events.SnapshotPart(user)
		if parts[number] == 0 || version <= parts[number] {
			continue // its snapshot will have the change, or has it
		}
		room.parts[number] = version
		r.set(room, user, joined)
	}
}

// set makes a user a member, or one no longer.
func (r *Rooms) set(room *Room, user uuid.UUID, joined bool) {
	rooms := r.of[user]
	at := slices.Index(rooms, room)
	switch {
	case joined && at < 0:
		r.of[user] = append(rooms, room)
		room.members[events.SnapshotPart(user)]++
	case !joined && at >= 0:
		if len(rooms) == 1 {
			delete(r.of, user)
		} else {
			r.of[user] = slices.Delete(rooms, at, at+1)
		}
		room.members[events.SnapshotPart(user)]--
	}
	if joined && r.present[user] {
		room.present.add(user)
	} else {
		room.present.remove(user)
	}
}

// Snapshot takes the members of a part of a room. It gives the room if something had been read of it, and it has become known by this.
func (r *Rooms) Snapshot(now time.Time, snapshot events.MembershipSnapshot) (became *Room) {
	if r.loading != nil {
		if of := (part{snapshot.RoomID, snapshot.Part}); snapshot.Version >= r.loading[of].Version {
			r.loading[of] = snapshot
		}
		return nil
	}
	switch known := r.room(snapshot.RoomID).parts[snapshot.Part]; {
	case snapshot.Version <= known:
		return nil
	case known > 0:
		r.pending = append(r.pending, pending{snapshot, now})
		return nil
	}
	return r.take(snapshot)
}

// CaughtUp says that all snapshots have been read that there were at the start.
func (r *Rooms) CaughtUp() {
	for _, snapshot := range r.loading {
		r.replace(r.room(snapshot.RoomID), snapshot.Part, snapshot.Version, snapshot.Users)
	}
	r.loading = nil
}

func (r *Rooms) take(snapshot events.MembershipSnapshot) (became *Room) {
	room := r.room(snapshot.RoomID)
	_, awaited := r.unknown[room.ID]
	r.replace(room, snapshot.Part, snapshot.Version, snapshot.Users)
	if awaited && room.Known() {
		return room
	}
	return nil
}

// replace makes users the members of a part, as of a version, unless what is known is newer.
func (r *Rooms) replace(room *Room, part int, version int64, users []uuid.UUID) {
	before := room.parts[part]
	if version <= before {
		return
	}
	if room.parts[part] = version; version != removed {
		room.version = max(room.version, version)
	}
	for _, user := range users {
		r.set(room, user, true)
	}
	if int(room.members[part]) > len(users) {
		for user := range r.in(room, part) {
			if !slices.Contains(users, user) {
				r.set(room, user, false)
			}
		}
	}
	if before == 0 {
		room.known++
		r.catchUp(room, part)
	}
	if room.Known() {
		delete(r.unknown, room.ID)
	}
}

// catchUp takes the changes of a part that the room's log has said before anything was known of the part, and that are newer than what is known now.
func (r *Rooms) catchUp(room *Room, part int) {
	for _, c := range room.changes {
		if events.SnapshotPart(c.user) == part && c.version > room.parts[part] {
			room.parts[part] = c.version
			r.set(room, c.user, c.joined)
		}
	}
}

// in gives the members of a part. It goes over all users: it is for what hardly ever happens.
func (r *Rooms) in(room *Room, part int) iter.Seq[uuid.UUID] {
	return func(yield func(uuid.UUID) bool) {
		var users []uuid.UUID
		for user, rooms := range r.of {
			if events.SnapshotPart(user) == part && slices.Contains(rooms, room) {
				users = append(users, user)
			}
		}
		slices.Values(users)(yield)
	}
}

// Come says that a user has its first stream here, and Go that its last is gone.
func (r *Rooms) Come(user uuid.UUID) {
	r.present[user] = true
	for _, room := range r.of[user] {
		room.present.add(user)
	}
}

// Go says that a user has no streams here any more.
func (r *Rooms) Go(user uuid.UUID) {
	delete(r.present, user)
	for _, room := range r.of[user] {
		room.present.remove(user)
	}
}

// Unknown gives rooms of which something has been read for so long without it being known who is in them.
func (r *Rooms) Unknown(now time.Time) (waiting []uuid.UUID) {
	for id, since := range r.unknown {
		if now.Sub(since) >= confirmation {
			r.unknown[id] = now
			waiting = append(waiting, id)
		}
	}
	return waiting
}

// Evict forgets changes that are older than the window, and takes snapshots that the rooms' log has not confirmed.
func (r *Rooms) Evict(now time.Time) {
	oldest := now.Add(-r.window)
	for _, room := range r.rooms {
		r.forget(room, oldest)
		if !room.endedAt.IsZero() && room.endedAt.Before(oldest) {
			r.empty(room)
		}
	}
	for len(r.pending) > 0 && now.Sub(r.pending[0].since) >= confirmation {
		snapshot := r.pending[0].snapshot
		r.pending = r.pending[1:]
		if snapshot.Version == removed {
			r.endUnsaid(now, snapshot.RoomID)
			continue
		}
		r.take(snapshot)
	}
}

func (r *Rooms) forget(room *Room, oldest time.Time) {
	kept := slices.IndexFunc(room.changes, func(c change) bool { return !c.at.Before(oldest) })
	if kept < 0 {
		kept = len(room.changes)
	}
	if kept == 0 {
		return
	}
	gone := room.changes[:kept]
	room.changes = slices.Clone(room.changes[kept:])
	for _, c := range gone {
		if slices.ContainsFunc(room.changes, func(d change) bool { return d.user == c.user }) {
			continue
		}
		rooms := slices.DeleteFunc(r.was[c.user], func(other *Room) bool { return other == room })
		if len(rooms) == 0 {
			delete(r.was, c.user)
		} else {
			r.was[c.user] = rooms
		}
	}
}

// Of gives the rooms that a user is in, or may have been in within the window.
func (r *Rooms) Of(user uuid.UUID) []*Room {
	rooms := slices.Clone(r.of[user])
	for _, room := range r.was[user] {
		if !slices.Contains(rooms, room) {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

// Member reports whether a user was a member of the room as of a version, of the window.
func (r *Rooms) Member(room *Room, user uuid.UUID, version int64) bool {
	if room.endedAsOf(version) {
		return false
	}
	for _, c := range room.changes {
		if c.user == user && c.version > version {
			return !c.joined // the first change behind it says what was before
		}
	}
	return slices.Contains(r.of[user], room)
}

// Present gives the members as of a version, a recent one, who have streams here. It is not to be changed, and valid until the next call.
func (r *Rooms) Present(room *Room, version int64) []uuid.UUID {
	if room.endedAsOf(version) {
		return nil
	}
	since := map[uuid.UUID]bool{} // whose membership has changed since
	for i := len(room.changes) - 1; i >= 0 && room.changes[i].version > version; i-- {
		since[room.changes[i].user] = true
	}
	if len(since) == 0 {
		return room.present.list
	}
	users := slices.DeleteFunc(slices.Clone(room.present.list), func(user uuid.UUID) bool { return since[user] })
	for user := range since {
		if r.present[user] && r.Member(room, user, version) {
			users = append(users, user)
		}
	}
	return users
}

// Known reports whether it is known who is in the room.
func (r *Room) Known() bool { return r.known == events.SnapshotParts }

// Version is the room's newest.
func (r *Room) Version() int64 { return r.version }
