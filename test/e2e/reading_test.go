package e2e

import (
	"testing"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// readingIsTold lets bob read on one device what he has been shown: his other device learns how much is unread, and alice up to where he has read.
func readingIsTold(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	atAlice, atBob, elsewhere := alice.Listen(t), bob.Listen(t), bob.Listen(t)
	room := createRoom(t, alice, wire.Group, "Book club", bob)
	var last wire.ChatMessage
	for n := range 3 {
		send(t, alice, room.ID, "a page")
		messages := atBob.AwaitMessages(t, room.ID, n+1)
		message := messages[len(messages)-1]
		if message.Position == "" || message.Position <= last.Position {
			t.Errorf("a message is at %q, the one before it at %q", message.Position, last.Position)
		}
		last = message
	}
	if err := bob.MarkRead(t.Context(), room.ID); err != nil { // at once: the lists are behind what he sees
		t.Fatalf("mark as read: %v", err)
	}
	if seen, err := bob.Room(t.Context(), room.ID); err != nil || seen.Unread || seen.UnreadCount != 0 || seen.UnreadAsOf != last.Position {
		t.Fatalf("bob sees %+v, %v; the last message is at %q", seen, err, last.Position) // what is told of the mark would be waited for in vain
	}
	var unread wire.UnreadChanged
	awaitEvent(t, elsewhere, "UnreadChanged", room.ID, &unread)
	if unread.UnreadCount != 0 || unread.UnreadAsOf != last.Position {
		t.Errorf("bob's other device is told %+v", unread)
	}
	var read wire.UserReadChat
	awaitEvent(t, atAlice, "UserReadChat", room.ID, &read)
	if read.UserID != bob.ID || read.MessageID != last.Message.ID {
		t.Errorf("alice is told %+v", read)
	}
	for _, event := range atAlice.Events() {
		if event.Type == "UnreadChanged" {
			t.Errorf("alice is told %s", event.Data)
		}
	}
}
