package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

func roomIsEnded(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	for _, kind := range []wire.RoomType{wire.Single, wire.Group} {
		room := create(t, s, newRoom(kind, "", start(), users...)).ID
		eventsOf(t, s)
		if _, err := flow(s).End(t.Context(), room, changes.Backend("umbrella"), start()); !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("by another tenant's backend: %v", err)
		}
		if row, err := flow(s).End(t.Context(), room, changes.Backend(""), start()); err != nil || row == 0 {
			t.Fatalf("end: row %d, %v", row, err)
		}
		expectEnded(t, s, room, users[0])
		told := eventsOf(t, s)
		if ended, ok := told[0].(events.RoomEnded); !ok || len(told) != 1 || !slices.Equal(ended.Removed, users) || ended.Version != 2 || ended.WholeRoom {
			t.Errorf("told was %+v", told)
		}
	}
	create(t, s, newRoom(wire.Single, "", start(), users...)) // the pair may have a new one
}

// largeRoomIsEnded ends rooms of different sizes: what is written has the same size.
func largeRoomIsEnded(t *testing.T, s store.Store) {
	users := addUsers(t, s, slices.Repeat([]string{"somebody"}, 2*events.MaxNamed)...)
	for _, members := range [][]uuid.UUID{users[:events.MaxNamed+1], users} {
		room := create(t, s, newRoom(wire.Group, "", start(), members...)).ID
		eventsOf(t, s)
		if _, err := flow(s).End(t.Context(), room, changes.Backend(""), start()); err != nil {
			t.Fatal(err)
		}
		expectEnded(t, s, room, users[0])
		told := eventsOf(t, s)
		if ended, ok := told[0].(events.RoomEnded); !ok || !ended.ByReference() || len(ended.Removed) != 0 || len(told) != 1+events.SnapshotParts {
			t.Fatalf("told was %+v", told)
		}
		if removed := removedOf(t, told); len(removed[room]) != events.SnapshotParts {
			t.Errorf("%d parts are removed", len(removed[room]))
		}
	}
}

func expectEnded(t *testing.T, s store.Store, room, user uuid.UUID) {
	t.Helper()
	if _, err := s.Room(t.Context(), room, user); !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("a former member finds it: %v", err)
	}
	if audience, err := s.Audience(t.Context(), room); !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("its audience is %+v, %v", audience, err)
	}
	if standing, err := s.Standing(t.Context(), room, user); err != nil || standing.Status != wire.Left {
		t.Errorf("a former member stands to it as %+v, %v", standing, err)
	}
	if _, err := flow(s).End(t.Context(), room, changes.Backend(""), start()); !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("ended again: %v", err)
	}
	if seen, err := s.Overview(t.Context(), "", room); err != nil || seen.EndedAt == nil || !seen.EndedAt.Equal(start()) {
		t.Errorf("the backend sees %+v, %v", seen, err)
	}
}

// backendsSeeRooms lists rooms of two tenants.
func backendsSeeRooms(t *testing.T, s store.Store) {
	var all, acme, ofAlice []uuid.UUID
	users := map[string][]uuid.UUID{}
	for _, tenant := range []string{"acme", "umbrella"} {
		users[tenant] = addUsersOf(t, s, tenant, "alice", "bob")
		for n := range 3 {
			room := create(t, s, newRoom(wire.Group, "Lunch", start(), users[tenant]...)).ID
			all = append(all, room)
			if tenant == "acme" {
				acme = append(acme, room)
				if n < 2 {
					ofAlice = append(ofAlice, room)
				}
			}
		}
	}
	alice := users["acme"][0]
	if _, err := flow(s).Leave(t.Context(), acme[2], alice, start()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		asked  store.Asked
		behind uuid.UUID
		limit  int
		want   []uuid.UUID
	}{
		{store.Asked{}, uuid.Nil, 10, all},
		{store.Asked{}, all[1], 2, all[2:4]},
		{store.Asked{Tenant: "acme"}, uuid.Nil, 10, acme},
		{store.Asked{Tenant: "acme"}, acme[0], 1, acme[1:2]},
		{store.Asked{Tenant: "nobody"}, uuid.Nil, 10, nil},
		{store.Asked{User: alice}, uuid.Nil, 10, ofAlice},
		{store.Asked{User: alice, Tenant: "acme"}, ofAlice[0], 10, ofAlice[1:]},
		{store.Asked{User: alice, Tenant: "umbrella"}, uuid.Nil, 10, nil},
	} {
		rooms, err := s.Overviews(t.Context(), c.asked, c.behind, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []uuid.UUID
		for _, room := range rooms {
			got = append(got, room.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v gives %v, want %v", c.asked, got, c.want)
		}
	}
	seen, err := s.Overview(t.Context(), "acme", acme[0])
	if err != nil || *seen.Name != "Lunch" || seen.CreatedBy != alice || seen.Tenant != "acme" || seen.EndedAt != nil || seen.Version != 1 {
		t.Errorf("a room is %+v, %v", seen, err)
	}
	if _, err := s.Overview(t.Context(), "umbrella", acme[0]); !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("another tenant's: %v", err)
	}
}

// backendFillsRooms creates rooms for others, and adds and removes members.
func backendFillsRooms(t *testing.T, s store.Store) {
	users, foreign := addUsersOf(t, s, "acme", "alice", "bob", "carol"), addUsersOf(t, s, "umbrella", "mallory")
	asked := newRoom(wire.Group, "", start(), users[:2]...)
	by := changes.Backend("acme")
	asked.Backend, asked.Invites = &by, changes.OnlyBackend
	room := create(t, s, asked).ID
	crossing := newRoom(wire.Group, "", start(), foreign[0], users[0])
	crossing.Backend = &by
	if _, _, err := flow(s).CreateRoom(t.Context(), crossing); !errors.Is(err, store.ErrUnknownUsers) {
		t.Errorf("with a user of another tenant: %v", err)
	}
	add := func(by changes.Author, user uuid.UUID) error {
		_, err := flow(s).Invite(t.Context(), changes.Invitation{RoomID: room, By: by, User: user, At: start(), MaxMembers: 5, Invites: changes.OnlyBackend})
		return err
	}
	for what, c := range map[string]struct{ got, want error }{
		"another tenant's backend":  {add(changes.Backend("umbrella"), foreign[0]), store.ErrRoomNotFound},
		"a user of another tenant":  {add(changes.Backend(""), foreign[0]), store.ErrUnknownUsers},
		"by nobody":                 {add(changes.Author{}, users[2]), store.ErrRoomNotFound},
		"by the user without an id": {add(changes.Member(uuid.Nil), users[2]), store.ErrRoomNotFound},
		"by a member":               {add(changes.Member(users[0]), users[2]), store.ErrInvitation},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", what, c.got, c.want)
		}
	}
	if err := add(by, users[2]); err != nil {
		t.Errorf("by the backend: %v", err)
	}
	if _, err := flow(s).Remove(t.Context(), room, users[2], "umbrella", start()); !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("removed by another tenant's backend: %v", err)
	}
	if _, err := flow(s).Remove(t.Context(), room, users[2], "acme", start()); err != nil {
		t.Errorf("removed: %v", err)
	}
	if got := members(t, s, room)[users[2]].Status; got != wire.Left {
		t.Errorf("carol is %s", got)
	}
}
