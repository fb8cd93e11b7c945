package e2e

import (
	"slices"
	"strings"
	"testing"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/scanner"
)

// scannerStandsBetween uploads what the scanner knows, and something while it is away.
func scannerStandsBetween(t *testing.T, d *deployment.Deployment, by *scanner.Scanner) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room := createRoom(t, alice, wire.Group, "Careful", bob)
	atAlice := alice.Listen(t)
	upload := func(content string) client.Medium {
		t.Helper()
		medium := create(t, alice, client.NewMedium{RoomID: room.ID, FileName: "menu.txt", MIMEType: "text/plain", Size: int64(len(content))})
		sendForm(t, d, medium, []byte(content))
		complete(t, alice, medium.ID)
		return medium
	}

	clean := upload("soup, or salad")
	awaitMedium(t, atAlice, clean.ID, wire.MediaReady)
	infected := upload("soup, or " + scanner.EICAR)
	if told := awaitMedium(t, atAlice, infected.ID, wire.MediaRejected); told.Reason != "infected" {
		t.Errorf("it is rejected for %q", told.Reason)
	}
	if found, err := alice.Medium(t.Context(), infected.ID); err != nil || found.State != wire.MediaRejected || found.Reason != "infected" {
		t.Errorf("its uploader is told %+v, %v", found, err)
	}
	if _, err := alice.SendMedium(t.Context(), room.ID, infected.ID, ""); !client.HasCode(err, "media-rejected") {
		t.Errorf("it is sent: %v", err)
	}
	for name, c := range map[string]struct {
		user *deployment.User
		code string
	}{"its uploader": {alice, "media-state"}, "another member": {bob, "media-not-found"}} {
		if _, _, err := c.user.Download(t.Context(), infected.ID, ""); !client.HasCode(err, c.code) {
			t.Errorf("%s downloads it: %v", name, err)
		}
	}
	within(t, "the store has nothing of it", func() bool {
		return !slices.ContainsFunc(d.Objects(t), func(key string) bool { return strings.Contains(key, infected.ID.String()) })
	})

	by.Leave(t)
	waits := upload("soup, or salad, later")
	service := "media"
	if slices.Contains(d.Services(), "ism") {
		service = "ism"
	}
	d.AwaitLog(t, service, "the scanner is not available")
	if found, err := alice.Medium(t.Context(), waits.ID); err != nil || found.State != wire.MediaUploaded {
		t.Errorf("while the scanner is away it is %+v, %v", found, err)
	}
	if _, err := alice.SendMedium(t.Context(), room.ID, waits.ID, ""); !client.HasCode(err, "media-not-ready") {
		t.Errorf("while the scanner is away it is sent: %v", err)
	}
	if _, _, err := alice.Download(t.Context(), waits.ID, ""); !client.HasCode(err, "media-state") {
		t.Errorf("while the scanner is away its uploader downloads it: %v", err)
	}
	by.Return(t)
	awaitMedium(t, atAlice, waits.ID, wire.MediaReady)
	if content, _, err := alice.Download(t.Context(), waits.ID, ""); err != nil || string(content) != "soup, or salad, later" {
		t.Errorf("then it is %q, %v", content, err)
	}
}
