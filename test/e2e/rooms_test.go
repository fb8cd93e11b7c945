package e2e

import (
	"testing"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// groupIsRenamed lets a member give a Group another name: streams and lists have it.
func groupIsRenamed(t *testing.T, d *deployment.Deployment) {
	alice, bob, carol := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.SignIn(t, "carol")
	room := createRoom(t, alice, wire.Group, "Lunch", bob)
	atAlice := alice.Listen(t)
	if _, err := bob.RenameRoom(t.Context(), room.ID, "Dinner"); err != nil {
		t.Fatal(err)
	}
	var told wire.RoomChanged
	awaitEvent(t, atAlice, "RoomChanged", room.ID, &told)
	if told.Room.Name == nil || *told.Room.Name != "Dinner" || told.Room.Type != wire.Group {
		t.Errorf("alice is told %+v", told)
	}
	if seen, err := alice.Room(t.Context(), room.ID); err != nil || *seen.Name != "Dinner" {
		t.Errorf("alice sees %+v, %v", seen, err)
	}
	if _, err := carol.RenameRoom(t.Context(), room.ID, "Mine"); !client.HasCode(err, "room-not-found") {
		t.Errorf("an outsider renames it: %v", err)
	}
}

// backendEndsARoom ends a Group: its members are told, nobody can send any more, and the history stays.
func backendEndsARoom(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	atAlice, atBob := alice.Listen(t), bob.Listen(t)
	room := createRoom(t, alice, wire.Group, "Support", bob)
	send(t, bob, room.ID, "thanks")
	if err := alice.EndRoom(t.Context(), room.ID); !client.HasCode(err, "forbidden") {
		t.Errorf("as a user: %v", err)
	}
	if err := d.Backend(t).EndRoom(t.Context(), room.ID); err != nil {
		t.Fatal(err)
	}
	var left wire.LeaveRoom
	awaitEvent(t, atAlice, "LeaveRoom", room.ID, &left)
	awaitEvent(t, atBob, "LeaveRoom", room.ID, &left)
	awaitRefused(t, bob, room.ID)
	if _, err := alice.Room(t.Context(), room.ID); !client.HasCode(err, "room-not-found") {
		t.Errorf("alice finds the room: %v", err)
	}
	awaitHistory(t, alice, room.ID, "thanks")
}

// roomHasItsOwnRetention has a backend say how long a room keeps its messages, which no member may.
func roomHasItsOwnRetention(t *testing.T, d *deployment.Deployment) {
	alice, bob, backend := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.Backend(t)
	room := createRoom(t, alice, wire.Group, "Minutes", bob)
	if _, err := alice.SetRoomRetention(t.Context(), room.ID, 30); !client.HasCode(err, "forbidden") {
		t.Errorf("as a user: %v", err)
	}
	installation, err := backend.RoomRetention(t.Context(), room.ID)
	if err != nil || installation.Own {
		t.Fatalf("before, it is %+v, %v", installation, err)
	}
	own := wire.RoomRetention{Days: 30, Own: true}
	if got, err := backend.SetRoomRetention(t.Context(), room.ID, 30); err != nil || got != own {
		t.Errorf("set, it is %+v, %v", got, err)
	}
	if got, err := backend.RoomRetention(t.Context(), room.ID); err != nil || got != own {
		t.Errorf("its own is %+v, %v", got, err)
	}
	if got, err := backend.UnsetRoomRetention(t.Context(), room.ID); err != nil || got != installation {
		t.Errorf("unset, it is %+v, %v; want %+v", got, err, installation)
	}
}
