package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// TestALargeRoom fills a room beyond what an event names. Its members are given what it should be, also by an edge that has been started since.
func TestALargeRoom(t *testing.T) {
	t.Parallel()
	d := deployment.OneProcess(t, deployment.Settings{"ISM_ROOMS_MAX_MEMBERS": "200"})
	var users []*deployment.User
	invited := []uuid.UUID{}
	for i := range 130 {
		user := d.SignIn(t, fmt.Sprintf("member%03d", i))
		users, invited = append(users, user), append(invited, user.ID)
	}
	creator, second, last := users[0], users[1], users[129]
	guest, stranger := d.SignIn(t, "guest"), d.SignIn(t, "stranger")
	atSecond, atLast, atGuest, atStranger := second.Listen(t), last.Listen(t), guest.Listen(t), stranger.Listen(t)
	room, err := creator.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Hall", Invited: invited})
	if err != nil {
		t.Fatalf("create a room of %d: %v", len(invited), err)
	}
	for _, listener := range []*deployment.Listener{atSecond, atLast} {
		var welcome wire.NewRoom
		awaitEvent(t, listener, "NewRoom", room.ID, &welcome)
	}
	send(t, creator, room.ID, "one")
	if err := second.Invite(t.Context(), room.ID, guest.ID); err != nil {
		t.Fatalf("invite: %v", err)
	}
	send(t, guest, room.ID, "two")
	if err := last.Leave(t.Context(), room.ID); err != nil {
		t.Fatalf("leave: %v", err)
	}
	awaitRefused(t, last, room.ID)
	d.Kill(t, "ism")
	d.Restart(t, "ism")
	send(t, creator, room.ID, "three")
	if _, err := stranger.SendText(t.Context(), room.ID, "let me in"); !client.HasCode(err, "room-not-found") {
		t.Errorf("a stranger's send: %v", err)
	}
	texts := func(listener *deployment.Listener) (all []string) {
		for _, chat := range deployment.Messages(t, listener.Events(), room.ID) {
			if text := textOf(t, chat.Message); text != stillIn {
				all = append(all, text)
			}
		}
		return all
	}
	for name, c := range map[string]struct {
		listener *deployment.Listener
		want     []string
	}{"a member": {atSecond, []string{"one", "two", "three"}}, "who has joined": {atGuest, []string{"two", "three"}}} {
		c.listener.Await(t, time.Minute, "all messages", func([]client.StreamEvent) bool { return len(texts(c.listener)) >= len(c.want) })
		if got := texts(c.listener); !slices.Equal(got, c.want) {
			t.Errorf("%s is given %v, want %v", name, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		listener *deployment.Listener
		want     []string
	}{"who has left": {atLast, []string{"one", "two"}}, "a stranger": {atStranger, nil}} {
		if got := texts(c.listener); !slices.Equal(got, c.want) {
			t.Errorf("%s is given %v, want %v", name, got, c.want)
		}
	}
	awaitHistory(t, last, room.ID, "one", "UserJoined", "two", "UserLeft")
	awaitHistory(t, guest, room.ID, "one", "UserJoined", "two", "UserLeft", "three")
}
