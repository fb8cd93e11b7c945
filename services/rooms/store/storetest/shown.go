package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// sendersAreShownAsTheyAre shows the name that a sender has now, also of messages that were sent under another name.
func sendersAreShownAsTheyAre(t *testing.T, s store.Store) {
	users := addUsersOf(t, s, "acme", "alice", "bob")
	room := create(t, s, newRoom(wire.Group, "Lunch", start(), users...)).ID
	shown := func() wire.Preview {
		t.Helper()
		one, err := s.Room(t.Context(), room, users[1])
		if err != nil {
			t.Fatal(err)
		}
		all, err := s.Rooms(t.Context(), users[1], store.RoomQuery{Limit: 10})
		if err != nil || len(all) != 1 || *all[0].LatestMessageText != *one.LatestMessageText {
			t.Fatalf("listed is %+v, %v, alone %+v", all, err, one)
		}
		return *one.LatestMessageText
	}
	if got := shown(); got != wire.NewRoomPreview() {
		t.Errorf("a new room shows %+v", got)
	}
	apply(t, s, posted(room, users[0], "Soup?", start().Add(time.Minute), 1))
	if got := shown(); got != wire.TextPreview("alice", "Soup?") {
		t.Errorf("shown is %+v", got)
	}
	if err := s.PutUser(t.Context(), store.User{ID: users[0], DisplayName: "Alice 🐙", Tenant: "acme"}, start()); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != wire.TextPreview("Alice 🐙", "Soup?") {
		t.Errorf("renamed the sender is shown as %+v", got)
	}
	if _, _, err := flow(s).DeleteUser(t.Context(), "acme", users[0], start()); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != wire.TextPreview(store.DeletedName, "Soup?") {
		t.Errorf("deleted the sender is shown as %+v", got)
	}
	apply(t, s, posted(room, uuid.New(), "Of a backend", start().Add(time.Hour), 2))
	if got := shown(); got != wire.TextPreview("sender", "Of a backend") {
		t.Errorf("a sender who is no user is shown as %+v", got)
	}
}

// expiredMessagesAreNotShown shows nothing of a latest message once it has expired, nor of an edit of it, and leaves all else of the room as it is.
func expiredMessagesAreNotShown(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	room, other := create(t, s, newRoom(wire.Group, "", start(), users...)).ID, create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	over, lasting := time.Now().Add(-time.Second), time.Now().Add(time.Hour)
	message, elsewhere := posted(room, users[0], "Soup?", after(time.Minute), 1), posted(other, users[0], "Tea?", after(time.Hour), 2)
	elsewhere.Expires = lasting
	apply(t, s, message, elsewhere)
	shows := func(what string, unread int, want wire.Preview) {
		t.Helper()
		listed := list(t, s, users[1])
		alone := get(t, s, room, users[1])
		if len(listed) != 2 || *listed[0].LatestMessageText != wire.TextPreview("alice", "Tea?") || *listed[1].LatestMessageText != want || *alone.LatestMessageText != want {
			t.Fatalf("%s: the rooms are %+v, want %+v in the second", what, listed, want)
		}
		if !alone.LatestMessage.Equal(message.At) || alone.UnreadCount != unread {
			t.Errorf("%s: the room is %+v", what, alone)
		}
	}
	shows("a message that stays", 1, wire.TextPreview("alice", "Soup?"))
	revision := edited(message, "Soup!", 10)
	revision.Expires = over
	revise(t, s, revision)
	shows("an edit that has expired", 1, wire.NewRoomPreview())
	revision.By, revision.Expires = events.Position{Offset: 11}, lasting
	revise(t, s, revision)
	shows("an edit that has not", 1, wire.TextPreview("alice", "Soup!"))
	message = posted(room, users[0], "Bread?", after(2*time.Minute), 2)
	message.Expires = over
	apply(t, s, message)
	shows("a message that has expired", 2, wire.NewRoomPreview())
	apply(t, s, message)
	shows("the message again", 2, wire.NewRoomPreview())
}
