package large

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
)

// attended is a large room that has 150 members, one of whom is there.
func attended(now time.Time) (*Rooms, *Room) {
	r := New(time.Minute)
	r.CaughtUp()
	r.Begin(hall, 7, users(0, 150))
	r.Come(user(3))
	return r, r.Seen(now, hall, 7)
}

func TestARoomThatHasEndedIsRememberedForTheWindow(t *testing.T) {
	now := time.Now()
	r, room := attended(now)
	r.End(now, hall, 8)
	r.End(now.Add(time.Second), hall, 9) // it is there twice
	for _, s := range snapshots(8, nil) {
		r.Snapshot(now, s)
	}
	r.Evict(now.Add(30 * time.Second)) // beyond the time for which snapshots wait
	r.Come(user(4))
	if room.EndedUnseen() || room.Version() != 8 {
		t.Errorf("it has ended unseen: %t, as of %d", room.EndedUnseen(), room.Version())
	}
	same(t, "present before the end", r.Present(room, 7), users(3, 5))
	same(t, "present after it", r.Present(room, 8), nil)
	if !r.Member(room, user(3), 7) || r.Member(room, user(3), 8) || r.Member(room, user(150), 7) {
		t.Error("who was a member is not as it was")
	}
	if !slices.Contains(r.Of(user(3)), room) {
		t.Error("a former member resumes without the room")
	}
	r.Evict(now.Add(2 * time.Minute))
	same(t, "members after the window", members(t, r), nil)
	if r.Seen(now, hall, 7) != room || len(r.Unknown(now.Add(time.Hour))) != 0 {
		t.Error("a message that comes late makes it a room of which nothing is known")
	}
}

func TestAnEndThatSnapshotsSaidFirstIsUnseen(t *testing.T) {
	now, r := time.Now(), New(time.Minute)
	for _, s := range snapshots(8, nil) {
		r.Snapshot(now, s)
	}
	r.CaughtUp()
	r.End(now, hall, 8)
	if room := r.Seen(now, hall, 8); !room.EndedUnseen() || !room.Known() {
		t.Error("it is taken for known who was a member")
	}
}

// remove says that all parts of the room have been removed.
func remove(now time.Time, r *Rooms) {
	for part := range events.SnapshotParts {
		r.Removed(now, hall, part)
	}
}

// Who begins behind the end of a room finds tombstones, where compaction has not removed them: it knows that nobody is in it, and not who was.
func TestWhoBeginsWithARemovedRoomKnowsNobodyInIt(t *testing.T) {
	now, r := time.Now(), New(time.Minute)
	for _, s := range snapshots(7, users(0, 150)) { // not compacted yet
		r.Snapshot(now, s)
	}
	remove(now, r)
	r.Snapshot(now, snapshots(7, users(0, 150))[3]) // of another partition, in no order
	r.CaughtUp()
	same(t, "members", members(t, r), nil)
	room := r.Seen(now, hall, 7) // a message that came late
	if !room.Known() || room.Version() != 7 || len(r.Unknown(now.Add(time.Hour))) != 0 {
		t.Errorf("it is known: %t, as of %d", room.Known(), room.Version())
	}
	r.Come(user(3))
	r.Leave(now, hall, 8, user(3))
	if !r.Member(room, user(3), 7) || r.Member(room, user(3), 8) {
		t.Error("of who left within the window it is not known that it was a member")
	}
	r.End(now, hall, 9)
	if !room.EndedUnseen() {
		t.Error("it is taken for known who was a member")
	}
}

// A room of which compaction has removed all is known with the event of its end.
func TestWhoBeginsBehindCompactionLearnsOfTheEndFromTheLog(t *testing.T) {
	now, r := time.Now(), New(time.Minute)
	r.CaughtUp()
	room := r.Seen(now, hall, 7)
	r.End(now, hall, 8)
	if !room.Known() || !room.EndedUnseen() || len(r.Unknown(now.Add(time.Hour))) != 0 {
		t.Error("it is not known, or who was a member is")
	}
}

func TestThatPartsAreRemovedWaitsForTheRoomsLog(t *testing.T) {
	now := time.Now()
	r, room := attended(now)
	remove(now, r)
	r.Evict(now.Add(confirmation - 1))
	same(t, "present before the log says so", r.Present(room, room.Version()), []uuid.UUID{user(3)})
	r.End(now, hall, 8)
	r.Evict(now.Add(confirmation))
	same(t, "present as of before the end", r.Present(room, 7), []uuid.UUID{user(3)})
	same(t, "present as of the end", r.Present(room, 8), nil)
	if room.EndedUnseen() || room.Version() != 8 {
		t.Errorf("it has ended unseen: %t, as of %d", room.EndedUnseen(), room.Version())
	}
}

// The room's log has jumped over its end.
func TestThatPartsAreRemovedIsBelievedAfterAWhile(t *testing.T) {
	now := time.Now()
	r, room := attended(now)
	remove(now, r)
	r.Removed(now, uuid.New(), 7) // of a room of which nothing is known
	r.Evict(now.Add(confirmation))
	same(t, "present as of before the end", r.Present(room, 7), []uuid.UUID{user(3)})
	same(t, "present as of then", r.Present(room, room.Version()), nil)
	r.Evict(now.Add(confirmation + 2*time.Minute))
	same(t, "members after the window", members(t, r), nil)
	if r.Len() != 1 {
		t.Errorf("%d rooms are known", r.Len())
	}
}
