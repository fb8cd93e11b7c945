package large

import (
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
)

// removed is the version of a part that has been removed: behind all that its room has had.
const removed = math.MaxInt64

// Removed takes that a snapshot has been removed: the room has ended. Like a snapshot it says what the room's log says, too, and is taken only if that
// has not said it after a while. Of who was a member until then it says nothing: who begins with it knows the room, and nobody in it.
func (r *Rooms) Removed(now time.Time, id uuid.UUID, number int) {
	snapshot := events.MembershipSnapshot{RoomID: id, Part: number, Version: removed}
	if r.loading != nil {
		r.loading[part{id, number}] = snapshot
	} else if room, ok := r.rooms[id]; ok && room.ended == 0 {
		r.pending = append(r.pending, pending{snapshot, now})
	}
}

// endUnsaid takes the end of a room that its log has not said.
func (r *Rooms) endUnsaid(now time.Time, id uuid.UUID) {
	r.End(now, id, r.room(id).version+1)
}

// End takes that nobody is a member since a version. Who was one until then is remembered for the window.
func (r *Rooms) End(now time.Time, id uuid.UUID, version int64) {
	room := r.room(id)
	if room.ended != 0 {
		return
	}
	room.ended, room.endedAt, room.version = version, now, max(room.version, version)
	for number, known := range room.parts {
		room.unseen = room.unseen || known == 0 || known >= version
		room.parts[number] = max(known, version)
	}
	room.known = len(room.parts)
	delete(r.unknown, id)
}

// empty forgets who was a member of a room that has ended.
func (r *Rooms) empty(room *Room) {
	room.endedAt = time.Time{}
	for part := range room.parts {
		for user := range r.in(room, part) {
			r.set(room, user, false)
		}
	}
}

func (r *Room) endedAsOf(version int64) bool { return r.ended != 0 && version >= r.ended }

// EndedUnseen reports whether the room has ended and it is not known who was a member until then: its snapshots said so earlier than its log.
func (r *Room) EndedUnseen() bool { return r.unseen }
