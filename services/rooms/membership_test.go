package rooms_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
)

func (d *deployment) leave(t *testing.T, u user, room wire.Room) {
	t.Helper()
	if left := d.post(t, u, "/api/rooms/"+room.ID.String()+"/leave", ""); left.Status != http.StatusOK || len(left.Body) != 0 {
		t.Fatalf("leave: %d %s", left.Status, left.Body)
	}
}

// membersChange lets a user join, leave and come back: lists, members, previews and the log agree.
func membersChange(t *testing.T, d *deployment) {
	alice, bob, carol := d.seenUser(t, "alice"), d.seenUser(t, "bob"), d.seenUser(t, "carol")
	room := d.create(t, alice, newRoom("Group", "Lunch", alice, bob))
	path := "/api/rooms/" + room.ID.String()
	if invited := d.post(t, bob, path+"/invite/"+carol.id.String(), ""); invited.Status != http.StatusOK || len(invited.Body) != 0 {
		t.Fatalf("invite: %d %s", invited.Status, invited.Body)
	}
	var seen wire.Room
	d.get(t, carol, path, &seen)
	if *seen.Name != "Lunch" || !seen.Unread {
		t.Errorf("carol sees %+v", seen)
	}
	d.awaitPreview(t, alice, room.ID, wire.RoomChangePreview("carol", wire.Join))
	d.leave(t, carol, room)
	d.awaitPreview(t, alice, room.ID, wire.RoomChangePreview("carol", wire.Leave))
	if found := d.call(t, d.Public, carol, request{method: http.MethodGet, path: path}); found.Status != http.StatusNotFound {
		t.Errorf("carol, who has left, is answered with %d", found.Status)
	}
	var members []wire.Member
	d.get(t, alice, path+"/users", &members)
	if len(members) != 3 || members[2].ID != carol.id || members[2].Status != wire.Left {
		t.Errorf("members %+v", members)
	}
	var standing events.Standing
	d.call(t, d.Internal, user{}, request{method: http.MethodGet, path: "/internal/rooms/" + room.ID.String() + "/members/" + carol.id.String()}).Decode(t, &standing)
	if standing.Status != wire.Left || standing.To == nil || standing.From != nil || standing.Version != 3 {
		t.Errorf("carol stands as %+v", standing)
	}
	d.post(t, alice, path+"/invite/"+carol.id.String(), "")
	var logged []events.MembershipChanged
	changes, err := bus.Decode[events.MembershipChanged](d.recordsOf(t, room.ID))
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		logged = append(logged, change.Data)
	}
	if len(logged) != 3 || logged[0].Change != wire.Join || logged[1].Change != wire.Leave || logged[2].Version != 4 ||
		!slices.Equal(logged[0].Users, []uuid.UUID{alice.id, bob.id, carol.id}) || !slices.Equal(logged[1].Users, []uuid.UUID{alice.id, bob.id}) {
		t.Errorf("the log has %+v", logged)
	}
}

// awaitPreview waits until a user sees the preview of a room.
func (d *deployment) awaitPreview(t *testing.T, u user, room uuid.UUID, want wire.Preview) {
	t.Helper()
	servicetest.Await(t, "the preview of a change", func() bool {
		var seen wire.Room
		d.get(t, u, "/api/rooms/"+room.String(), &seen)
		return *seen.LatestMessageText == want
	})
}

// singleRoomEnds lets one of two leave: the room is gone for both, and the two can have a new one.
func singleRoomEnds(t *testing.T, d *deployment) {
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	room := d.create(t, alice, newRoom("Single", "", alice, bob))
	d.leave(t, bob, room)
	for _, u := range []user{alice, bob} {
		var rooms []wire.Room
		if d.get(t, u, "/api/rooms", &rooms); len(rooms) != 0 {
			t.Errorf("%s lists %+v", u.name, rooms)
		}
	}
	if again := d.create(t, bob, newRoom("Single", "", alice, bob)); again.ID == room.ID {
		t.Error("the room has come back")
	}
}

// TestWhoMayDoWhat is the table of what each route answers to whom.
func TestWhoMayDoWhat(t *testing.T) {
	d := deploy(t, onSQLite)
	owner, other := d.seenUser(t, "owner"), d.seenUser(t, "other")
	who := map[string]user{"member": d.seenUser(t, "member"), "former member": d.seenUser(t, "former"), "stranger": d.seenUser(t, "stranger")}
	who["of another tenant"] = d.userWith(t, "mallory", map[string]any{"tenant": "umbrella"})
	d.get(t, who["of another tenant"], "/api/rooms", nil)
	who["the backend"] = d.userWith(t, "shop", map[string]any{"azp": "shop"})
	who["another tenant's backend"] = d.userWith(t, "shop", map[string]any{"azp": "shop", "tenant": "umbrella"})
	bodies := map[string]string{ // of what has one
		"/api/rooms/create-room": `{"roomType":"Group","invitedUsers":["{caller}","{other}"]}`,
		"/api/rooms/{room}":      `{"roomName":"Dinner"}`,
		"/api/rooms/{single}":    `{"roomName":"Dinner"}`,
	}
	for _, c := range []struct {
		method, path string // {room} is a Group of the owner, the member and, until it left, the former member
		want         map[string]int
	}{
		{http.MethodGet, "/api/rooms", map[string]int{"member": 200, "former member": 200, "stranger": 200, "of another tenant": 200}},
		{http.MethodPost, "/api/rooms/create-room", map[string]int{"member": 200, "former member": 200, "stranger": 200, "of another tenant": 422}},
		{http.MethodGet, "/api/rooms/search?withUser={owner}", map[string]int{"member": 200, "former member": 200, "stranger": 200, "of another tenant": 200}},
		{http.MethodGet, "/api/rooms/{room}", map[string]int{"member": 200, "former member": 404, "stranger": 404, "of another tenant": 404}},
		{http.MethodPatch, "/api/rooms/{room}", map[string]int{
			"member": 200, "former member": 404, "stranger": 404, "of another tenant": 404, "the backend": 200, "another tenant's backend": 404,
		}},
		{http.MethodPatch, "/api/rooms/{single}", map[string]int{"member": 422, "former member": 404, "stranger": 404, "of another tenant": 404, "the backend": 422}},
		{http.MethodGet, "/api/rooms/{room}/detailed", map[string]int{"member": 200, "former member": 404, "stranger": 404, "of another tenant": 404}},
		{http.MethodGet, "/api/rooms/{room}/users", map[string]int{"member": 200, "former member": 404, "stranger": 404, "of another tenant": 404}},
		{http.MethodPost, "/api/rooms/{room}/mark-read", map[string]int{"member": 200, "former member": 404, "stranger": 404, "of another tenant": 404}},
		{http.MethodPost, "/api/rooms/{room}/leave", map[string]int{"member": 200, "former member": 404, "stranger": 404, "of another tenant": 404}},
		{http.MethodPost, "/api/rooms/{room}/invite/{other}", map[string]int{"member": 200, "former member": 404, "stranger": 404, "of another tenant": 404}},
		{http.MethodPost, "/api/rooms/{room}/invite/{member}", map[string]int{"member": 409, "former member": 404, "stranger": 404, "of another tenant": 404}},
		{http.MethodPost, "/api/rooms/{room}/invite/{unknown}", map[string]int{"member": 422, "former member": 404, "stranger": 404, "of another tenant": 404}},
		{http.MethodPost, "/api/rooms/{room}/invite/nobody", map[string]int{"member": 400, "former member": 400, "stranger": 400, "of another tenant": 400}},
		{http.MethodPost, "/api/rooms/{single}/invite/{other}", map[string]int{"member": 422, "former member": 404, "stranger": 404, "of another tenant": 404}},
		{http.MethodPost, "/api/rooms/{unknown}/leave", map[string]int{"member": 404, "former member": 404, "stranger": 404, "of another tenant": 404}},
	} {
		for name, want := range c.want {
			room := d.create(t, owner, newRoom("Group", "", owner, who["member"], who["former member"]))
			d.leave(t, who["former member"], room)
			single := d.single(t, who["member"], owner)
			replacer := strings.NewReplacer(
				"{caller}", who[name].id.String(), "{owner}", owner.id.String(),
				"{room}", room.ID.String(), "{single}", single.String(), "{other}", other.id.String(), "{member}", who["member"].id.String(), "{unknown}", uuid.NewString(),
			)
			asked := request{method: c.method, path: replacer.Replace(c.path)}
			if body := bodies[c.path]; body != "" && c.method != http.MethodGet {
				asked.contentType, asked.body = "application/json", replacer.Replace(body)
			}
			got := d.call(t, d.Public, who[name], asked)
			if got.Status != want {
				t.Errorf("%s %s, %s: %d %s, want %d", c.method, c.path, name, got.Status, got.Body, want)
			}
			if name != "member" && name != "the backend" && want == http.StatusOK && (strings.Contains(string(got.Body), room.ID.String()) || strings.Contains(string(got.Body), single.String())) {
				t.Errorf("%s %s tells %s of the room: %s", c.method, c.path, name, got.Body)
			}
			if got := d.call(t, d.Public, user{}, asked); got.Status != http.StatusUnauthorized {
				t.Errorf("%s %s, nobody: %d, want 401", c.method, c.path, got.Status)
			}
		}
	}
}

// single is the Single room of two users.
func (d *deployment) single(t *testing.T, a, b user) uuid.UUID {
	t.Helper()
	var found *uuid.UUID
	if d.get(t, a, "/api/rooms/search?withUser="+b.id.String(), &found); found != nil {
		return *found
	}
	return d.create(t, a, newRoom("Single", "", a, b)).ID
}
