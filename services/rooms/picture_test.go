package rooms_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

// media gives a room the picture that somebody has uploaded.
func picture(t *testing.T, d *deployment) {
	alice, bob, carol := d.seenUser(t, "alice"), d.seenUser(t, "bob"), d.seenUser(t, "carol")
	room := d.create(t, alice, newRoom("Group", "soup", alice, bob))
	put := func(room uuid.UUID, picture events.RoomPicture) nodetest.Answer {
		body, err := json.Marshal(picture)
		if err != nil {
			t.Fatal(err)
		}
		path := "/internal/rooms/" + room.String() + "/picture"
		return d.call(t, d.Internal, user{}, request{method: http.MethodPut, path: path, contentType: "application/json", body: string(body)})
	}
	shows := func(want string) {
		t.Helper()
		var seen wire.Room
		d.get(t, bob, "/api/rooms/"+room.ID.String(), &seen)
		if seen.ImageURL == nil || *seen.ImageURL != want || *seen.Name != "soup" {
			t.Errorf("bob sees %+v, want %s", seen, want)
		}
	}
	const first, second = "https://chat.example/api/media/1.jpg", "https://chat.example/api/media/2.jpg"
	for range 2 { // media may tell it again
		if answer := put(room.ID, events.RoomPicture{UserID: alice.id, URL: first}); answer.Status != http.StatusNoContent {
			t.Errorf("a member: %s", answer)
		}
		shows(first)
	}
	if answer := put(room.ID, events.RoomPicture{UserID: carol.id, Backend: true, URL: second}); answer.Status != http.StatusNoContent {
		t.Errorf("a backend: %s", answer)
	}
	shows(second)
	single := d.create(t, alice, newRoom("Single", "", alice, carol))
	for name, c := range map[string]struct {
		room    uuid.UUID
		picture events.RoomPicture
		code    string
	}{
		"a stranger":               {room.ID, events.RoomPicture{UserID: carol.id, URL: first}, "room-not-found"},
		"another tenant's backend": {room.ID, events.RoomPicture{UserID: carol.id, Backend: true, Tenant: "umbrella", URL: first}, "room-not-found"},
		"no room":                  {uuid.New(), events.RoomPicture{UserID: alice.id, URL: first}, "room-not-found"},
		"a Single room":            {single.ID, events.RoomPicture{UserID: alice.id, URL: first}, "single-room"},
		"no address":               {room.ID, events.RoomPicture{UserID: alice.id, URL: "javascript:alert(1)"}, "invalid-request"},
	} {
		if answer := put(c.room, c.picture); answer.Code() != c.code {
			t.Errorf("%s: %s", name, answer)
		}
	}
	shows(second)
}
