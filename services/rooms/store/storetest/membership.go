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
	return changes.Invitation{RoomID: room, By: by, User: user, At: after(time.Hour), MaxMembers: 10}
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
	rows := outboxtest.Drain(t, lead)
	if len(rows) == 0 {
		t.Fatal("the outbox is empty")
	}
	event, err := events.Decode(rows[len(rows)-1].Headers, rows[len(rows)-1].Value)
	if err != nil {
		t.Fatal(err)
	}
	changed, ok := event.Data.(events.MembershipChanged)
	if !ok {
		t.Fatalf("the newest event is %T", event.Data)
	}
	return changed
}

func userJoins(t *testing.T, s store.Store) {
	lead := outboxtest.Lead(t, s)
	users := addUsers(t, s, "alice", "bob", "carol")
	room := create(t, s, newRoom(wire.Group, "Lunch", start(), users[0], users[1])).ID
	invite(t, s, room, users[1], users[2])
	membership, err := s.Membership(t.Context(), room)
	if err != nil || membership.Version != 2 || len(membership.Members) != 3 || membership.SinceJoining {
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
	if membership, err := s.Membership(t.Context(), since.ID); err != nil || !membership.SinceJoining {
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
	if rooms, err := s.Rooms(t.Context(), users[1]); err != nil || len(rooms) != 0 {
		t.Errorf("bob lists %v, %v", rooms, err)
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
	if rooms, err := s.Rooms(t.Context(), users[1]); err != nil || len(rooms) != 1 {
		t.Errorf("back again bob lists %v, %v", rooms, err)
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
	for _, row := range outboxtest.Drain(t, lead) {
		event, err := events.Decode(row.Headers, row.Value)
		if err != nil {
			t.Fatal(err)
		}
		changed := event.Data.(events.MembershipChanged)
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
		if taken, err := tx.ChangeVersions(ctx, []uuid.UUID{row.ID, uuid.New()}); err != nil || len(taken) != 1 || taken[row.ID] != 1 {
			t.Errorf("taken are %v, %v", taken, err)
		}
		shown := store.LatestMessage{RoomID: row.ID, At: start(), Preview: wire.NewRoomPreview(), Position: events.Position{Offset: 3}, Version: 5}
		if err := tx.SetLatestMessages(ctx, []store.LatestMessage{shown}); err != nil {
			return err
		}
		if taken, err := tx.ChangeVersions(ctx, []uuid.UUID{row.ID}); err != nil || taken[row.ID] != 5 {
			t.Errorf("taken are %v, %v", taken, err)
		}
		left := store.MembershipChange{RoomID: row.ID, Users: users, At: after(time.Hour), Message: uuid.New()}
		return errors.Join(tx.Leave(ctx, left), tx.EndRoom(ctx, row.ID, after(time.Hour)))
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
