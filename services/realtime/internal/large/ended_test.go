package large

import (
	"slices"
	"testing"
	"time"
)

func TestARoomThatHasEndedIsRememberedForTheWindow(t *testing.T) {
	now, r := time.Now(), New(time.Minute)
	r.CaughtUp()
	r.Begin(hall, 7, users(0, 150))
	r.Come(user(3))
	room := r.Seen(now, hall, 7)
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
