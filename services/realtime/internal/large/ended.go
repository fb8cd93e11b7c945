package large

import (
	"time"

	"github.com/google/uuid"
)

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
