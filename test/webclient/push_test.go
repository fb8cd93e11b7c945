package webclient

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

const pushSubject = "mailto:ops@example.com"

// Who is away is told by the browser, of what there is and no more. It is over when the user opts out, signs out, or the push service forgets the browser.
func TestWebPush(t *testing.T) {
	d := deployment.OneProcess(t, deployment.ReceiversHere(), deployment.Settings{"ISM_NOTIFICATIONS_VAPID_SUBJECT": pushSubject, "ISM_NOTIFICATIONS_PUSH_GRACE": "0s"})
	byAlice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room, err := byAlice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Lunch", Invited: []uuid.UUID{byAlice.ID, bob.ID}})
	if err != nil {
		t.Fatal(err)
	}
	service := newPushService(t)
	chromium, _ := openBrowser(t, t.TempDir())
	alice := openAtPushService(chromium, t, d, service, "alice", chromedp.WithNewBrowserContext())
	p := &pushing{t: t, d: d, service: service, bob: bob, room: room.ID, alice: alice, aliceID: byAlice.ID}

	alice.signIn()
	p.optIn()
	p.tellsWhoIsAway()
	p.opensTheRoom()
	p.optOut()
	p.optIn()
	p.endsWithSignOut()
	alice.signIn()
	p.optIn()
	p.forgetsWhoIsGone()
	p.followsTheKey()
	p.isNotForWhoComesNext(chromium)
	if refused := alice.refused(); len(refused) > 0 {
		t.Errorf("alice: %q", refused)
	}
}

// pushing is a chat of alice, whose browser is told, and bob, who writes.
type pushing struct {
	t       *testing.T
	d       *deployment.Deployment
	service *pushService
	bob     *deployment.User
	room    uuid.UUID
	alice   *tab
	aliceID uuid.UUID
}

// optIn has alice choose to be notified, which her browser and the server then know.
func (p *pushing) optIn() {
	p.t.Helper()
	p.alice.open("#/settings")
	p.alice.click("input[name=push]")
	p.alice.await("push to be on", "document.querySelector('input[name=push]:checked:enabled')")
	if devices := p.devices(p.aliceID); len(devices) != 1 || devices[0].Kind != "WebPush" {
		p.t.Errorf("alice is told at %+v", devices)
	}
	if !p.alice.subscribed() {
		p.t.Error("alice's browser has no subscription")
	}
}

// tellsWhoIsAway has bob write twice while alice has no page open.
func (p *pushing) tellsWhoIsAway() {
	p.t.Helper()
	p.alice.leave()
	p.send("Soup, or <b>salad</b>?")
	first := p.service.take(p.t)
	said := p.service.read(p.t, first, p.alice.key())
	name := p.bob.DisplayName
	p.alice.tells(said, p.shown(name, "Soup, or <b>salad</b>?"))

	var pushed map[string]any
	if err := json.Unmarshal(said, &pushed); err != nil {
		p.t.Fatalf("the push says %s: %v", said, err)
	}
	for field := range pushed {
		if !slices.Contains([]string{"type", "title", "text", "roomId", "messageId", "createdAt", "badge"}, field) {
			p.t.Errorf("the push has %s: %s", field, said)
		}
	}
	if badge, told := pushed["badge"]; told && badge != 1.0 || pushed["roomId"] != p.room.String() {
		p.t.Errorf("the push says %s", said)
	}

	p.send("Or both?")
	p.alice.tells(p.service.read(p.t, p.service.take(p.t), p.alice.key()), p.shown(name, "Or both?")) // in place of the first

	// A push that cannot be read is shown all the same: browsers take the permission from who shows nothing.
	p.alice.tells([]byte("no JSON"), shown{Title: "ISM", Tag: "ism", Data: []string{"roomId"}}, p.shown(name, "Or both?"))
}

// opensTheRoom has alice click on what is shown: without a page one is opened, and a page that is there goes to the room.
func (p *pushing) opensTheRoom() {
	p.t.Helper()
	hash := "#/rooms/" + p.room.String()
	if opened := p.alice.clickNotification(p.room.String()); opened != p.alice.home+hash {
		p.t.Errorf("a click opens %q", opened)
	}
	p.alice.awaitShown(shown{Title: "ISM", Tag: "ism", Data: []string{"roomId"}})
	if opened := p.alice.clickNotification("ism"); opened != p.alice.home+"#/inbox" {
		p.t.Errorf("a click on what names no room opens %q", opened)
	}
	p.alice.awaitShown()

	p.alice.open(hash)
	p.alice.awaitText("Or both?", "sent")
	p.alice.hash("#/friends")
	p.alice.await("the other page", "!document.querySelector('[data-message]')")
	p.tells("Bob", "Late")
	if opened := p.alice.clickNotification(p.room.String()); opened != "" {
		p.t.Errorf("a click opens %q though there is a page", opened)
	}
	p.alice.awaitText("Or both?", "sent")
}

// optOut has alice choose not to be notified.
func (p *pushing) optOut() {
	p.t.Helper()
	p.alice.open("#/settings")
	p.alice.await("push to be on", "document.querySelector('input[name=push]:checked:enabled')")
	p.alice.click("input[name=push]")
	p.alice.await("push to be off", "document.querySelector('input[name=push]:not(:checked):enabled')")
	p.over("opting out")
}

// endsWithSignOut has alice sign out while something is shown: that goes, too.
func (p *pushing) endsWithSignOut() {
	p.t.Helper()
	p.tells("Bob", "For alice")
	p.alice.click("button[name=sign-out]")
	p.alice.await("the first screen", "document.querySelector('button[name=sign-in]')")
	p.over("signing out")
	if closed := p.alice.closed(); !slices.Contains(closed, "For alice") {
		p.t.Errorf("after signing out it is still shown; closed is %q", closed)
	}
}

// over fails where alice is still told by push.
func (p *pushing) over(what string) {
	p.t.Helper()
	if devices := p.devices(p.aliceID); len(devices) > 0 {
		p.t.Errorf("after %s alice is told at %+v", what, devices)
	}
	if p.alice.subscribed() {
		p.t.Errorf("after %s alice's browser is subscribed", what)
	}
	p.alice.awaitShown()
}

// forgetsWhoIsGone has the push service not know alice's browser any more: the server tells it nothing from then on.
func (p *pushing) forgetsWhoIsGone() {
	p.t.Helper()
	p.service.answer(http.StatusGone)
	p.alice.leave()
	p.send("Anybody there?")
	p.service.take(p.t)
	for end := time.Now().Add(pageTimeout); len(p.devices(p.aliceID)) > 0; <-time.After(50 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatal("the server does not forget a browser that the push service does not know")
		}
	}
	p.send("Hello?")
	p.service.answer(http.StatusCreated)

	// The client registers what its browser still has, as each start of it does.
	p.alice.open("")
	p.alice.awaitLive()
	for end := time.Now().Add(pageTimeout); len(p.devices(p.aliceID)) != 1; <-time.After(50 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatal("a client that starts does not register its browser")
		}
	}
	if n := p.service.waiting(); n > 0 {
		p.t.Errorf("%d pushes are sent to a browser that was gone", n)
	}
}

// followsTheKey has the installation's key be another one than that with which alice's browser has subscribed: it subscribes anew, as it starts.
func (p *pushing) followsTheKey() {
	p.t.Helper()
	before := p.alice.key()
	evaluate[int](p.alice, "(localStorage.setItem('__subscription', JSON.stringify(Array(65).fill(4))), 0)")
	p.alice.do(chromedp.Reload())
	p.alice.await("a subscription with the key", "localStorage.getItem('__subscription') !== JSON.stringify(Array(65).fill(4))")
	if after := p.alice.key(); !bytes.Equal(before, after) {
		p.t.Errorf("it has subscribed with %x, the installation's key is %x", after, before)
	}
	p.alice.awaitLive()
}

// isNotForWhoComesNext has bob sign in in alice's browser, which she has left without signing out: what is told there is not for him, and he has not asked.
func (p *pushing) isNotForWhoComesNext(chromium context.Context) {
	p.t.Helper()
	p.tells("Carol", "For alice too")
	p.alice.leave()
	bob := openAtPushService(chromium, p.t, p.d, p.service, "bob", chromedp.WithExistingBrowserContext(chromedp.FromContext(p.alice.ctx).BrowserContextID))
	bob.signIn()
	bob.await("the subscription to end", "localStorage.getItem('__subscription') === null")
	if closed := bob.closed(); !slices.Contains(closed, "For alice too") {
		p.t.Errorf("bob sees what alice was told; closed is %q", closed)
	}
	bob.open("#/settings")
	bob.await("push to be off", "document.querySelector('input[name=push]:not(:checked):enabled')")
	if devices := p.devices(p.bob.ID); len(devices) > 0 {
		p.t.Errorf("bob, who has not asked for it, is told at %+v", devices)
	}
}

// tells has alice's browser told of a message in the room, which is shown.
func (p *pushing) tells(title, text string) {
	p.t.Helper()
	p.alice.tells([]byte(`{"type":"ChatMessage","title":"`+title+`","text":"`+text+`","roomId":"`+p.room.String()+`"}`), p.shown(title, text))
}

// shown is what the browser shows of a message in the room.
func (p *pushing) shown(title, text string) shown {
	return shown{Title: title, Body: text, Tag: p.room.String(), Room: p.room.String(), Data: []string{"roomId"}}
}

func (p *pushing) send(text string) {
	p.t.Helper()
	if _, err := p.bob.SendText(p.t.Context(), p.room, text); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pushing) devices(user uuid.UUID) []client.Device {
	p.t.Helper()
	devices, err := p.d.Backend(p.t).DevicesOf(p.t.Context(), user)
	if err != nil {
		p.t.Fatal(err)
	}
	return devices
}
