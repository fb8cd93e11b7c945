package large

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
)

// user gives the ids of users whose parts differ, and of some whose parts do not.
func user(n int) uuid.UUID { return uuid.UUID{0: byte(n >> 8), 1: byte(n), 15: byte(n % 200)} }

func users(from, to int) (all []uuid.UUID) {
	for n := from; n < to; n++ {
		all = append(all, user(n))
	}
	return all
}

var hall = uuid.UUID{0: 1, 8: 1}

// snapshots are those of all parts.
func snapshots(version int64, members []uuid.UUID) []events.MembershipSnapshot {
	all := make([]events.MembershipSnapshot, events.SnapshotParts)
	for part := range all {
		all[part] = events.MembershipSnapshot{RoomID: hall, Part: part, Version: version}
	}
	for _, user := range members {
		part := &all[events.SnapshotPart(user)]
		part.Users = append(part.Users, user)
	}
	return all
}

func members(t *testing.T, r *Rooms) (all []uuid.UUID) {
	t.Helper()
	for user, rooms := range r.of {
		if slices.ContainsFunc(rooms, func(room *Room) bool { return room.ID == hall }) {
			all = append(all, user)
		}
	}
	return all
}

func same(t *testing.T, what string, got, want []uuid.UUID) {
	t.Helper()
	sorted := func(ids []uuid.UUID) []uuid.UUID {
		ids = slices.Clone(ids)
		slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
		return ids
	}
	if !slices.Equal(sorted(got), sorted(want)) {
		t.Errorf("%s: %d users, want %d", what, len(got), len(want))
	}
}

func TestARoomIsKnownFromItsSnapshots(t *testing.T) {
	now, r := time.Now(), New(time.Minute)
	for _, s := range snapshots(7, users(0, 150)) {
		r.Snapshot(now, s)
	}
	newer := snapshots(9, users(0, 149))[events.SnapshotPart(user(149))]
	r.Snapshot(now, newer)
	r.Snapshot(now, snapshots(8, users(0, 150))[newer.Part]) // not compacted yet, and in no order
	r.CaughtUp()
	same(t, "members", members(t, r), users(0, 149))
	room := r.Seen(now, hall, 8)
	if !room.Known() || room.Version() != 9 {
		t.Errorf("the room is known: %t, as of %d", room.Known(), room.Version())
	}
	r.Leave(now, hall, 9, user(149)) // the log says again what the snapshot has
	r.Join(now, hall, 10, user(149))
	r.Join(now, hall, 10, user(149))
	same(t, "members", members(t, r), users(0, 150))
	if got := r.Unknown(now.Add(time.Hour)); len(got) != 0 {
		t.Errorf("unknown are %v", got)
	}
}

// A snapshot may come before the change that made it is read in the room's log: until then it changes nothing, so nobody gets what came before.
func TestASnapshotWaitsForTheRoomsLog(t *testing.T) {
	now, r := time.Now(), New(time.Minute)
	r.CaughtUp()
	r.Begin(hall, 1, users(0, 100))
	r.Seen(now, hall, 1)
	joined := snapshots(2, users(0, 101))[events.SnapshotPart(user(100))]
	r.Snapshot(now, joined)
	same(t, "before the log says so", members(t, r), users(0, 100))
	r.Join(now, hall, 2, user(100))
	same(t, "when it has", members(t, r), users(0, 101))
	r.Evict(now.Add(time.Hour))
	same(t, "later", members(t, r), users(0, 101))
	left := snapshots(3, users(0, 100))[events.SnapshotPart(user(100))]
	r.Snapshot(now, left)
	r.Evict(now.Add(confirmation - 1))
	same(t, "a change that the log has jumped over, at first", members(t, r), users(0, 101))
	r.Evict(now.Add(confirmation))
	same(t, "a change that the log has jumped over", members(t, r), users(0, 100))
}

func TestWhoIsInARoomThatNobodyKnowsComesOut(t *testing.T) {
	now, r := time.Now(), New(time.Minute)
	r.CaughtUp()
	r.Come(user(3))
	room := r.Seen(now, hall, 5)
	r.Join(now, hall, 6, user(200))
	if room.Known() || len(r.Unknown(now)) != 0 {
		t.Error("it is known, or is missed at once")
	}
	if got := r.Unknown(now.Add(confirmation)); !slices.Equal(got, []uuid.UUID{hall}) {
		t.Errorf("unknown are %v", got)
	}
	var became *Room
	for _, s := range snapshots(6, append(users(0, 120), user(200))) {
		if got := r.Snapshot(now, s); got != nil {
			became = got
		}
	}
	if became != room || len(r.Unknown(now.Add(time.Hour))) != 0 {
		t.Errorf("known has become %v", became)
	}
	if got := r.Present(room, 6); !slices.Equal(got, []uuid.UUID{user(3)}) {
		t.Errorf("present are %v", got)
	}
}

// Snapshots that are written anew may be older than changes which the room's log has said before: those count.
func TestASnapshotOfAPartThatNobodyKnewIsBehindTheLog(t *testing.T) {
	now, r := time.Now(), New(time.Minute)
	r.CaughtUp()
	room := r.Seen(now, hall, 5)
	r.Join(now, hall, 6, user(200))
	r.Leave(now, hall, 7, user(3))
	r.Leave(now, hall, 8, user(200))
	r.Join(now, hall, 9, user(201))
	for _, s := range snapshots(6, append(users(0, 120), user(200))) {
		r.Snapshot(now, s)
	}
	want := slices.DeleteFunc(append(users(0, 120), user(201)), func(u uuid.UUID) bool { return u == user(3) })
	same(t, "members", members(t, r), want)
	for _, s := range snapshots(9, want) {
		r.Snapshot(now, s)
	}
	r.Evict(now.Add(confirmation))
	same(t, "members, when their changes' own snapshots are taken", members(t, r), want)
	if !room.Known() || room.Version() != 9 || r.Member(room, user(200), 8) || !r.Member(room, user(200), 7) {
		t.Errorf("it is known: %t, as of %d", room.Known(), room.Version())
	}
}

// What was written anew says what is known: that costs as much as the part has members, however many users there are.
func TestASnapshotThatSaysWhatIsKnownLooksAtNobodyElse(t *testing.T) {
	r := New(time.Minute)
	r.CaughtUp()
	r.Begin(hall, 7, users(0, 150))
	r.Begin(uuid.UUID{0: 2}, 7, users(100, 30_000))
	version, again := int64(7), snapshots(8, users(0, 150))
	allocated := testing.AllocsPerRun(10, func() { // to look at all users allocates what it finds
		version++
		for _, s := range again {
			s.Version = version
			r.take(s)
		}
	})
	if allocated > 0 {
		t.Errorf("it allocates %v times", allocated)
	}
	same(t, "members", members(t, r), users(0, 150))
	for part, n := range r.rooms[hall].members {
		if want := len(again[part].Users); int(n) != want {
			t.Errorf("part %d has %d members, want %d", part, n, want)
		}
	}
}

// TestAgainstAModel changes a room at random, repeats and snapshots among it, and compares with what a list of all versions says: who is in the
// room, who was at any version of the window, who of those with streams is.
func TestAgainstAModel(t *testing.T) {
	const most = 300
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		now, r := time.Now(), New(time.Hour)
		r.CaughtUp()
		versions := []map[uuid.UUID]bool{nil, {}} // by version
		for _, u := range users(0, 101) {
			versions[1][u] = true
		}
		r.Begin(hall, 1, users(0, 101))
		room := r.Seen(now, hall, 1)
		present := map[uuid.UUID]bool{}
		for range 400 {
			who, last := user(random.IntN(most)), versions[len(versions)-1]
			version := int64(len(versions))
			switch random.IntN(6) {
			case 0:
				r.Come(who)
				present[who] = true
			case 1:
				r.Go(who)
				delete(present, who)
			case 2: // said again, and older
				old := 1 + random.Int64N(version-1)
				r.Snapshot(now, snapshots(old, keys(versions[old]))[random.IntN(events.SnapshotParts)])
			default:
				next := map[uuid.UUID]bool{}
				for u := range last {
					next[u] = true
				}
				if last[who] {
					delete(next, who)
					r.Leave(now, hall, version, who)
				} else {
					next[who] = true
					r.Join(now, hall, version, who)
				}
				versions = append(versions, next)
				if random.IntN(2) == 0 {
					r.Snapshot(now, snapshots(version, keys(next))[events.SnapshotPart(who)])
				}
			}
		}
		last := int64(len(versions) - 1)
		same(t, "members", members(t, r), keys(versions[last]))
		for version := int64(1); version <= last; version++ {
			for _, u := range users(0, most) {
				if got := r.Member(room, u, version); got != versions[version][u] {
					t.Fatalf("seed %d: as of %d of %d a member: %t, want %t", seed, version, last, got, versions[version][u])
				}
			}
			var want []uuid.UUID
			for u := range present {
				if versions[version][u] {
					want = append(want, u)
				}
			}
			same(t, "present", r.Present(room, version), want)
		}
		for _, u := range users(0, most) {
			if (versions[last][u] || versions[last-1][u]) && !slices.Contains(r.Of(u), room) {
				t.Errorf("seed %d: a member's rooms are %v", seed, r.Of(u))
			}
		}
		r.Evict(now.Add(2 * time.Hour))
		if len(r.was) != 0 || len(room.changes) != 0 {
			t.Errorf("%d users and %d changes are remembered", len(r.was), len(room.changes))
		}
		same(t, "members, the window over", members(t, r), keys(versions[last]))
	}
}

func keys(set map[uuid.UUID]bool) (all []uuid.UUID) {
	for u := range set {
		all = append(all, u)
	}
	return all
}

// BenchmarkPresent finds an edge's own among the ten thousand members of a room.
func BenchmarkPresent(b *testing.B) {
	for name, here := range map[string]int{"10 of them here": 10, "1000 of them here": 1000} {
		b.Run(name, func(b *testing.B) {
			r := New(time.Minute)
			r.CaughtUp()
			r.Begin(hall, 1, users(0, 10_000))
			room := r.Seen(time.Now(), hall, 1)
			for n := range here {
				r.Come(user(n * 7))
			}
			for b.Loop() {
				if got := len(r.Present(room, 1)); got != here {
					b.Fatalf("%d are present", got)
				}
			}
		})
	}
}
