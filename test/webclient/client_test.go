package webclient

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// Two users sign in, one writes, and the other sees it at once, and once.
func TestTwoUsersChat(t *testing.T) {
	d := deployment.OneProcess(t)
	d.SignIn(t, "bob") // whom nobody has met can not be found
	browser, _ := openBrowser(t, t.TempDir())
	alice := open(browser, t, at(t, d, "localhost"), "alice", chromedp.WithNewBrowserContext())
	bob := open(browser, t, at(t, d, "127.0.0.1"), "bob", chromedp.WithNewBrowserContext())
	alice.signIn()
	bob.signIn()

	alice.click("button[name=new-room]")
	alice.write("input[name=people]", "bob")
	alice.click("[data-user] input[type=checkbox]")
	alice.await("bob to be chosen", "document.querySelector('[data-user] input[type=checkbox]').checked")
	alice.write("dialog input[name=room-name]", "Lunch")
	alice.click("button[name=create]")
	alice.await("the room", "location.hash.startsWith('#/rooms/')")
	room := evaluate[string](alice, "location.hash.slice('#/rooms/'.length)")

	alice.send("Soup or salad?")
	alice.awaitText("Soup or salad?", "sent")
	bob.await("what is unread", "document.querySelector('[data-room="+quote(room)+"] [data-unread]')?.dataset.unread === '1'")
	bob.click("[data-room=" + quote(room) + "] a")
	bob.awaitText("Soup or salad?", "sent")
	bob.await("it to be read", "document.querySelector('[data-room="+quote(room)+"]') && !document.querySelector('[data-room="+quote(room)+"] [data-unread]')")
	bob.send("Soup, please")
	alice.awaitText("Soup, please", "sent")

	for _, one := range []*tab{alice, bob} {
		one.do(chromedp.Reload())
		one.awaitLive()
		one.awaitText("Soup or salad?", "sent")
		one.awaitText("Soup, please", "sent")
	}
	for _, one := range []*tab{alice, bob} {
		if refused := one.refused(); len(refused) > 0 {
			t.Errorf("%s: %q", one.name, refused)
		}
	}
}

// chat is a room of alice and bob, each of whom has a tab with it.
type chat struct {
	d          *deployment.Deployment
	edge       string // the process that holds the streams
	room       uuid.UUID
	alice, bob *tab
	byBob      *deployment.User
	aliceID    uuid.UUID
}

func startChat(t *testing.T, settings ...deployment.Settings) *chat {
	t.Helper()
	return chatIn(t, deployment.OneProcess(t, settings...), "ism")
}

func chatIn(t *testing.T, d *deployment.Deployment, edge string) *chat {
	t.Helper()
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Lunch", Invited: []uuid.UUID{alice.ID, bob.ID}})
	if err != nil {
		t.Fatal(err)
	}
	browser, _ := openBrowser(t, t.TempDir())
	c := &chat{d: d, edge: edge, room: room.ID, byBob: bob, aliceID: alice.ID}
	c.alice = open(browser, t, at(t, d, "localhost"), "alice", chromedp.WithNewBrowserContext())
	c.bob = open(browser, t, at(t, d, "localhost"), "bob", chromedp.WithNewBrowserContext())
	for _, one := range []*tab{c.alice, c.bob} {
		one.signIn()
		one.hash("#/rooms/" + room.ID.String())
		one.await("the composer", "document.querySelector('textarea[name=text]')")
	}
	return c
}

// Who comes back to a room as soon as it is left has it as it is from then on.
func TestARoomThatIsLeftAndOpenedAtOnceIsLive(t *testing.T) {
	c := startChat(t)
	c.bob.send("before")
	c.alice.awaitText("before", "sent")
	// In one turn, so before anything is painted: what is due after that is done for neither.
	evaluate[bool](c.alice, `(async () => {
		const room = location.hash;
		for (const hash of ['#/', room]) {
			history.replaceState(null, '', hash);
			dispatchEvent(new HashChangeEvent('hashchange'));
			for (let turn = 0; turn < 10; turn++) await null;
		}
		return true;
	})()`)
	c.bob.send("after")
	for _, text := range []string{"before", "after"} {
		c.alice.awaitText(text, "sent")
	}
}
