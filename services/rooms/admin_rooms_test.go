package rooms_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

// adminRoom is a room as a backend sees it.
type adminRoom struct {
	ID      uuid.UUID     `json:"id"`
	Tenant  string        `json:"tenant"`
	EndedAt *string       `json:"endedAt"`
	Users   []wire.Member `json:"users"`
}

func (d *deployment) admin(t *testing.T, by user, method, path, body string) nodetest.Answer {
	t.Helper()
	asked := request{method: method, path: "/api/admin/rooms" + path, body: body}
	if body != "" {
		asked.contentType = "application/json"
	}
	return d.call(t, d.Public, by, asked)
}

// seenOf is a user of a tenant whom rooms has seen.
func (d *deployment) seenOf(t *testing.T, tenant, name string) user {
	t.Helper()
	u := d.userWith(t, name, map[string]any{"tenant": tenant})
	d.get(t, u, "/api/rooms", nil)
	return u
}

// TestWhoMayAdministrateRooms is the table of what each route of backends answers to whom, about a room of the tenant acme.
func TestWhoMayAdministrateRooms(t *testing.T) {
	d := deploy(t, onSQLite)
	alice, bob, carol := d.seenOf(t, "acme", "alice"), d.seenOf(t, "acme", "bob"), d.seenOf(t, "acme", "carol")
	foreign := d.seenOf(t, "umbrella", "mallory")
	callers := map[string]user{
		"nobody": {}, "a member": alice, "a user": carol, "another tenant's user": foreign,
		"the backend":              d.userWith(t, "b", map[string]any{"azp": "shop"}),
		"an administrator":         d.userWith(t, "a", map[string]any{"roles": []string{"ism-admin"}}),
		"acme's backend":           d.userWith(t, "b", map[string]any{"azp": "shop", "tenant": "acme"}),
		"another tenant's backend": d.userWith(t, "b", map[string]any{"azp": "shop", "tenant": "umbrella"}),
	}
	for _, row := range []struct {
		call         string // {room} is a Group of alice and bob, {ended} one that has ended
		may, foreign string // what the backend is answered, and another tenant's
	}{
		{"GET ", "200", "200"},
		{"POST ", "200 Group", "422 unknown-user"},
		{"GET /{room}", "200 Group", "404 room-not-found"},
		{"GET /{ended}", "200 Group", "404 room-not-found"},
		{"GET /{unknown}", "404 room-not-found", "404 room-not-found"},
		{"DELETE /{room}", "204", "404 room-not-found"},
		{"DELETE /{ended}", "404 room-not-found", "404 room-not-found"},
		{"PUT /{room}/members/{carol}", "204", "404 room-not-found"},
		{"PUT /{room}/members/{bob}", "409 already-member", "404 room-not-found"},
		{"PUT /{room}/members/{foreign}", "422 unknown-user", "404 room-not-found"},
		{"PUT /{single}/members/{carol}", "422 single-room", "404 room-not-found"},
		{"PUT /{ended}/members/{carol}", "404 room-not-found", "404 room-not-found"},
		{"DELETE /{room}/members/{bob}", "204", "404 room-not-found"},
		{"DELETE /{room}/members/{carol}", "404 room-not-found", "404 room-not-found"},
	} {
		for name, caller := range callers {
			want := row.may
			switch name {
			case "nobody":
				want = "401 unauthorized"
			case "a member", "a user", "another tenant's user":
				want = "403 forbidden"
			case "another tenant's backend":
				want = row.foreign
			}
			room, ended := d.create(t, alice, newRoom("Group", "", alice, bob)), d.create(t, alice, newRoom("Group", "", alice, bob))
			d.admin(t, callers["the backend"], "DELETE", "/"+ended.ID.String(), "")
			method, path, _ := strings.Cut(strings.NewReplacer(
				"{room}", room.ID.String(), "{ended}", ended.ID.String(), "{single}", d.single(t, alice, bob).String(), "{unknown}", uuid.NewString(),
				"{bob}", bob.id.String(), "{carol}", carol.id.String(), "{foreign}", foreign.id.String(),
			).Replace(row.call), " ")
			body := ""
			if method == http.MethodPost {
				body = newRoom("Group", "", alice, carol)
			}
			got := d.admin(t, caller, method, path, body)
			if came := said(t, got.Status, got.Body); came != want {
				t.Errorf("%s, %s: %s, want %s", row.call, name, came, want)
			}
			if method == http.MethodGet && name == "another tenant's backend" && strings.Contains(string(got.Body), alice.id.String()) {
				t.Errorf("%s tells another tenant's backend of alice: %s", row.call, got.Body)
			}
		}
	}
}

func backendAdministratesRooms(t *testing.T, d *deployment) {
	backend := d.userWith(t, "shop", map[string]any{"azp": "shop"})
	alice, bob, carol := d.seenUser(t, "alice"), d.seenUser(t, "bob"), d.seenUser(t, "carol")
	d.post(t, alice, "/api/users/ignore/"+bob.id.String(), "")
	if refused := d.admin(t, backend, "POST", "", newRoom("Single", "", alice, bob)); refused.Code() != "user-blocked" {
		t.Errorf("a Single room of two of whom one has blocked the other: %s", refused)
	}
	var room adminRoom
	d.admin(t, backend, "POST", "", newRoom("Group", "Support", alice, bob)).Decode(t, &room)
	if len(room.Users) != 2 || room.Users[0].ID != alice.id || room.EndedAt != nil {
		t.Fatalf("the room is %+v", room)
	}
	at := "/" + room.ID.String()
	d.admin(t, backend, "PUT", at+"/members/"+carol.id.String(), "")
	d.admin(t, backend, "DELETE", at+"/members/"+bob.id.String(), "")
	d.admin(t, backend, "GET", at, "").Decode(t, &room)
	if len(room.Users) != 3 || room.Users[1].Status != wire.Left || room.Users[2].ID != carol.id {
		t.Errorf("the members are %+v", room.Users)
	}
	if got := d.admin(t, backend, "DELETE", at, ""); got.Status != http.StatusNoContent {
		t.Fatalf("ended: %s", got)
	}
	if list := d.list(t, carol); len(list) != 0 {
		t.Errorf("carol lists %+v", list)
	}
	if d.admin(t, backend, "GET", at, "").Decode(t, &room); room.EndedAt == nil {
		t.Errorf("the room is %+v", room)
	}
	ended, err := bus.Decode[events.RoomEnded](d.recordsOf(t, room.ID))
	if err != nil || len(ended) != 1 || !slices.Equal(ended[0].Data.Removed, []uuid.UUID{alice.id, carol.id}) {
		t.Errorf("the log has %+v, %v", ended, err)
	}
	internal := d.call(t, d.Internal, user{}, request{method: "GET", path: "/internal/rooms/" + room.ID.String() + "/members"})
	if internal.Code() != "room-not-found" {
		t.Errorf("messages is answered %s", internal)
	}
}

func backendListsRoomsInPages(t *testing.T, d *deployment) {
	backend := d.userWith(t, "shop", map[string]any{"azp": "shop"})
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	want := map[uuid.UUID]bool{}
	for n := range 101 {
		want[d.create(t, alice, newRoom("Group", fmt.Sprint(n), alice, bob)).ID] = true
	}
	var page struct {
		NextCursor *string     `json:"nextCursor"`
		Content    []adminRoom `json:"content"`
	}
	query, cursor := "?user="+alice.id.String(), ""
	for pages := 1; ; pages++ {
		d.admin(t, backend, "GET", query, "").Decode(t, &page)
		for _, room := range page.Content {
			if !want[room.ID] {
				t.Errorf("listed is %+v", room)
			}
			delete(want, room.ID)
		}
		if page.NextCursor == nil {
			if pages != 2 || len(want) != 0 {
				t.Errorf("on %d pages %d are missing", pages, len(want))
			}
			break
		}
		cursor = *page.NextCursor
		query = "?user=" + alice.id.String() + "&cursor=" + cursor
	}
	for name, c := range map[string]struct {
		query, code string
	}{
		"a cursor that is made up":   {"?cursor=AAAA", "invalid-cursor"},
		"a cursor of another list":   {strings.Replace(query, alice.id.String(), bob.id.String(), 1), "invalid-cursor"},
		"a cursor of all the rooms":  {"?cursor=" + cursor, "invalid-cursor"},
		"a user that is none":        {"?user=bob", "invalid-id"},
		"a user that is not written": {"?user=", "invalid-id"},
	} {
		if got := d.admin(t, backend, "GET", c.query, ""); got.Status != http.StatusBadRequest || got.Code() != c.code {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, body := range map[string]string{"nobody in it": `{"roomType":"Group","invitedUsers":[]}`, "a name that turns text": newRoom("Group", "a\u202eb", alice, bob)} {
		if got := d.admin(t, backend, "POST", "", body); got.Status != http.StatusUnprocessableEntity || got.Code() != "invalid-request" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
