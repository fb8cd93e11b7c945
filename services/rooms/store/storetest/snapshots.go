package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

// rewritesAreKept holds the rows of a rewrite to what is set of them.
func rewritesAreKept(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice")
	topics, rooms := []uuid.UUID{uuid.New(), uuid.New()}, []store.Room{group(users[0]), group(users[0]), group(users[0]), group(users[0])}
	slices.SortFunc(rooms, func(a, b store.Room) int { return slices.Compare(a.ID[:], b.ID[:]) })
	rooms[1].Large, rooms[3].Large = true, true
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		for _, room := range rooms {
			if err := insert(ctx, tx, room, users[0]); err != nil {
				return err
			}
		}
		return tx.EndRoom(ctx, rooms[3].ID, start())
	})
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		for behind, want := range map[uuid.UUID]uuid.UUID{{}: rooms[1].ID, rooms[0].ID: rooms[1].ID, rooms[1].ID: rooms[3].ID} {
			if room, err := tx.NextLarge(ctx, behind); err != nil || room != want {
				t.Errorf("behind %s is %s, %v; want %s", behind, room, err, want)
			}
		}
		if room, err := tx.NextLarge(ctx, rooms[3].ID); !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("behind the last is %s, %v", room, err)
		}
		return nil
	})
	expect := func(topic uuid.UUID, want store.Rewrite, then store.Rewrite) {
		t.Helper()
		transact(t, s, func(ctx context.Context, tx store.Tx) error {
			rewrite, err := tx.LockRewrite(ctx, topic)
			if err != nil || rewrite != want {
				t.Errorf("it is %+v, %v; want %+v", rewrite, err, want)
			}
			return tx.SetRewrite(ctx, topic, then)
		})
	}
	half, whole := store.Rewrite{Behind: rooms[1].ID, First: true}, store.Rewrite{Behind: rooms[3].ID, Finished: true}
	expect(topics[0], store.Rewrite{First: true}, half)
	expect(topics[0], half, whole)
	expect(topics[1], store.Rewrite{}, store.Rewrite{})
	expect(topics[0], whole, whole)
}

// hall creates a large room.
func hall(t *testing.T, s store.Store, members []uuid.UUID) uuid.UUID {
	t.Helper()
	return create(t, s, newRoom(wire.Group, "Hall", start(), members...)).ID
}

// rewrite takes steps until all is written, and gives how many rooms they have written.
func rewrite(t *testing.T, s store.Store, topic uuid.UUID) (rooms int) {
	t.Helper()
	for range 1000 {
		done, err := flow(s).RewriteNext(t.Context(), topic, start())
		if err != nil {
			t.Fatalf("rewrite: %v", err)
		}
		if done.Row != 0 {
			rooms++
		}
		if done.Finished {
			return rooms
		}
	}
	t.Fatal("there is always more to write")
	return rooms
}

// toldOf takes all events out of the outbox. Unlike [eventsOf] it does not compare them with their schema, which takes a while for many.
func toldOf(t *testing.T, s store.Store) (all []events.Data) {
	t.Helper()
	lead, err := s.Lead(t.Context())
	if err != nil {
		t.Fatalf("get the lead: %v", err)
	}
	defer lead.Release()
	for _, row := range outboxtest.Drain(t, lead) {
		event, err := events.Decode(row.Headers, row.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, event.Data)
	}
	return all
}

// partsOf gives the last parts of rooms among events, and fails the test where one comes behind a newer one.
func partsOf(t *testing.T, all []events.Data) map[uuid.UUID]map[int]events.MembershipSnapshot {
	t.Helper()
	parts := map[uuid.UUID]map[int]events.MembershipSnapshot{}
	for _, data := range all {
		part, ok := data.(events.MembershipSnapshot)
		if !ok {
			continue
		}
		if parts[part.RoomID] == nil {
			parts[part.RoomID] = map[int]events.MembershipSnapshot{}
		}
		if before := parts[part.RoomID][part.Part]; before.Version > part.Version {
			t.Errorf("part %d has version %d behind %d", part.Part, part.Version, before.Version)
		}
		parts[part.RoomID][part.Part] = part
	}
	return parts
}

// expectParts compares parts of a room with who is in it.
func expectParts(t *testing.T, s store.Store, room uuid.UUID, parts map[int]events.MembershipSnapshot) {
	t.Helper()
	told, want := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	for _, part := range parts {
		for _, user := range part.Users {
			told[user] = true
		}
	}
	for id, member := range members(t, s, room) {
		if member.Status == wire.Joined {
			want[id] = true
		}
	}
	if len(parts) != events.SnapshotParts || !maps.Equal(told, want) {
		t.Errorf("%d parts have %d members, the room has %d", len(parts), len(told), len(want))
	}
}

// snapshotsAreRewritten writes what a new log of memberships lacks, by processes of which each ends after one step.
func snapshotsAreRewritten(t *testing.T, s store.Store) {
	users := manyUsers(t, s, events.MaxNamed+2)
	if rooms := rewrite(t, s, uuid.New()); rooms != 0 {
		t.Errorf("without large rooms %d are written", rooms)
	}
	halls := []uuid.UUID{hall(t, s, users), hall(t, s, users[1:]), hall(t, s, users)}
	create(t, s, newRoom(wire.Group, "Lunch", start(), users[:2]...))
	leave(t, s, halls[1], users[7], start())
	if _, err := flow(s).End(t.Context(), halls[2], changes.Backend(""), start()); err != nil {
		t.Fatal(err)
	}
	toldOf(t, s)
	topic := uuid.New()
	if rooms := rewrite(t, s, topic); rooms != 2 {
		t.Errorf("%d rooms are written", rooms)
	}
	told := toldOf(t, s)
	parts := partsOf(t, told)
	if len(told) != 2*events.SnapshotParts || len(parts) != 2 {
		t.Errorf("%d rooms are %d events", len(parts), len(told))
	}
	for _, room := range halls[:2] {
		expectParts(t, s, room, parts[room])
	}
	if version := parts[halls[1]][0].Version; version != 3 {
		t.Errorf("it is written as of version %d", version)
	}
	if rooms := rewrite(t, s, topic); rooms != 0 {
		t.Errorf("the same log gets %d rooms again", rooms)
	}
	if rooms := rewrite(t, s, uuid.New()); rooms != 2 {
		t.Errorf("another log gets %d rooms", rooms)
	}
}

var errKilled = errors.New("the process is killed")

// killed is a store whose transactions fail when all is done, instead of committing.
type killed struct{ store.Store }

func (k killed) Transact(ctx context.Context, operation string, change func(ctx context.Context, tx store.Tx) error) error {
	return k.Store.Transact(ctx, operation, func(ctx context.Context, tx store.Tx) error {
		return errors.Join(change(ctx, tx), errKilled)
	})
}

// endedRoomsAreRemoved removes what a version before tombstones has left of a room that has ended, from the first log alone.
func endedRoomsAreRemoved(t *testing.T, s store.Store) {
	users := manyUsers(t, s, events.MaxNamed+1)
	room := hall(t, s, users)
	if _, err := flow(s).End(t.Context(), room, changes.Backend(""), start()); err != nil {
		t.Fatal(err)
	}
	for n, want := range []int{events.SnapshotParts, 0} {
		toldOf(t, s)
		rewrite(t, s, uuid.New())
		removed := removedOf(t, toldOf(t, s))
		if len(removed[room]) != want || len(removed) > 1 {
			t.Errorf("of log %d %d parts of %d rooms are removed, want %d of one", n, len(removed[room]), len(removed), want)
		}
	}
}

// removedOf gives the parts of rooms that events say are removed.
func removedOf(t *testing.T, all []events.Data) map[uuid.UUID]map[int]bool {
	t.Helper()
	removed := map[uuid.UUID]map[int]bool{}
	for _, data := range all {
		if part, ok := data.(events.SnapshotRemoved); ok {
			if removed[part.RoomID] == nil {
				removed[part.RoomID] = map[int]bool{}
			}
			removed[part.RoomID][part.Part] = true
		}
	}
	return removed
}

// largeRoomEndsWithItsLastMember removes all parts, not only that of the last member.
func largeRoomEndsWithItsLastMember(t *testing.T, s store.Store) {
	users := manyUsers(t, s, events.MaxNamed+1)
	room := hall(t, s, users)
	for _, user := range users[1:] {
		leave(t, s, room, user, start())
	}
	if removed := removedOf(t, toldOf(t, s)); len(removed) != 0 {
		t.Errorf("while somebody is in it, %d parts are removed", len(removed[room]))
	}
	leave(t, s, room, users[0], start())
	told := toldOf(t, s)
	if removed := removedOf(t, told); len(removed[room]) != events.SnapshotParts || len(told) != 1+events.SnapshotParts {
		t.Errorf("with the last, %d parts are removed by %d events", len(removed[room]), len(told))
	}
}

// rewriteGoesOn kills a process in the middle of each step: the room is written by whoever comes next, and none twice.
func rewriteGoesOn(t *testing.T, s store.Store) {
	users, topic := manyUsers(t, s, events.MaxNamed+1), uuid.New()
	const halls = 3
	for range halls {
		hall(t, s, users)
	}
	toldOf(t, s)
	finished := false
	for !finished {
		if _, err := flow(killed{s}).RewriteNext(t.Context(), topic, start()); !errors.Is(err, errKilled) {
			t.Fatalf("killed: %v", err)
		}
		done, err := flow(s).RewriteNext(t.Context(), topic, start())
		if err != nil {
			t.Fatal(err)
		}
		finished = done.Finished
	}
	if told := toldOf(t, s); len(told) != halls*events.SnapshotParts || len(partsOf(t, told)) != halls {
		t.Errorf("%d rooms are %d events", halls, len(told))
	}
}

// parallelRewrites lets many processes write the same: each room is written once.
func parallelRewrites(t *testing.T, s store.Store) {
	users, topic := manyUsers(t, s, events.MaxNamed+1), uuid.New()
	const halls = 3
	for range halls {
		hall(t, s, users)
	}
	toldOf(t, s)
	atOnce(func(int) {
		err := persistently(t.Context(), func() error {
			_, err := flow(s).RewriteNext(t.Context(), topic, start())
			return err
		})
		if err != nil {
			t.Errorf("rewrite: %v", err)
		}
	})
	if told := toldOf(t, s); len(told) != halls*events.SnapshotParts || len(partsOf(t, told)) != halls {
		t.Errorf("%d rooms are %d events", halls, len(told))
	}
}

// rewriteMeetsChanges writes a room's snapshots again and again while members come and go: the newest is the last one of each part.
func rewriteMeetsChanges(t *testing.T, s store.Store) {
	const moving = 20
	users := manyUsers(t, s, events.MaxNamed+1+2*moving)
	staying, coming, going := users[:events.MaxNamed+1], users[events.MaxNamed+1:][:moving], users[events.MaxNamed+1+moving:]
	room := hall(t, s, append(slices.Clone(staying), going...))
	var working sync.WaitGroup
	change := func(users []uuid.UUID, do func(user uuid.UUID) error) {
		working.Go(func() {
			for _, user := range users {
				if err := persistently(t.Context(), func() error { return do(user) }); err != nil {
					t.Errorf("a change: %v", err)
				}
			}
		})
	}
	change(coming, func(user uuid.UUID) error {
		asked := invitation(room, staying[0], user)
		asked.MaxMembers = 1000
		_, err := flow(s).Invite(t.Context(), asked)
		return err
	})
	change(going, func(user uuid.UUID) error {
		_, err := flow(s).Leave(t.Context(), room, user, start())
		return err
	})
	rewrites := make([]uuid.UUID, 20)
	for i := range rewrites {
		rewrites[i] = uuid.New()
	}
	change(rewrites, func(topic uuid.UUID) error {
		_, err := flow(s).RewriteNext(t.Context(), topic, start())
		return err
	})
	working.Wait()
	expectParts(t, s, room, partsOf(t, toldOf(t, s))[room])
}
