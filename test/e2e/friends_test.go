package e2e

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// fromFriend gives the next event of a stream, which must be of the type, and whom it is from.
func fromFriend(t *testing.T, stream *client.Stream, kind string) wire.User {
	t.Helper()
	event, err := stream.Next()
	if err != nil {
		t.Fatal(err)
	}
	var told wire.FriendRequestReceived // both have the same fields
	if err := json.Unmarshal(event.Data, &told); err != nil || event.Type != kind || told.CreatedAt.IsZero() {
		t.Fatalf("got %s, %v; want %s", event.Data, err, kind)
	}
	return told.FromUser
}

func usersBecomeFriends(t *testing.T, d *deployment.Deployment) {
	alice, bob, carol := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.SignIn(t, "carol")
	var streams []*client.Stream
	for _, user := range []*deployment.User{alice, bob, carol} {
		stream, err := user.Stream(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		streams = append(streams, stream)
	}
	if _, err := alice.AddFriend(t.Context(), bob.ID); err != nil {
		t.Fatal(err)
	}
	if from := fromFriend(t, streams[1], "FriendRequestReceived"); from.ID != alice.ID || from.FriendsCount != 0 {
		t.Errorf("bob is asked by %+v", from)
	}
	before, err := alice.Poll(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if state, err := bob.AddFriend(t.Context(), alice.ID); err != nil || state.State == nil || *state.State != wire.Friend {
		t.Fatalf("bob asks alice: %+v, %v", state, err)
	}
	if from := fromFriend(t, streams[0], "FriendRequestAccepted"); from.ID != bob.ID || from.FriendsCount != 1 {
		t.Errorf("alice is accepted by %+v", from)
	}
	again, err := alice.Stream(t.Context(), before.LastEventID)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if from := fromFriend(t, again, "FriendRequestAccepted"); from.ID != bob.ID {
		t.Errorf("a stream that resumes is told of %+v", from)
	}
	isBob := func(u wire.User) bool { return u.ID == bob.ID }
	if friends, err := alice.Friends(t.Context()); err != nil || !slices.ContainsFunc(friends, isBob) {
		t.Errorf("alice's friends are %+v, %v", friends, err)
	}
	// The users are the same in each scenario, so nothing of this may stay.
	if _, err := alice.IgnoreUser(t.Context(), bob.ID); err != nil {
		t.Fatal(err)
	}
	if friends, err := alice.Friends(t.Context()); err != nil || slices.ContainsFunc(friends, isBob) {
		t.Errorf("with bob blocked alice's friends are %+v, %v", friends, err)
	}
	if _, err := bob.AddFriend(t.Context(), alice.ID); !client.HasCode(err, "user-blocked") {
		t.Errorf("bob asks who has blocked him: %v", err)
	}
	if seen, err := bob.User(t.Context(), alice.ID); err != nil || seen.Relationship == nil || *seen.Relationship != wire.BlockedBy {
		t.Errorf("bob sees %+v, %v", seen, err)
	}
	if _, err := bob.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Invited: []uuid.UUID{bob.ID, alice.ID}}); !client.HasCode(err, "user-blocked") {
		t.Errorf("bob draws alice into a room: %v", err)
	}
	if state, err := alice.UnignoreUser(t.Context(), bob.ID); err != nil || state.State != nil {
		t.Errorf("unblocked: %+v, %v", state, err)
	}
	createRoom(t, bob, wire.Group, "After all", carol)
	event, err := streams[2].Next() // the first that carol is told
	if err != nil || event.Type != "NewRoom" {
		t.Errorf("carol is told %+v, %v", event, err)
	}
	if page, err := carol.SearchUsers(t.Context(), alice.DisplayName, ""); err != nil || !slices.ContainsFunc(page.Content, func(u wire.RelatedUser) bool { return u.User.ID == alice.ID }) {
		t.Errorf("carol finds %+v, %v", page, err)
	}
}
