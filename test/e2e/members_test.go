package e2e

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// membersComeAndGo lets carol join a group and leave it: each stream and each history has what it should, and nothing else.
func membersComeAndGo(t *testing.T, d *deployment.Deployment) {
	alice, bob, carol := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.SignIn(t, "carol")
	atBob, atCarol := bob.Listen(t), carol.Listen(t)
	room := createRoom(t, alice, wire.Group, "Book club", bob)
	send(t, alice, room.ID, "before")
	if err := bob.Invite(t.Context(), room.ID, carol.ID); err != nil {
		t.Fatalf("invite: %v", err)
	}
	var welcome wire.NewRoom
	awaitEvent(t, atCarol, "NewRoom", room.ID, &welcome)
	if welcome.Room.Name == nil || *welcome.Room.Name != "Book club" || *welcome.Room.LatestMessageText != wire.RoomChangePreview(carol.DisplayName, wire.Join) {
		t.Errorf("carol is welcomed with %+v", welcome.Room)
	}
	var joined wire.RoomChangeEvent
	awaitEvent(t, atBob, "RoomChangeEvent", room.ID, &joined)
	if joined.Message.SenderID != carol.ID || joined.Message.Type != wire.RoomChange {
		t.Errorf("bob is told %+v", joined.Message)
	}
	send(t, carol, room.ID, "hello") // she has been answered, so she is in
	if err := bob.Invite(t.Context(), room.ID, carol.ID); !client.HasCode(err, "already-member") {
		t.Errorf("a second invitation: %v", err)
	}
	atCarol.AwaitMessages(t, room.ID, 1)
	if err := carol.Leave(t.Context(), room.ID); err != nil {
		t.Fatalf("leave: %v", err)
	}
	var left wire.LeaveRoom
	awaitEvent(t, atCarol, "LeaveRoom", room.ID, &left)
	awaitRefused(t, carol, room.ID)
	send(t, alice, room.ID, "after")
	atBob.AwaitMessages(t, room.ID, 3)

	awaitHistory(t, bob, room.ID, "before", "UserJoined", "hello", "UserLeft", "after")
	awaitHistory(t, carol, room.ID, "before", "UserJoined", "hello", "UserLeft")
	if seen := deployment.Messages(t, atCarol.Events(), room.ID); len(seen) != 1 {
		t.Errorf("carol's stream has %d messages of the room", len(seen))
	}
	members, err := alice.Members(t.Context(), room.ID)
	if err != nil || len(members) != 3 || members[2].ID != carol.ID || members[2].Status != wire.Left {
		t.Errorf("members %+v, %v", members, err)
	}
}

// stillIn is what somebody writes who has left, until that is refused.
const stillIn = "still in?"

// awaitHistory waits until a user reads exactly these messages, oldest first: what is in the log is in the timeline soon.
func awaitHistory(t *testing.T, user *deployment.User, room uuid.UUID, want ...string) {
	t.Helper()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(time.Minute); ; <-poll.C {
		read, err := user.History(t.Context(), room)
		if err != nil {
			t.Fatalf("read the history: %v", err)
		}
		var got []string
		for _, message := range read {
			if text := textOf(t, message); text != stillIn {
				got = append(got, text)
			}
		}
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s reads %v, want %v", user.Name, got, want)
		}
	}
}

// textOf is the text of a message, or what it tells of a member.
func textOf(t *testing.T, message wire.Message) string {
	t.Helper()
	var body struct{ Text, Type string }
	if err := json.Unmarshal(message.Body, &body); err != nil {
		t.Fatal(err)
	}
	return body.Text + body.Type
}

// awaitRefused waits until a user can send into a room no longer, which must be soon.
func awaitRefused(t *testing.T, user *deployment.User, room uuid.UUID) {
	t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(time.Minute); ; <-poll.C {
		_, err := user.SendText(t.Context(), room, stillIn)
		switch {
		case client.HasCode(err, "room-not-found"):
			return
		case err != nil:
			t.Fatalf("send: %v", err)
		case time.Now().After(end):
			t.Fatal("who has left can still send")
		}
	}
}

// awaitEvent waits for the first event of a type that is of a room, and decodes it.
func awaitEvent(t *testing.T, listener *deployment.Listener, eventType string, room uuid.UUID, target any) {
	t.Helper()
	find := func(all []client.StreamEvent) json.RawMessage {
		for _, event := range all {
			if event.Type == eventType && roomOf(event) == room {
				return event.Data
			}
		}
		return nil
	}
	seen := listener.Await(t, time.Minute, "a "+eventType, func(all []client.StreamEvent) bool { return find(all) != nil })
	if err := json.Unmarshal(find(seen), target); err != nil {
		t.Fatalf("decode %s: %v", eventType, err)
	}
}

// roomOf is the room that an event is of.
func roomOf(event client.StreamEvent) uuid.UUID {
	var of struct {
		RoomID  uuid.UUID `json:"roomId"`
		Room    wire.Room `json:"room"`
		Message struct {
			RoomID uuid.UUID `json:"chatRoomId"`
		} `json:"message"`
	}
	if err := json.Unmarshal(event.Data, &of); err != nil {
		return uuid.Nil
	}
	for _, id := range []uuid.UUID{of.RoomID, of.Room.ID, of.Message.RoomID} {
		if id != uuid.Nil {
			return id
		}
	}
	return uuid.Nil
}

// singleRoomEnds lets one of two leave: both are told, both still read what was there, and the two can begin again.
func singleRoomEnds(t *testing.T, d *deployment.Deployment) {
	dave, erin := d.SignIn(t, "u13"), d.SignIn(t, "u14")
	atDave, atErin := dave.Listen(t), erin.Listen(t)
	room := createRoom(t, dave, wire.Single, "", erin)
	send(t, dave, room.ID, "Good bye")
	if err := erin.Leave(t.Context(), room.ID); err != nil {
		t.Fatalf("leave: %v", err)
	}
	for _, listener := range []*deployment.Listener{atDave, atErin} {
		var left wire.LeaveRoom
		awaitEvent(t, listener, "LeaveRoom", room.ID, &left)
	}
	for _, user := range []*deployment.User{dave, erin} {
		awaitHistory(t, user, room.ID, "Good bye", "UserLeft")
		if _, err := user.Room(t.Context(), room.ID); !client.HasCode(err, "room-not-found") {
			t.Errorf("%s still finds the room: %v", user.Name, err)
		}
	}
	again, err := erin.CreateRoom(t.Context(), client.NewRoom{Type: wire.Single, Invited: []uuid.UUID{dave.ID, erin.ID}})
	if err != nil || again.ID == room.ID {
		t.Errorf("the two begin again with %+v, %v", again, err)
	}
}
