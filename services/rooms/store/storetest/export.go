package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// staysAreListed lists the rooms that a user is and was in, whatever became of them.
func staysAreListed(t *testing.T, s store.Store) {
	users := addUsersOf(t, s, "acme", "alice", "bob", "carol")
	alice := users[0]
	var rooms []uuid.UUID
	for range 5 {
		rooms = append(rooms, create(t, s, newRoom(wire.Group, "Lunch", start(), users...)).ID)
	}
	create(t, s, newRoom(wire.Group, "Others'", start(), users[1:]...))
	single := create(t, s, newRoom(wire.Single, "", start(), alice, users[1])).ID
	at := start().Add(time.Hour)
	for _, left := range []uuid.UUID{rooms[1], rooms[3], single} {
		if _, err := flow(s).Leave(t.Context(), left, alice, at); err != nil {
			t.Fatal(err)
		}
	}
	rooms = append(rooms, single)
	slices.SortFunc(rooms, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	for behind := range rooms {
		from := uuid.Nil
		if behind > 0 {
			from = rooms[behind-1]
		}
		stays, err := s.Stays(t.Context(), alice, from, 3)
		if err != nil {
			t.Fatal(err)
		}
		want := rooms[behind:min(behind+3, len(rooms))]
		if !slices.EqualFunc(stays, want, func(stay store.Stay, id uuid.UUID) bool { return stay.Room.ID == id }) {
			t.Errorf("behind %v are %+v, want %v", from, stays, want)
		}
	}
	stays, err := s.Stays(t.Context(), alice, uuid.Nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	for _, stay := range stays {
		if stay.Status == wire.Left {
			left++
		}
		if !stay.JoinedAt.Equal(start()) || (stay.Status == wire.Left) != (stay.LeftAt != nil && stay.LeftAt.Equal(at)) ||
			(stay.Room.ID == single) != (stay.EndedAt != nil) || stay.Room.Type == wire.Group && *stay.Room.Name != "Lunch" {
			t.Errorf("a stay is %+v", stay)
		}
	}
	if left != 3 {
		t.Errorf("she has left %d rooms", left)
	}
}
