package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// roomsStayWithinATenant makes changes at random with users of three tenants. Whoever is or was in a room is of the room's tenant, so what asks by
// membership needs no tenant: lists, look-ups, standings, audiences.
func roomsStayWithinATenant(t *testing.T, s store.Store) {
	tenants := map[uuid.UUID]string{}
	var users []uuid.UUID
	for _, tenant := range []string{"", "acme", "umbrella"} {
		for range 4 {
			id := uuid.New()
			tenants[id] = tenant
			users = append(users, id)
			if err := s.PutUser(t.Context(), store.User{ID: id, DisplayName: "somebody", Tenant: tenant}, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	dice := rand.New(rand.NewPCG(7, 11))
	somebody := func() uuid.UUID { return users[dice.IntN(len(users))] }
	within, across := 0, 0
	count := func(of string, err error, involved ...uuid.UUID) {
		t.Helper()
		switch crosses := slices.ContainsFunc(involved, func(id uuid.UUID) bool { return tenants[id] != of }); {
		case crosses && !errors.Is(err, store.ErrUnknownUsers) && !errors.Is(err, store.ErrRoomNotFound):
			t.Errorf("tenants are crossed: %v", err)
		case crosses:
			across++
		case err == nil:
			within++
		}
	}
	rooms := map[uuid.UUID]string{}
	var created []uuid.UUID
	for range 600 {
		by, other := somebody(), somebody()
		if by == other {
			continue
		}
		kind := []wire.RoomType{wire.Single, wire.Group}[dice.IntN(2)]
		switch {
		case len(created) == 0 || dice.IntN(3) == 0:
			room := newRoom(kind, "", start(), by, other)
			_, _, err := flow(s).CreateRoom(t.Context(), room)
			if count(tenants[by], err, by, other); err == nil {
				rooms[room.ID] = tenants[by]
				created = append(created, room.ID)
			}
		default:
			room := created[dice.IntN(len(created))]
			_, err := flow(s).Invite(t.Context(), changes.Invitation{RoomID: room, By: changes.Member(by), User: other, At: start(), MaxMembers: 10})
			if errors.Is(err, store.ErrSingleRoom) {
				continue // a Single room takes nobody, of whichever tenant
			}
			count(rooms[room], err, by, other)
		}
	}
	if within < 20 || across < 20 {
		t.Fatalf("%d changes were made, %d refused", within, across)
	}
	for room, tenant := range rooms {
		expectTenant(t, s, room, tenant, tenants)
	}
}

// expectTenant looks at a room in each way in which one is asked for.
func expectTenant(t *testing.T, s store.Store, room uuid.UUID, tenant string, tenants map[uuid.UUID]string) {
	t.Helper()
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		state, err := tx.LockRoom(ctx, room)
		if err == nil && state.Tenant != tenant {
			t.Errorf("a room of %q is of %q", tenant, state.Tenant)
		}
		return err
	})
	if audience, err := s.Audience(t.Context(), room); err != nil || audience.Tenant != tenant {
		t.Errorf("the audience of a room of %q is %+v, %v", tenant, audience, err)
	}
	for id, member := range members(t, s, room) {
		if tenants[id] != tenant {
			t.Errorf("a user of %q is %s in a room of %q", tenants[id], member.Status, tenant)
		}
	}
	for id, of := range tenants {
		if of == tenant {
			continue
		}
		if _, err := s.Room(t.Context(), room, id); !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("a user of %q finds a room of %q: %v", of, tenant, err)
		}
		if standing, err := s.Standing(t.Context(), room, id); !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("a user of %q stands to a room of %q: %+v, %v", of, tenant, standing, err)
		}
		list, err := s.Rooms(t.Context(), id, store.RoomQuery{Limit: 100})
		if err != nil || slices.ContainsFunc(list, func(r wire.Room) bool { return r.ID == room }) {
			t.Errorf("a user of %q lists a room of %q, %v", of, tenant, err)
		}
		for user, ofUser := range tenants {
			if found, err := s.SingleRoom(t.Context(), id, user); err == nil && ofUser != of {
				t.Errorf("users of %q and %q have the room %s", of, ofUser, found)
			}
		}
	}
}

// eventsTellTheTenant looks at the events of a room of a tenant.
func eventsTellTheTenant(t *testing.T, s store.Store) {
	var users []uuid.UUID
	for range 3 {
		id := uuid.New()
		users = append(users, id)
		if err := s.PutUser(t.Context(), store.User{ID: id, DisplayName: "somebody", Tenant: "acme"}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	room := create(t, s, newRoom(wire.Group, "", start(), users[:2]...)).ID
	if _, err := flow(s).Invite(t.Context(), changes.Invitation{RoomID: room, By: changes.Member(users[0]), User: users[2], At: start(), MaxMembers: 10}); err != nil {
		t.Fatal(err)
	}
	if _, err := flow(s).Leave(t.Context(), room, users[1], start()); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, event := range eventsOf(t, s) {
		switch data := event.(type) {
		case events.RoomCreated:
			told = append(told, data.Tenant)
		case events.MembershipChanged:
			told = append(told, data.Tenant)
		}
	}
	if !slices.Equal(told, []string{"acme", "acme", "acme"}) {
		t.Errorf("the events are of %q", told)
	}
	if _, err := s.User(t.Context(), people.Viewer{ID: users[0], Tenant: "umbrella"}, users[1]); !errors.Is(err, people.ErrUserNotFound) {
		t.Errorf("from another tenant: %v", err)
	}
}
