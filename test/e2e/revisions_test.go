package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// revisionsOf are the events of a stream that say what became of a room's messages.
func revisionsOf(t *testing.T, all []client.StreamEvent, room uuid.UUID) (revisions []wire.MessageEdited) {
	t.Helper()
	for _, event := range all {
		if event.Type != "MessageEdited" && event.Type != "MessageDeleted" {
			continue
		}
		var revision wire.MessageEdited // a MessageDeleted has the same fields
		if err := json.Unmarshal(event.Data, &revision); err != nil {
			t.Fatalf("decode %s: %v", event.Data, err)
		}
		if revision.Message.RoomID == room {
			revisions = append(revisions, revision)
		}
	}
	return revisions
}

// asJSON is a message as it stands on the wire, by which two are compared.
func asJSON(t *testing.T, message wire.Message) string {
	t.Helper()
	raw, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// changesAreTold asks for what has happened in a room since its first message: another that was deleted later, and the first one's deletion.
func changesAreTold(t *testing.T, user *deployment.User, first, deleted, moderated wire.Message) {
	t.Helper()
	servicetest.AwaitSuccess(t, "all changes are told", func() error {
		told, err := user.Changes(t.Context(), first.RoomID, first.Position)
		if err != nil {
			return err
		}
		var got []string
		for _, change := range told.Changes {
			got = append(got, change.Change+asJSON(t, change.Message))
		}
		want := []string{"new" + asJSON(t, deleted), "deleted" + asJSON(t, deleted), "deleted" + asJSON(t, moderated)}
		if told.More || !slices.Equal(got, want) {
			return fmt.Errorf("the changes are %+v, want %v", told, want)
		}
		return nil
	})
}

// messagesAreRevised edits messages and deletes them: streams, also one that was away, the history and the list of rooms follow, and no count does.
func messagesAreRevised(t *testing.T, d *deployment.Deployment) {
	alice, bob, carol := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.SignIn(t, "carol")
	backend := d.Backend(t)
	room := createRoom(t, alice, wire.Group, "Second thoughts", bob)
	atAlice, atBob, atCarol := alice.Listen(t), bob.Listen(t), carol.Listen(t)
	first, last := send(t, alice, room.ID, "Soup?"), send(t, alice, room.ID, "Or bread?")
	atBob.AwaitMessages(t, room.ID, 2)
	unread := awaitRoom(t, bob, room.ID, func(r wire.Room) bool { return r.UnreadCount == 2 })
	atBob.Leave()

	made := func(message wire.Message, err error) wire.Message {
		t.Helper()
		if err != nil {
			t.Fatalf("revise: %v", err)
		}
		return message
	}
	edited := made(alice.EditSeen(t.Context(), last, wire.TextBody{Text: "Or rice?"}))
	var refused *client.Problem
	if _, err := alice.EditSeen(t.Context(), last, wire.TextBody{Text: "Or nothing?"}); !errors.As(err, &refused) || refused.Code != "message-changed" {
		t.Errorf("an edit of what has been edited meanwhile: %v", err)
	}
	if edited.EditedAt == nil || !edited.CreatedAt.Equal(last.CreatedAt.Time) || string(edited.Body) != `{"text":"Or rice?"}` {
		t.Errorf("edited it is %+v", edited)
	}
	awaitRoom(t, bob, room.ID, func(r wire.Room) bool { return *r.LatestMessageText == wire.TextPreview(alice.DisplayName, "Or rice?") })
	deleted := made(alice.Delete(t.Context(), room.ID, last.ID))
	moderated := made(backend.Delete(t.Context(), room.ID, first.ID))
	now := awaitRoom(t, bob, room.ID, func(r wire.Room) bool { return *r.LatestMessageText == wire.DeletedPreview() })
	if now.UnreadCount != unread.UnreadCount || now.UnreadAsOf != unread.UnreadAsOf || !now.LatestMessage.Equal(unread.LatestMessage.Time) {
		t.Errorf("the room was %+v and is %+v", unread, now)
	}

	atBob.Return()
	for _, listener := range []*deployment.Listener{atAlice, atBob} {
		seen := listener.Await(t, time.Minute, "three revisions", func(all []client.StreamEvent) bool { return len(revisionsOf(t, all, room.ID)) >= 3 })
		for i, live := range revisionsOf(t, seen, room.ID) {
			want := []wire.Message{edited, deleted, moderated}[i]
			if kind := []string{"MessageEdited", "MessageDeleted", "MessageDeleted"}[i]; live.Type != kind || asJSON(t, live.Message) != asJSON(t, want) || live.Position == "" {
				t.Errorf("revision %d on a stream is %+v, the answer was %+v", i, live, want)
			}
		}
	}
	if seen := revisionsOf(t, atCarol.Events(), room.ID); len(seen) != 0 {
		t.Errorf("who is not in the room is told %+v", seen)
	}
	stored := history(t, bob, room.ID, 2)
	if !slices.EqualFunc(stored, []wire.Message{moderated, deleted}, func(a, b wire.Message) bool { return asJSON(t, a) == asJSON(t, b) }) {
		t.Errorf("the history is %+v", stored)
	}
	if alone := made(bob.Message(t.Context(), room.ID, last.ID)); asJSON(t, alone) != asJSON(t, deleted) {
		t.Errorf("alone it is %+v", alone)
	}
	if again := made(alice.Delete(t.Context(), room.ID, last.ID)); asJSON(t, again) != asJSON(t, deleted) {
		t.Errorf("deleted again it is %+v", again)
	}
	if page, err := bob.Timeline(t.Context(), room.ID, ""); err != nil || strings.Contains(asJSON(t, page.Messages[0])+asJSON(t, page.Messages[1]), "Soup") {
		t.Errorf("the timeline has what was deleted: %+v, %v", page, err)
	}
	changesAreTold(t, bob, first, deleted, moderated)
	refusedRevisions(t, room.ID, alice, bob, carol, deleted)
}

// refusedRevisions are of who may not, and of what is deleted.
func refusedRevisions(t *testing.T, room uuid.UUID, alice, bob, carol *deployment.User, deleted wire.Message) {
	t.Helper()
	mine := send(t, alice, room, "mine")
	if _, err := alice.Edit(t.Context(), room, deleted.ID, wire.TextBody{Text: "back"}); !client.HasCode(err, "message-deleted") {
		t.Errorf("an edit of what is deleted: %v", err)
	}
	if _, err := bob.Edit(t.Context(), room, mine.ID, wire.TextBody{Text: "yours"}); !client.HasCode(err, "not-the-author") {
		t.Errorf("an edit by another member: %v", err)
	}
	if _, err := bob.Delete(t.Context(), room, mine.ID); !client.HasCode(err, "not-the-author") {
		t.Errorf("a deletion by another member: %v", err)
	}
	if _, err := carol.Delete(t.Context(), room, mine.ID); !client.HasCode(err, "room-not-found") {
		t.Errorf("a deletion by who is not in the room: %v", err)
	}
	if _, err := carol.Message(t.Context(), room, mine.ID); !client.HasCode(err, "room-not-found") {
		t.Errorf("read by who is not in the room: %v", err)
	}
	if same, err := bob.Message(t.Context(), room, mine.ID); err != nil || asJSON(t, same) != asJSON(t, mine) {
		t.Errorf("what nobody has revised is %+v, %v", same, err)
	}
}
