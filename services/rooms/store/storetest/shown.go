package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

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
