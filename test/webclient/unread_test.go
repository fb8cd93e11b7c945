package webclient

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// Whatever two browsers of a user do while others write, both show in the end what the server counts as unread. ISM_TEST_BROWSER_SEED plays a run again.
func TestUnreadIsTheServersInTwoBrowsers(t *testing.T) {
	seed, count := seedOf(t), interleavings(t)
	t.Logf("ISM_TEST_BROWSER_SEED=%d, %d interleavings", seed, count)
	u := startUnread(t)
	begun := time.Now()
	for n := range count {
		u.play(t, n, rand.New(rand.NewPCG(seed, uint64(n))))
		if (n+1)%50 == 0 {
			t.Logf("%d interleavings in %v", n+1, time.Since(begun).Round(time.Second))
		}
	}
	t.Logf("%d interleavings in %v: %v", count, time.Since(begun).Round(time.Second), u.played)
	for _, one := range u.browsers {
		if refused := one.refused(); len(refused) > 0 {
			t.Errorf("%s: %q", one.name, refused)
		}
	}
}

// seedOf is the one of the environment, or a new one.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("ISM_TEST_BROWSER_SEED")
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("ISM_TEST_BROWSER_SEED=%q is no seed", text)
	}
	return seed
}

// interleavings is how many there are: a few, or 500 in the 200 rounds of make test-browser.
func interleavings(t *testing.T) int {
	t.Helper()
	if os.Getenv("ISM_TEST_BROWSER_ROUNDS") == "" {
		return 6
	}
	return max(1, rounds(t)*5/2)
}

// unread is alice with two browsers, in three rooms with bob and carol.
type unread struct {
	d        *deployment.Deployment
	rooms    []uuid.UUID
	alice    *deployment.User // a third device of hers
	others   []*deployment.User
	browsers [2]*browserOfAlice
	written  [][]written // of others, by room
	texts    int
	played   map[string]int
	story    []string // of the interleaving
}

type written struct {
	by      *deployment.User
	message wire.Message
}

type browserOfAlice struct {
	*tab
	room    int // which is open; none: the list
	offline bool
	away    bool // the window does not have the focus
}

const none = -1

func startUnread(t *testing.T) *unread {
	t.Helper()
	d := deployment.OneProcess(t, deployment.Settings{"ISM_DEV_IDP_TOKEN_LIFE": "24h"}) // the other devices do not renew theirs
	u := &unread{d: d, alice: d.SignIn(t, "alice"), others: []*deployment.User{d.SignIn(t, "bob"), d.SignIn(t, "carol")}, played: map[string]int{}}
	for _, name := range []string{"A", "B", "C"} {
		room, err := u.alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: name, Invited: []uuid.UUID{u.alice.ID, u.others[0].ID, u.others[1].ID}})
		if err != nil {
			t.Fatal(err)
		}
		u.rooms = append(u.rooms, room.ID)
	}
	u.written = make([][]written, len(u.rooms))
	browser, _ := openBrowser(t, t.TempDir())
	for i := range u.browsers {
		one := open(browser, t, at(t, d, "localhost"), "alice", chromedp.WithNewBrowserContext())
		one.call("have the focus", func(ctx context.Context) error {
			_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
			return err
		})
		one.signIn()
		one.await("the rooms", "document.querySelectorAll('[data-room]').length === "+strconv.Itoa(len(u.rooms)))
		u.browsers[i] = &browserOfAlice{tab: one, room: none}
	}
	return u
}

// play plays one interleaving, and compares.
func (u *unread) play(t *testing.T, n int, chance *rand.Rand) {
	t.Helper()
	u.story = nil
	for range 6 + chance.IntN(7) {
		u.step(t, chance)
	}
	for i, one := range u.browsers {
		if one.offline {
			u.note("online", "browser %d is online", i+1)
			one.cut(false)
		}
	}
	u.compare(t, n)
}

// step does one thing, and does not wait for what comes of it.
func (u *unread) step(t *testing.T, chance *rand.Rand) {
	t.Helper()
	room, i := chance.IntN(len(u.rooms)), chance.IntN(len(u.browsers))
	one, name := u.browsers[i], string(rune('A'+room))
	switch dice := chance.IntN(100); {
	case dice < 30:
		many := 1 + chance.IntN(3)
		by := u.others[chance.IntN(len(u.others))]
		u.note("message", "%d messages of %s in %s", many, by.Name, name)
		for range many {
			u.texts++
			message := u.send(t, by, room, fmt.Sprint("message ", u.texts))
			u.written[room] = append(u.written[room], written{by, message})
		}
	case dice < 45:
		u.note("open", "browser %d opens %s", i+1, name)
		one.room = room
		one.hash("#/rooms/" + u.rooms[room].String())
	case dice < 53:
		u.note("leave", "browser %d goes to the list", i+1)
		one.room = none
		one.hash("#/")
	case dice < 62:
		u.note(map[bool]string{false: "offline", true: "online"}[one.offline], "browser %d: offline %v", i+1, !one.offline)
		one.cut(!one.offline)
	case dice < 67:
		if one.offline {
			return
		}
		u.note("reload", "browser %d loads anew", i+1)
		one.away = false
		one.do(chromedp.Reload())
	case dice < 74:
		u.note("focus", "browser %d: has the focus %v", i+1, one.away)
		one.look(!one.away)
	case dice < 80:
		u.revise(t, chance, room)
	case dice < 84:
		u.note("another device", "another device of alice's writes in %s", name)
		u.texts++
		u.send(t, u.alice, room, fmt.Sprint("elsewhere ", u.texts))
	case dice < 87:
		u.note("read elsewhere", "another device of alice's reads %s", name)
		u.tried(t, u.alice.MarkRead(t.Context(), u.rooms[room]))
	case dice < 92:
		if one.room == none {
			return
		}
		u.note("write", "browser %d writes in %c", i+1, 'A'+one.room)
		u.texts++
		one.enter(fmt.Sprint("own ", u.texts))
	default:
		pause := time.Duration(chance.IntN(600)) * time.Millisecond
		u.note("pause", "%v pass", pause)
		time.Sleep(pause) // the clock is the browsers': what they have begun is to be met at any point of it
	}
}

// revise edits or deletes a message of somebody else.
func (u *unread) revise(t *testing.T, chance *rand.Rand, room int) {
	t.Helper()
	of := u.written[room]
	if len(of) == 0 {
		return
	}
	at := len(of) - 1 - chance.IntN(min(4, len(of)))
	it := of[at]
	if chance.IntN(2) == 0 {
		u.note("edit", "%s edits a message in %c", it.by.Name, 'A'+room)
		_, err := it.by.Edit(t.Context(), u.rooms[room], it.message.ID, wire.TextBody{Text: "edited"})
		u.tried(t, err)
		return
	}
	u.note("delete", "%s deletes a message in %c", it.by.Name, 'A'+room)
	_, err := it.by.Delete(t.Context(), u.rooms[room], it.message.ID)
	u.tried(t, err)
	u.written[room] = slices.Delete(of, at, at+1)
}

func (u *unread) send(t *testing.T, by *deployment.User, room int, text string) wire.Message {
	t.Helper()
	message, err := by.SendOnce(t.Context(), client.Draft{Room: u.rooms[room], Type: wire.Text, Body: wire.TextBody{Text: text}})
	u.must(t, err)
	return message
}

// tried takes what need not succeed on a busy machine: whether it did, the server's counts tell.
func (u *unread) tried(t *testing.T, err error) {
	t.Helper()
	if err != nil && client.Temporary(err) {
		u.note("not in time", "which was not done in time: %v", err)
		return
	}
	u.must(t, err)
}

func (u *unread) note(what, format string, args ...any) {
	u.played[what]++
	u.story = append(u.story, fmt.Sprintf(format, args...))
}

func (u *unread) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(u.story, "; "), err)
	}
}

// cut takes the network from a browser, or gives it back.
func (b *browserOfAlice) cut(offline bool) {
	b.t.Helper()
	b.tab.offline(offline)
	b.offline = offline
}

// look has the window lose the focus, or get it.
func (b *browserOfAlice) look(away bool) {
	b.t.Helper()
	b.away = away
	evaluate[bool](b.tab, fmt.Sprintf("(document.hasFocus = () => %v, dispatchEvent(new Event(%q)))", !away, map[bool]string{true: "blur", false: "focus"}[away]))
}

// enter writes a text in the room that is open and sends it.
func (b *browserOfAlice) enter(text string) {
	b.t.Helper()
	b.await("the composer", "document.querySelector('textarea[name=text]')")
	b.do(chromedp.Focus(chromedp.CSS("textarea[name=text]")))
	b.call("write", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
	b.do(chromedp.KeyEvent("\r"))
}

// counted is what is unread in a room, whether it is a number or a room that was never opened.
type counted struct {
	ID     string `json:"id"`
	Count  int    `json:"unreadCount"`
	Unread bool   `json:"unread"`
}

const readCounts = `JSON.stringify([...document.querySelectorAll('[data-room]')].map((row) => ({
	id: row.dataset.room, unreadCount: Number(row.querySelector('[data-unread]')?.dataset.unread ?? 0), unread: row.querySelector('a').classList.contains('unread') })))`

// compare waits until both browsers show what the server counts, which is nothing in a room that is seen.
func (u *unread) compare(t *testing.T, n int) {
	t.Helper()
	deadline := time.After(pageTimeout)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		differences := u.differences(t)
		if len(differences) == 0 {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("interleaving %d: %s\n%s\n\nbrowser 1: %s\n\nbrowser 2: %s", n, strings.Join(u.story, "; "), strings.Join(differences, "\n"), u.browsers[0].seen(), u.browsers[1].seen())
		}
	}
}

func (u *unread) differences(t *testing.T) (found []string) {
	t.Helper()
	server, problem := u.asked(t)
	if problem != "" {
		return []string{problem}
	}
	for i, one := range u.browsers {
		var shown []counted
		if err := json.Unmarshal([]byte(evaluate[string](one.tab, readCounts)), &shown); err != nil {
			t.Fatal(err)
		}
		if got := byRoom(shown); !maps.Equal(got, server) {
			found = append(found, fmt.Sprintf("browser %d shows %v, the server has %v", i+1, got, server))
		}
		if state := evaluate[string](one.tab, "document.querySelector('[data-connection]')?.dataset.connection ?? ''"); state != "live" {
			found = append(found, fmt.Sprintf("browser %d is %q", i+1, state))
		}
		if one.room == none {
			continue
		}
		if unsent := evaluate[int](one.tab, "document.querySelectorAll('[data-state=sending], [data-state=failed]').length"); unsent > 0 {
			found = append(found, fmt.Sprintf("browser %d has %d messages that are not sent", i+1, unsent))
		}
		if seen := server[u.rooms[one.room].String()]; !one.away && seen.Unread {
			found = append(found, fmt.Sprintf("browser %d has %c in view, and it is unread: %v", i+1, 'A'+one.room, seen))
		}
	}
	return found
}

// asked is what the server counts, of all that is in the log; or why it does not say that now, as on a busy machine.
func (u *unread) asked(t *testing.T) (rooms map[string]counted, problem string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.d.BaseURL+"/api/rooms?caughtUp=true", nil)
	u.must(t, err)
	request.Header.Set("Authorization", "Bearer "+u.d.Token(t, "alice"))
	response, err := u.d.HTTP().Do(request)
	u.must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	u.must(t, err)
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Sprintf("the server answers %d %s", response.StatusCode, body)
	}
	var all []counted
	u.must(t, json.Unmarshal(body, &all))
	return byRoom(all), ""
}

func byRoom(all []counted) map[string]counted {
	rooms := make(map[string]counted, len(all))
	for _, one := range all {
		rooms[one.ID] = one
	}
	return rooms
}
