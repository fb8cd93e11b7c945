package peopletest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/internal/relationships"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// withRooms is the changes of rooms and of relationships as the service makes them: who blocks leaves.
func withRooms(s store.Store) (*changes.Changes, *relationships.Relationships) {
	propagator := telemetry.Discard(nil).Propagator
	rooms := changes.New(s, propagator)
	return rooms, relationships.New(s, relationships.Default(), propagator, rooms.LeaveSingleRoom)
}

func newRoom(kind wire.RoomType, users ...people.Viewer) changes.NewRoom {
	room := changes.NewRoom{ID: uuid.Must(uuid.NewV7()), Type: kind, Creator: users[0].ID, At: start()}
	for _, user := range users {
		room.Users = append(room.Users, user.ID)
	}
	return room
}

// pairOf is a Single room of two users that one of them creates.
func pairOf(creator, a, b people.Viewer) changes.NewRoom {
	room := newRoom(wire.Single, a, b)
	room.Creator = creator.ID
	return room
}

func blockLeavesTheSingleRoom(t *testing.T, s store.Store) {
	rooms, bonds := withRooms(s)
	users := addUsers(t, s, "", "alice", "bob", "carol")
	alice, bob := users[0], users[1]
	room, _, err := rooms.CreateRoom(t.Context(), newRoom(wire.Single, alice, bob))
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range []changes.NewRoom{newRoom(wire.Single, alice, users[2]), newRoom(wire.Group, users...)} {
		if _, _, err := rooms.CreateRoom(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
	}
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		if found, err := tx.SingleRoomOf(ctx, store.PairOf(bob.ID, alice.ID)); err != nil || found != room.ID {
			t.Errorf("the room of the two is %s, %v", found, err)
		}
		if _, err := tx.SingleRoomOf(ctx, store.PairOf(bob.ID, users[2].ID)); !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("of two who have none: %v", err)
		}
		return nil
	})
	drain(t, s)
	blocked := do(t, bonds.Block, bob, alice)
	rows := drain(t, s)
	if len(rows) != 1 || rows[0].ID != blocked.Row {
		t.Fatalf("told was %+v, the row is %d", rows, blocked.Row)
	}
	event, err := events.Decode(rows[0].Headers, rows[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	if left := event.Data.(events.MembershipChanged); left.RoomID != room.ID || left.Change != wire.Leave || left.Member.ID != bob.ID || !left.Ended {
		t.Errorf("told was %+v", left)
	}
	if _, err := s.SingleRoom(t.Context(), alice.ID, bob.ID); !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("the room of the two: %v", err)
	}
	if again := do(t, bonds.Block, alice, bob); again.Row != 0 { // there is nothing left to leave
		t.Errorf("blocked from the other side: %+v", again)
	}
	for name, user := range map[string]people.Viewer{"alice": alice, "bob": bob} {
		if _, _, err := rooms.CreateRoom(t.Context(), pairOf(user, alice, bob)); !errors.Is(err, people.ErrBlocked) {
			t.Errorf("%s makes another: %v", name, err)
		}
	}
	do(t, bonds.Unblock, alice, bob)
	do(t, bonds.Unblock, bob, alice)
	if _, _, err := rooms.CreateRoom(t.Context(), newRoom(wire.Single, alice, bob)); err != nil {
		t.Errorf("after the block: %v", err)
	}
}

// parallelBlockAndCreate lets the two sides of a pair make a room while one blocks the other: in the end there is none.
func parallelBlockAndCreate(t *testing.T, s store.Store) {
	rooms, bonds := withRooms(s)
	for range 5 {
		users := addUsers(t, s, "", "alice", "bob")
		atOnce(func(i int) {
			if i%5 == 0 {
				if _, err := try(t, bonds.Block, users[0], users[1]); err != nil {
					t.Error(err)
				}
				return
			}
			err := persistently(t.Context(), func() error {
				_, _, err := rooms.CreateRoom(t.Context(), newRoom(wire.Single, users[i%2], users[1-i%2]))
				return err
			})
			if err != nil && !errors.Is(err, people.ErrBlocked) && !errors.Is(err, store.ErrRoomExists) {
				t.Error(err)
			}
		})
		if room, err := s.SingleRoom(t.Context(), users[0].ID, users[1].ID); !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("they have the room %s, %v", room, err)
		}
	}
}
