package e2e

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// userIsErased deletes a user who has written in two rooms: its messages are gone, from streams, histories and lists, and its name with them. It gives the
// receipt, which takes a minute.
func userIsErased(t *testing.T, d *deployment.Deployment) (receipt uuid.UUID) {
	gone, alice := d.SignIn(t, "u19"), d.SignIn(t, "alice")
	group, single := createRoom(t, gone, wire.Group, "Regrets", alice), createRoom(t, gone, wire.Single, "", alice)
	atAlice := alice.Listen(t)
	want := map[uuid.UUID]bool{}
	for _, room := range []uuid.UUID{group.ID, single.ID} {
		for _, text := range []string{"one", "two"} {
			want[send(t, gone, room, text).ID] = true
		}
	}
	ready(t, d, gone, group.ID) // which no message shows yet
	send(t, alice, group.ID, "stays")
	backend := d.Backend(t)
	exported, next, err := backend.ExportMessages(t.Context(), gone.ID, "")
	if err != nil || next != "" || len(exported) != len(want) || slices.ContainsFunc(exported, func(m wire.Message) bool { return !want[m.ID] }) {
		t.Errorf("exported are %+v, next is %q, %v", exported, next, err)
	}
	erasure, err := backend.DeleteUser(t.Context(), gone.ID)
	if err != nil || erasure.FinishedAt != nil || len(erasure.Services) != 4 {
		t.Fatalf("the receipt is %+v, %v", erasure, err)
	}
	atAlice.Await(t, time.Minute, "the deletions", func(all []client.StreamEvent) bool {
		told := revisionsOf(t, all, group.ID)
		return len(told) == 2 && !slices.ContainsFunc(told, func(e wire.MessageEdited) bool { return e.Type != "MessageDeleted" || !want[e.Message.ID] })
	})
	awaitHistory(t, alice, group.ID, "", "", "stays", "UserLeft")
	awaitHistory(t, alice, single.ID, "", "", "UserLeft") // nobody is in it any more
	return erasure.ID
}

// receiptIsFinished waits until all that was to be erased is. Then the user may come back, as other suites of the deployment need it.
func receiptIsFinished(t *testing.T, d *deployment.Deployment, id uuid.UUID) {
	backend := d.Backend(t)
	poll := time.NewTicker(time.Second)
	defer poll.Stop()
	for end := time.Now().Add(3 * time.Minute); ; <-poll.C {
		erasure, err := backend.Erasure(t.Context(), id)
		if err != nil || time.Now().After(end) {
			t.Fatalf("the receipt is %+v, %v", erasure, err)
		}
		if erasure.FinishedAt == nil {
			continue
		}
		erased := map[string]int64{}
		for _, part := range erasure.Services {
			erased[part.Service] = part.Erased
		}
		delete(erased, "notifications") // what comes late is not kept, and so not counted
		delete(erased, "rooms")         // the user stands to others as other scenarios have it
		if want := map[string]int64{"messages": 4, "media": 1}; len(erasure.Services) != 4 || !maps.Equal(erased, want) {
			t.Errorf("erased are %+v, want %v", erasure.Services, want)
		}
		if _, err := backend.PutUser(t.Context(), erasure.UserID, "u19"); err != nil {
			t.Errorf("the user comes back: %v", err)
		}
		d.SignAnew("u19") // its deletion has ended what tokens it had
		back := d.SignIn(t, "u19")
		servicetest.AwaitSuccess(t, "the user is there again", func() error {
			_, err := back.Rooms(t.Context())
			return err
		})
		return
	}
}
