package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// invitesAreRestricted tries each rule with a friend, one who shares a room, one who shares it no longer, and a stranger.
func invitesAreRestricted(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "friend", "sharing", "former", "stranger")
	alice := users[0]
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.LockUsers(ctx, "", users[:2]); err != nil {
			return err
		}
		return tx.Relate(ctx, people.Bond{User: alice, Other: users[1], AsUser: wire.Friend, AsOther: wire.Friend}, start())
	})
	shared := create(t, s, newRoom(wire.Group, "", start(), users[2], alice, users[3])).ID
	if _, err := flow(s).Leave(t.Context(), shared, users[3], start()); err != nil {
		t.Fatal(err)
	}
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		friends, err := tx.Friends(ctx, alice, users)
		if err != nil || !slices.Equal(friends, users[1:2]) {
			t.Errorf("friends are %v, %v", friends, err)
		}
		sharing, err := tx.SharingRooms(ctx, alice, users[1:])
		if err != nil || !slices.Equal(sharing, users[2:3]) {
			t.Errorf("a room is shared with %v, %v", sharing, err)
		}
		return nil
	})
	for rule, may := range map[changes.Invites][]uuid.UUID{
		"": users[1:], changes.Anyone: users[1:], changes.OnlyFriends: users[1:2], changes.OnlySharing: users[2:3], changes.OnlyBackend: nil,
	} {
		for i, other := range users[1:] {
			var want error
			if !slices.Contains(may, other) {
				want = store.ErrInvitation
			}
			into := create(t, s, newRoom(wire.Group, "", start(), alice, addUsers(t, s, "another")[0])).ID
			eventsOf(t, s)
			asked := newRoom(wire.Group, "", start(), alice, other)
			asked.Invites = rule
			if _, _, err := flow(s).CreateRoom(t.Context(), asked); !errors.Is(err, want) {
				t.Errorf("%s: a room with user %d: %v, want %v", rule, i, err, want)
			}
			if want == nil { // they share no more than before
				endFor(t, s, asked.ID, asked.Users)
			}
			_, err := flow(s).Invite(t.Context(), changes.Invitation{RoomID: into, By: changes.Member(alice), User: other, At: start(), MaxMembers: 5, Invites: rule})
			if !errors.Is(err, want) {
				t.Errorf("%s: user %d is invited: %v, want %v", rule, i, err, want)
			}
			if told := eventsOf(t, s); want != nil && len(told) != 0 {
				t.Errorf("%s: refused, and told was %+v", rule, told)
			}
			endFor(t, s, into, []uuid.UUID{other, alice})
		}
	}
}

// endFor takes those of the users out of a room who are in it.
func endFor(t *testing.T, s store.Store, room uuid.UUID, users []uuid.UUID) {
	t.Helper()
	for _, user := range users {
		if _, err := flow(s).Leave(t.Context(), room, user, start()); err != nil && !errors.Is(err, store.ErrRoomNotFound) {
			t.Fatal(err)
		}
	}
}
