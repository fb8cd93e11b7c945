package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

func invitation(room, by, user uuid.UUID) changes.Invitation {
	return changes.Invitation{RoomID: room, By: changes.Member(by), User: user, At: after(time.Hour), MaxMembers: 10}
}

func invite(t *testing.T, s store.Store, room, by, user uuid.UUID) {
	t.Helper()
	if _, err := flow(s).Invite(t.Context(), invitation(room, by, user)); err != nil {
		t.Fatalf("invite: %v", err)
	}
}

func leave(t *testing.T, s store.Store, room, user uuid.UUID, at time.Time) {
	t.Helper()
	if _, err := flow(s).Leave(t.Context(), room, user, at); err != nil {
		t.Fatalf("leave: %v", err)
	}
}

func standing(t *testing.T, s store.Store, room, user uuid.UUID) events.Standing {
	t.Helper()
	found, err := s.Standing(t.Context(), room, user)
	if err != nil {
		t.Fatalf("standing: %v", err)
	}
	return found
}

// lastChange is the newest change of members in the outbox, all of which is taken out of it.
func lastChange(t *testing.T, lead outbox.Lead) events.MembershipChanged {
	t.Helper()
	var last events.MembershipChanged
	for _, data := range decoded(t, lead) {
		if changed, ok := data.(events.MembershipChanged); ok {
			last = changed
		}
	}
	if last.Version == 0 {
		t.Fatal("the outbox has no change of members")
	}
	return last
}

func userJoins(t *testing.T, s store.Store) {
	lead := outboxtest.Lead(t, s)
	users := addUsers(t, s, "alice", "bob", "carol")
	room := create(t, s, newRoom(wire.Group, "Lunch", start(), users[0], users[1])).ID
	invite(t, s, room, users[1], users[2])
	membership, err := s.Membership(t.Context(), room)
	if err != nil || membership.Version != 2 || len(membership.Members) != 3 {
		t.Fatalf("membership %+v, %v", membership, err)
	}
	carol := membership.Members[2]
	if carol.ID != users[2] || carol.Status != wire.Joined || !carol.JoinedAt.Equal(after(time.Hour)) {
		t.Errorf("she is %+v", carol)
	}
	if seen := get(t, s, room, users[2]); seen.ID != room || !seen.Unread {
		t.Errorf("she sees %+v", seen)
	}
	changed := lastChange(t, lead)
	if changed.Change != wire.Join || changed.Version != 2 || !slices.Equal(changed.Users, users) || changed.Room.Name == nil || *changed.Room.Name != "Lunch" || changed.Member.DisplayName != "carol" {
		t.Errorf("the event is %+v", changed)
	}
	if got := standing(t, s, room, users[2]); got != (events.Standing{RoomID: room, Version: 2, UserID: users[2], Status: wire.Joined}) {
		t.Errorf("she stands as %+v", got)
	}
	since := newRoom(wire.Group, "", start(), users[0], users[1])
	since.SinceJoining = true
	create(t, s, since)
	invite(t, s, since.ID, users[0], users[2])
	joined := lastChange(t, lead).Message.ID
	if got := standing(t, s, since.ID, users[2]); got.From == nil || *got.From != joined || got.To != nil {
		t.Errorf("in a room without a past she stands as %+v", got)
	}
	if got := standing(t, s, since.ID, users[0]); got.From != nil {
		t.Errorf("who was there from the beginning stands as %+v", got)
	}
	if membership, err := s.Audience(t.Context(), since.ID); err != nil || !membership.SinceJoining || membership.WholeRoom || !slices.Equal(membership.Users, users) {
		t.Errorf("the room without a past is %+v, %v", membership, err)
	}
}

func memberLeaves(t *testing.T, s store.Store) {
	lead := outboxtest.Lead(t, s)
	users := addUsers(t, s, "alice", "bob", "carol")
	room := create(t, s, newRoom(wire.Group, "Lunch", start(), users...)).ID
	leave(t, s, room, users[1], after(time.Minute))
	changed := lastChange(t, lead)
	if changed.Change != wire.Leave || changed.Version != 2 || changed.Ended || len(changed.Removed) > 0 || !slices.Equal(changed.Users, []uuid.UUID{users[0], users[2]}) ||
		changed.Member.ID != users[1] || changed.Member.Status != wire.Left || changed.Message.SenderID != users[1] {
		t.Errorf("the event is %+v", changed)
	}
	if bob := members(t, s, room)[users[1]]; bob.Status != wire.Left {
		t.Errorf("bob is %+v", bob)
	}
	if _, err := s.Room(t.Context(), room, users[1]); !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("bob finds the room: %v", err)
	}
	if rooms := list(t, s, users[1]); len(rooms) != 0 {
		t.Errorf("bob lists %v", rooms)
	}
	if got := standing(t, s, room, users[1]); got.Status != wire.Left || got.To == nil || *got.To != changed.Message.ID || got.From != nil {
		t.Errorf("bob stands as %+v", got)
	}
	for name, err := range map[string]error{
		"again":           second(flow(s).Leave(t.Context(), room, users[1], after(time.Minute))),
		"by a stranger":   second(flow(s).Leave(t.Context(), room, uuid.New(), after(time.Minute))),
		"an unknown room": second(flow(s).Leave(t.Context(), uuid.New(), users[0], after(time.Minute))),
		"a former member": second(flow(s).Invite(t.Context(), invitation(room, users[1], addUsers(t, s, "dave")[0]))),
	} {
		if !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Standing(t.Context(), room, uuid.New()); !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("a stranger stands: %v", err)
	}
	invite(t, s, room, users[0], users[1]) // and is back
	if got := standing(t, s, room, users[1]); got.Status != wire.Joined || got.To != nil || got.Version != 3 {
		t.Errorf("back again bob stands as %+v", got)
	}
	if rooms := list(t, s, users[1]); len(rooms) != 1 {
		t.Errorf("back again bob lists %v", rooms)
	}
}

func second(_ int64, err error) error { return err }

func singleRoomEnds(t *testing.T, s store.Store) {
	lead := outboxtest.Lead(t, s)
	users := addUsers(t, s, "alice", "bob")
	room := create(t, s, newRoom(wire.Single, "", start(), users...)).ID
	leave(t, s, room, users[1], after(time.Minute))
	changed := lastChange(t, lead)
	if !changed.Ended || !slices.Equal(changed.Removed, users[:1]) || len(changed.Users) != 0 || changed.Version != 2 {
		t.Errorf("the event is %+v", changed)
	}
	for _, user := range users {
		if got := standing(t, s, room, user); got.Status != wire.Left || got.To == nil || *got.To != changed.Message.ID {
			t.Errorf("%s stands as %+v", user, got)
		}
	}
	if _, err := s.SingleRoom(t.Context(), users[0], users[1]); !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("the pair has a room: %v", err)
	}
	another := create(t, s, newRoom(wire.Single, "", after(time.Hour), users[1], users[0])).ID
	if found, err := s.SingleRoom(t.Context(), users[0], users[1]); err != nil || found != another {
		t.Errorf("the pair's room is %s, %v", found, err)
	}
	if err := second(flow(s).Invite(t.Context(), invitation(another, users[0], addUsers(t, s, "carol")[0]))); !errors.Is(err, store.ErrSingleRoom) {
		t.Errorf("a third in a Single room: %v", err)
	}
}

func groupEnds(t *testing.T, s store.Store) {
	lead := outboxtest.Lead(t, s)
	users := addUsers(t, s, "alice", "bob")
	room := create(t, s, newRoom(wire.Group, "Lunch", start(), users...)).ID
	leave(t, s, room, users[0], after(time.Minute))
	if changed := lastChange(t, lead); changed.Ended {
		t.Errorf("it has ended with %+v", changed)
	}
	leave(t, s, room, users[1], after(time.Hour))
	if changed := lastChange(t, lead); !changed.Ended || changed.Version != 3 || len(changed.Removed) != 0 {
		t.Errorf("the event is %+v", changed)
	}
	if err := second(flow(s).Leave(t.Context(), room, users[1], after(time.Hour))); !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("leaving a room that has ended: %v", err)
	}
}

func refusedInvitationsChangeNothing(t *testing.T, s store.Store) {
	lead := outboxtest.Lead(t, s)
	users := addUsers(t, s, "alice", "bob", "carol", "dave")
	room := create(t, s, newRoom(wire.Group, "Lunch", start(), users[:3]...)).ID
	before, err := s.Membership(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	outboxtest.Drain(t, lead)
	full := invitation(room, users[0], users[3])
	full.MaxMembers = 3
	for name, c := range map[string]struct {
		asked changes.Invitation
		want  error
	}{
		"into a full room":     {full, store.ErrRoomFull},
		"of a member":          {invitation(room, users[0], users[1]), store.ErrAlreadyMember},
		"of oneself":           {invitation(room, users[0], users[0]), store.ErrAlreadyMember},
		"by nobody":            {invitation(room, users[3], users[3]), store.ErrRoomNotFound},
		"of somebody unknown":  {invitation(room, users[0], uuid.New()), store.ErrUnknownUsers},
		"into an unknown room": {invitation(uuid.New(), users[0], users[3]), store.ErrRoomNotFound},
	} {
		if _, err := flow(s).Invite(t.Context(), c.asked); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	after, err := s.Membership(t.Context(), room)
	if err != nil || after.Version != before.Version || len(after.Members) != len(before.Members) {
		t.Errorf("membership %+v, %v", after, err)
	}
	if rows := outboxtest.Drain(t, lead); len(rows) != 0 {
		t.Errorf("the outbox has %d rows", len(rows))
	}
}

// changesAreTakenOnce takes a change from the log that the outbox has appended twice, with messages between and behind.
func changesAreTakenOnce(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	room := create(t, s, newRoom(wire.Group, "Lunch", start(), users...)).ID
	change := posted(room, users[1], "", after(time.Minute), 10)
	change.Preview, change.Version = wire.RoomChangePreview("bob", wire.Leave), 2
	again, later := change, change
	again.Position.Offset = 12
	later.Position.Offset, later.Version, later.Preview = 15, 3, wire.RoomChangePreview("bob", wire.Join)
	message := posted(room, users[0], "Soup?", after(time.Hour), 11)
	apply(t, s, change, message, again)
	if seen := get(t, s, room, users[0]); seen.LatestMessageText.Text != "Soup?" {
		t.Errorf("in one batch: %+v", seen.LatestMessageText)
	}
	again.Position.Offset = 13
	apply(t, s, again)
	if seen := get(t, s, room, users[0]); seen.LatestMessageText.Text != "Soup?" {
		t.Errorf("later: %+v", seen.LatestMessageText)
	}
	apply(t, s, later)
	if seen := get(t, s, room, users[0]); seen.LatestMessageText.RoomChangeType != wire.Join {
		t.Errorf("a newer change: %+v", seen.LatestMessageText)
	}
	apply(t, s, posted(room, users[0], "behind", after(time.Hour), 16), change, later)
	if seen := get(t, s, room, users[0]); seen.LatestMessageText.Text != "behind" {
		t.Errorf("all of it again: %+v", seen.LatestMessageText)
	}
}

func parallelInvitations(t *testing.T, s store.Store) {
	const most, sides = 10, 50
	names := make([]string, sides)
	for i := range names {
		names[i] = "guest"
	}
	users, guests := addUsers(t, s, "alice", "bob"), addUsers(t, s, names...)
	room := create(t, s, newRoom(wire.Group, "Lunch", start(), users...)).ID
	var (
		joined  atomic.Int64
		running sync.WaitGroup
	)
	for _, guest := range guests {
		running.Go(func() {
			_, err := flow(s).Invite(t.Context(), invitation(room, users[0], guest))
			switch {
			case err == nil:
				joined.Add(1)
			case !errors.Is(err, store.ErrRoomFull):
				t.Errorf("invite: %v", err)
			}
		})
	}
	running.Wait()
	membership, err := s.Membership(t.Context(), room)
	if err != nil || len(membership.Members) != most || joined.Load() != most-2 || membership.Version != most-1 {
		t.Errorf("%d were told that they joined; %d members as of version %d, %v", joined.Load(), len(membership.Members), membership.Version, err)
	}
}

// leaveMeetsInvite lets a member leave while others invite it: each change has a version of its own, and the outbox has them in that order.
func leaveMeetsInvite(t *testing.T, s store.Store) {
	lead := outboxtest.Lead(t, s)
	users := addUsers(t, s, "alice", "bob")
	room := create(t, s, newRoom(wire.Group, "Lunch", start(), users...)).ID
	outboxtest.Drain(t, lead)
	var running sync.WaitGroup
	for range 10 {
		running.Go(func() {
			if _, err := flow(s).Leave(t.Context(), room, users[1], after(time.Hour)); err != nil && !errors.Is(err, store.ErrRoomNotFound) {
				t.Errorf("leave: %v", err)
			}
		})
		running.Go(func() {
			_, err := flow(s).Invite(t.Context(), invitation(room, users[0], users[1]))
			if err != nil && !errors.Is(err, store.ErrAlreadyMember) {
				t.Errorf("invite: %v", err)
			}
		})
	}
	running.Wait()
	version, inside := int64(1), true
	for _, data := range decoded(t, lead) {
		changed := data.(events.MembershipChanged)
		version++
		inside = !inside
		if changed.Version != version || (changed.Change == wire.Join) != inside {
			t.Errorf("version %d is %s of version %d", version, changed.Change, changed.Version)
		}
	}
	if bob := members(t, s, room)[users[1]]; (bob.Status == wire.Joined) != inside || version == 1 {
		t.Errorf("after %d changes bob is %s", version-1, bob.Status)
	}
}

// rowsOfAMembership are what the rows of a locked room do, one by one.
func rowsOfAMembership(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	row := group(users[0])
	transact(t, s, func(ctx context.Context, tx store.Tx) error { return insert(ctx, tx, row, users[0]) })
	joined := store.MembershipChange{RoomID: row.ID, Users: users[1:], At: after(time.Minute), Message: uuid.New()}
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		state, err := tx.LockRoom(ctx, row.ID)
		if err != nil || state.Type != wire.Group || state.MembershipVersion != 1 || !state.CreatedAt.Equal(start()) || !state.LatestMessage.Equal(start()) {
			t.Errorf("the room is %+v, %v", state, err)
		}
		if _, err := tx.Member(ctx, row.ID, users[1]); !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("bob before he joins: %v", err)
		}
		if err := errors.Join(tx.Join(ctx, joined), tx.SetMembershipVersion(ctx, row.ID, 7)); err != nil {
			return err
		}
		if bob, err := tx.Member(ctx, row.ID, users[1]); err != nil || bob.DisplayName != "bob" || bob.Status != wire.Joined || !bob.JoinedAt.Equal(after(time.Minute)) {
			t.Errorf("bob is %+v, %v", bob, err)
		}
		return nil
	})
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		if state, err := tx.LockRoom(ctx, row.ID); err != nil || state.MembershipVersion != 7 {
			t.Errorf("the room is %+v, %v", state, err)
		}
		if taken, err := tx.LockTaken(ctx, []uuid.UUID{row.ID, uuid.New()}); err != nil || len(taken) != 1 || taken[row.ID] != (store.Taken{Position: events.StartOfLog, ChangeVersion: 1}) {
			t.Errorf("taken are %v, %v", taken, err)
		}
		shown := store.LatestMessage{RoomID: row.ID, At: start(), Preview: wire.NewRoomPreview(), Position: events.Position{Offset: 3}, Version: 5, Messages: 8, Counted: 7}
		if err := tx.SetLatestMessages(ctx, []store.LatestMessage{shown}); err != nil {
			return err
		}
		want := store.Taken{Position: shown.Position, ChangeVersion: 5, Messages: 8, Counted: 7}
		if taken, err := tx.LockTaken(ctx, []uuid.UUID{row.ID}); err != nil || taken[row.ID] != want {
			t.Errorf("taken are %v, %v", taken, err)
		}
		left := store.MembershipChange{RoomID: row.ID, Users: users, At: after(time.Hour), Message: uuid.New()}
		joined, err := tx.CountJoined(ctx, row.ID)
		if err != nil || joined != 2 {
			t.Errorf("%d have joined, %v", joined, err)
		}
		for part := range events.SnapshotParts {
			want := slices.DeleteFunc(slices.Clone(users), func(user uuid.UUID) bool { return events.SnapshotPart(user) != part })
			if in, err := tx.JoinedIn(ctx, row.ID, part); err != nil || len(in) != len(want) || len(want) == 1 && in[0] != want[0] {
				t.Errorf("in part %d are %v, %v; want %v", part, in, err, want)
			}
		}
		return errors.Join(tx.SetLarge(ctx, row.ID), tx.Leave(ctx, left))
	})
	if audience, err := s.Audience(t.Context(), row.ID); err != nil || !audience.WholeRoom {
		t.Errorf("its audience is %+v, %v", audience, err)
	}
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		if joined, err := tx.CountJoined(ctx, row.ID); err != nil || joined != 0 {
			t.Errorf("%d have joined, %v", joined, err)
		}
		return tx.EndRoom(ctx, row.ID, after(time.Hour))
	})
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		for _, room := range []uuid.UUID{row.ID, uuid.New()} {
			if _, err := tx.LockRoom(ctx, room); !errors.Is(err, store.ErrRoomNotFound) {
				t.Errorf("a room that has ended, or never was: %v", err)
			}
		}
		return nil
	})
}

// follower follows the events of a large room as a reader does that has read all of them.
type follower struct {
	version int64
	members map[uuid.UUID]bool
	parts   map[int]events.MembershipSnapshot
}

func (f *follower) take(t *testing.T, all []events.Data) {
	t.Helper()
	if f.members == nil {
		f.members, f.parts = map[uuid.UUID]bool{}, map[int]events.MembershipSnapshot{}
	}
	for _, data := range all {
		if part, ok := data.(events.MembershipSnapshot); ok {
			f.parts[part.Part] = part
			continue
		}
		seen := data.(events.RoomEvent).SeenBy()
		if seen.Version != f.version+1 || len(seen.Users) > events.MaxNamed+1 {
			t.Errorf("%s has version %d behind %d, and names %d users", data.EventName(), seen.Version, f.version, len(seen.Users))
		}
		f.version = seen.Version
		if len(seen.Users) > 0 {
			clear(f.members)
			for _, user := range seen.Users {
				f.members[user] = true
			}
		}
		switch data := data.(type) {
		case events.MembersJoined:
			for _, user := range data.Joined {
				f.members[user] = true
			}
		case events.MembershipChanged:
			if data.Change == wire.Leave {
				delete(f.members, data.Member.ID)
			} else {
				f.members[data.Member.ID] = true
			}
		}
	}
}

// agrees compares what the events and the parts say with what the store says.
func (f *follower) agrees(t *testing.T, s store.Store, room uuid.UUID) {
	t.Helper()
	var told, parted []string
	for user := range f.members {
		told = append(told, user.String())
	}
	for _, part := range f.parts {
		for _, user := range part.Users {
			if events.SnapshotPart(user) != part.Part {
				t.Errorf("%s is in part %d", user, part.Part)
			}
			parted = append(parted, user.String())
		}
	}
	var want []string
	for id, member := range members(t, s, room) {
		if member.Status == wire.Joined {
			want = append(want, id.String())
		}
	}
	slices.Sort(told)
	slices.Sort(parted)
	slices.Sort(want)
	if !slices.Equal(told, want) || !slices.Equal(parted, want) || len(f.parts) != events.SnapshotParts {
		t.Errorf("events tell of %d members, %d parts of %d, the room has %d", len(told), len(f.parts), len(parted), len(want))
	}
}

func manyUsers(t *testing.T, s store.Store, count int) []uuid.UUID {
	t.Helper()
	names := make([]string, count)
	for i := range names {
		names[i] = "somebody"
	}
	return addUsers(t, s, names...)
}

func largeRoomIsToldInParts(t *testing.T, s store.Store) {
	lead, users := outboxtest.Lead(t, s), manyUsers(t, s, 2*events.MaxNamed+51)
	room := create(t, s, newRoom(wire.Group, "Hall", start(), users[:2*events.MaxNamed+50]...)).ID
	var reader follower
	reader.take(t, decoded(t, lead))
	reader.agrees(t, s, room)
	audience, err := s.Audience(t.Context(), room)
	if err != nil || audience.Version != 3 || !audience.ByReference() {
		t.Errorf("its audience is %+v, %v", audience, err)
	}
	asked := invitation(room, users[0], users[len(users)-1])
	asked.MaxMembers = 1000
	if _, err := flow(s).Invite(t.Context(), asked); err != nil {
		t.Fatal(err)
	}
	changes := decoded(t, lead)
	if len(changes) != 2 {
		t.Errorf("somebody who joins is %d events", len(changes))
	}
	reader.take(t, changes)
	reader.agrees(t, s, room)
	leave(t, s, room, users[7], after(time.Hour))
	reader.take(t, decoded(t, lead))
	reader.agrees(t, s, room)
}

func roomBecomesLarge(t *testing.T, s store.Store) {
	lead, users := outboxtest.Lead(t, s), manyUsers(t, s, events.MaxNamed+1)
	room := create(t, s, newRoom(wire.Group, "Hall", start(), users[:events.MaxNamed]...)).ID
	asked := invitation(room, users[0], users[events.MaxNamed])
	asked.MaxMembers = 1000
	if _, err := flow(s).Invite(t.Context(), asked); err != nil {
		t.Fatal(err)
	}
	var reader follower
	reader.take(t, decoded(t, lead))
	reader.agrees(t, s, room)
	for _, user := range users[:3] { // it stays large, also when it has become small
		leave(t, s, room, user, after(time.Hour))
	}
	if audience, err := s.Audience(t.Context(), room); err != nil || !audience.ByReference() || audience.Version != 5 {
		t.Errorf("its audience is %+v, %v", audience, err)
	}
	all := decoded(t, lead)
	reader.take(t, all)
	reader.agrees(t, s, room)
	for _, data := range all {
		if changed, ok := data.(events.MembershipChanged); ok && !changed.ByReference() {
			t.Errorf("a change names %d users", len(changed.Users))
		}
	}
}
