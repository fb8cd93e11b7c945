package webclient

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// picture is where the README's picture is written: go test -run TestScreens ./webclient -args -picture FILE.
var picture = flag.String("picture", "", "write the README's picture to this file")

// axe is the library that examines pages, as the lock file has it.
func axe(t *testing.T) string {
	t.Helper()
	enginetest.Installed(t, "npm")
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := os.ReadFile(filepath.Join("testdata", "axe", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("install axe: %v\n%s", err, out)
	}
	script, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// violation is what axe finds.
type violation struct {
	ID     string   `json:"id"`
	Impact string   `json:"impact"`
	Help   string   `json:"help"`
	Nodes  []string `json:"nodes"`
}

const examine = `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, impact, help, nodes }) =>
	({ id, impact, help, nodes: nodes.map(({ html, failureSummary }) => html.slice(0, 200) + ' ' + failureSummary) })))`

// check examines what the tab shows, in light and in dark. The library comes by the debugger, so that the page's policy stays as it is.
func (b *tab) check(library, screen string) {
	b.t.Helper()
	for _, dark := range []bool{false, true} {
		b.dark(dark)
		name := screen + map[bool]string{true: "-dark"}[dark]
		b.picture(name)
		evaluate[string](b, library+";''")
		for _, found := range evaluate[[]violation](b, examine) {
			if found.Impact == "serious" || found.Impact == "critical" {
				b.t.Errorf("%s: %s (%s): %s\n  %s", name, found.ID, found.Impact, found.Help, strings.Join(found.Nodes, "\n  "))
			}
		}
	}
	b.dark(false)
}

// Each screen can be used with a screen reader and in poor light, as far as axe can tell. What they look like is kept in .cache/web-client.
func TestScreens(t *testing.T) {
	library := axe(t)
	d := deployment.OneProcess(t)
	room := furnish(t, d)
	browser, _ := openBrowser(t, t.TempDir())
	alice := open(browser, t, at(t, d, "localhost"), "alice", chromedp.WithNewBrowserContext())

	alice.open("")
	alice.await("the first screen", "document.querySelector('button[name=sign-in]')")
	alice.check(library, "sign-in")
	alice.click("button[name=sign-in]")
	alice.await("the form", "document.querySelector('input[name=user]')")
	alice.check(library, "development-identity-provider")
	alice.signIn()
	alice.await("the rooms", "document.querySelectorAll('[data-room]').length >= 3")
	alice.check(library, "rooms")
	alice.hash("#/rooms/" + room.String())
	alice.await("the messages", "document.querySelectorAll('[data-message]').length >= 6")
	alice.check(library, "room")
	shown := alice.picture("readme")
	alice.click("button[name=new-room]")
	alice.await("the dialog", "document.querySelector('dialog [name=people]')")
	alice.check(library, "new-room")
	alice.do(chromedp.KeyEvent("\x1b"))
	for _, page := range []string{"friends", "inbox", "settings"} {
		alice.hash("#/" + page)
		alice.await(page, "document.querySelector('[data-page="+page+"]')")
		alice.check(library, page)
	}
	alice.do(chromedp.EmulateViewport(390, 780))
	alice.hash("#/rooms/" + room.String())
	alice.await("the messages", "document.querySelectorAll('[data-message]').length >= 6")
	alice.check(library, "room-on-a-telephone")
	alice.hash("#/")
	alice.await("the rooms", "document.querySelectorAll('[data-room]').length >= 3")
	alice.check(library, "rooms-on-a-telephone")
	if *picture != "" {
		if err := os.WriteFile(*picture, shown, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// furnish makes what a look at the client is worth: rooms, people and what they say.
func furnish(t *testing.T, d *deployment.Deployment) uuid.UUID {
	t.Helper()
	people := map[string]*deployment.User{}
	for _, name := range []string{"alice", "bob", "carol", "dora"} {
		people[name] = d.SignIn(t, name)
	}
	create := func(name, by string, with ...string) uuid.UUID {
		invited := []uuid.UUID{people[by].ID}
		for _, one := range with {
			invited = append(invited, people[one].ID)
		}
		room, err := people[by].CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: name, Invited: invited})
		if err != nil {
			t.Fatalf("create a room: %v", err)
		}
		return room.ID
	}
	say := func(room uuid.UUID, lines ...string) {
		for _, line := range lines {
			who, text, _ := strings.Cut(line, ": ")
			if _, err := people[who].SendText(t.Context(), room, text); err != nil {
				t.Fatalf("send: %v", err)
			}
		}
	}
	say(create("Release 1.0", "carol", "alice", "dora"), "carol: The tag is there", "dora: And it is green", "dora: All of it")
	say(create("Support", "dora", "alice"), "dora: Somebody asks for a refund")
	lunch := create("Lunch", "alice", "bob", "carol")
	say(lunch, "alice: Soup or salad?", "bob: Soup, please", "carol: Salad. The soup was cold yesterday", "bob: It was gazpacho …",
		"alice: Then both. The menu is at https://example.com/menu", "carol: See you at 12:30")
	if _, err := people["bob"].AddFriend(t.Context(), people["alice"].ID); err != nil {
		t.Fatalf("ask for friendship: %v", err)
	}
	return lunch
}
