package webclient

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// What is written while there is no network, or nobody answers, is sent once when there is again.
func TestWhatIsWrittenOfflineIsSentOnce(t *testing.T) {
	c := startChat(t)
	c.alice.offline(true)
	c.alice.await("the page to say so", "document.querySelector('[data-connection=offline]')")
	c.alice.send("written offline")
	c.alice.awaitText("written offline", "sending")
	c.alice.offline(false)
	c.alice.awaitText("written offline", "sent")
	c.bob.awaitText("written offline", "sent")

	c.d.Kill(t, "ism")
	c.alice.await("the page to say so", "!document.querySelector('[data-connection=live]')")
	c.alice.send("written to nobody")
	c.alice.awaitText("written to nobody", "sending")
	c.d.Restart(t, "ism")
	c.alice.awaitText("written to nobody", "sent")
	c.bob.awaitText("written to nobody", "sent")
	c.compare(t)
}

// showsEnd is whether rows are the newest of a history. A page that was loaded anew has asked for no more than these.
const showsEnd = `((shown, history) => shown.length >= Math.min(history.length, 40) && String(shown) === String(history.slice(-shown.length)))(%s.map(({ id }) => id), %s)`

// compare fails where what a tab shows is not the end of the history, in its order and each message once.
func (c *chat) compare(t *testing.T) {
	t.Helper()
	want := historyOf(t, c.byBob, c.room)
	for _, one := range []*tab{c.alice, c.bob} {
		one.await("the end of the history, "+jsonOf(want), fmt.Sprintf(showsEnd, readRows, jsonOf(want)))
	}
}

// The outbox outlives the browser, and a tab: who is killed with a message unsent sends it once he is back, and what is left in a tab that is closed another one sends.
func TestWhatIsWrittenOfflineOutlivesTheBrowser(t *testing.T) {
	d := deployment.OneProcess(t)
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Lunch", Invited: []uuid.UUID{alice.ID, bob.ID}})
	if err != nil {
		t.Fatal(err)
	}
	profile := t.TempDir()
	enter := func(browser context.Context) *tab {
		one := open(browser, t, at(t, d, "localhost"), "alice")
		one.signIn()
		one.hash("#/rooms/" + room.ID.String())
		one.await("the composer", "document.querySelector('textarea[name=text]')")
		return one
	}
	browser, _ := openBrowser(t, profile)
	before := enter(browser)
	before.offline(true)
	before.send("written before the end")
	before.awaitText("written before the end", "sending")
	crash(browser, t)

	browser, _ = openBrowser(t, profile)
	stays := enter(browser)
	stays.awaitText("written before the end", "sent")

	goes := enter(browser)
	goes.offline(true)
	goes.send("written in a tab that goes")
	goes.awaitText("written in a tab that goes", "sending")
	if err := chromedp.Cancel(goes.ctx); err != nil {
		t.Fatalf("close a tab: %v", err)
	}
	stays.offline(true)
	stays.offline(false)
	stays.awaitText("written in a tab that goes", "sent")

	history, err := bob.History(t.Context(), room.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"written before the end", "written in a tab that goes"} {
		found := 0
		for _, message := range history {
			if strings.Contains(string(message.Body), text) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("the history of %d messages has %q %d times", len(history), text, found)
		}
	}
}

// crash kills the browser's processes.
func crash(browser context.Context, t *testing.T) {
	t.Helper()
	process := chromedp.FromContext(browser).Browser.Process()
	if process == nil {
		t.Fatal("the browser has no process")
	}
	if err := process.Kill(); err != nil {
		t.Fatalf("kill the browser: %v", err)
	}
}
