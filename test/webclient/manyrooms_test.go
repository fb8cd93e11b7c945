package webclient

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

const (
	// soon is how quickly a list of many rooms should be usable behind the answer that brings it. It is told of, not demanded: a test's machine has other things to do.
	soon = time.Second
	// tooLate is what only a fault of the client takes.
	tooLate = 20 * time.Second
	// events are the messages whose cost is measured.
	events = 50
)

// listed says when a page of many rooms was how far, milliseconds since the page was begun.
type listed struct {
	Answered float64 `json:"answered"` // the answer of GET /api/rooms that has brought them was whole
	Rows     float64 `json:"rows"`     // they were in the page
	Painted  float64 `json:"painted"`
	Opened   float64 `json:"opened"` // a room that was clicked on right then was painted, with its composer and its message
}

// watchRooms waits, from the beginning of a page, until so many rooms are in it, and clicks on the last. What it gives comes from performance entries.
const watchRooms = `((rooms) => {
	const until = (ready) => new Promise((resolve) => {
		const look = () => { if (ready()) { observer.disconnect(); resolve(); } };
		const observer = new MutationObserver(look);
		observer.observe(document, { subtree: true, childList: true, attributes: true });
		look();
	});
	const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
	const mark = (name) => performance.mark(name).startTime;
	globalThis.__listed = (async () => {
		await until(() => document.querySelectorAll('[data-room]').length >= rooms);
		const rows = mark('rooms are in the page');
		await painted();
		const usable = mark('rooms are painted');
		const last = [...document.querySelectorAll('[data-room]')].at(-1);
		last.querySelector('a').click();
		await until(() => location.hash.endsWith(last.dataset.room) && document.querySelector('textarea[name=text]') && document.querySelector('[data-message]'));
		await painted();
		const opened = mark('a room is painted');
		const answers = performance.getEntriesByType('resource').filter(({ name, responseEnd }) => new URL(name).pathname === '/api/rooms' && responseEnd <= rows);
		return { answered: Math.max(...answers.map(({ responseEnd }) => responseEnd)), rows, painted: usable, opened };
	})();
})`

// Whoever is in many rooms can use the list soon after it has come, and what happens in one of them costs little.
func TestManyRoomsAreListedSoon(t *testing.T) {
	rooms := scale(500, 100)
	d := deployment.OneProcess(t)
	alice := d.SignIn(t, "alice")
	begun := time.Now()
	made := manyRooms(t, d, alice, rooms)
	t.Logf("%d rooms are made after %v", rooms, time.Since(begun).Round(time.Millisecond))
	browser, _ := openBrowser(t, t.TempDir())
	one := open(browser, t, at(t, d, "localhost"), "alice", chromedp.WithNewBrowserContext())
	one.signIn()
	one.await("the rooms", fmt.Sprintf("document.querySelectorAll('[data-room]').length === %d", rooms))
	one.call("watch the page from its beginning", func(ctx context.Context) error {
		script := page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf("(%s)(%d)", watchRooms, rooms)}
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, script)
		return err
	})
	before := one.spent()
	one.do(chromedp.Reload())
	got := evaluate[listed](one, "globalThis.__listed")
	start := one.spent().since(before)
	late := map[bool]string{true: "; later than it should be, on a quiet machine"}[got.Opened-got.Answered > float64(soon.Milliseconds())]
	t.Logf("%d rooms: %.0f ms behind the answer they are in the page, %.0f ms behind it painted, %.0f ms behind it a room that was clicked on is open%s; all of it costs %s; heap %.1f MB; load %s",
		rooms, got.Rows-got.Answered, got.Painted-got.Answered, got.Opened-got.Answered, late, start.each(1), one.heap()/1e6, load())
	if got.Answered <= 0 || got.Opened-got.Answered > float64(tooLate.Milliseconds()) {
		t.Errorf("the rooms are not usable in time: %+v", got)
	}
	if n := evaluate[int](one, "new Set([...document.querySelectorAll('[data-room]')].map((row) => row.dataset.room)).size"); n != rooms {
		t.Errorf("%d rooms are listed of %d", n, rooms)
	}

	// The room that is open is the one with the oldest message: the others have their second unread message now.
	before = one.spent()
	for n := range events {
		newest := made[len(made)-1-n]
		if err := sendOnce(t.Context(), newest.by, newest.id, "and another"); err != nil {
			t.Fatal(err)
		}
	}
	one.await("all to be counted", fmt.Sprintf("document.querySelectorAll('[data-unread=\"2\"]').length === %d", events))
	work := one.spent().since(before)
	t.Logf("a message in one of %d rooms costs %s", rooms, work.each(events))
}

// madeRoom is a room, and who has written in it.
type madeRoom struct {
	id uuid.UUID
	by *deployment.User
}

// manyRooms makes rooms of several users, each with one of theirs and with a message, and gives them, in the order in which they were made.
func manyRooms(t *testing.T, d *deployment.Deployment, with *deployment.User, rooms int) []madeRoom {
	t.Helper()
	var makers []*deployment.User
	for n := range senders {
		makers = append(makers, d.SignIn(t, fmt.Sprintf("maker-%d", n)))
	}
	made := make([]madeRoom, rooms)
	atATime(t, rooms, func(ctx context.Context, worker, n int) error {
		by := makers[worker]
		room, err := by.CreateRoom(ctx, client.NewRoom{Type: wire.Group, Name: fmt.Sprintf("Room %d", n), Invited: []uuid.UUID{by.ID, with.ID}})
		if err != nil {
			return err
		}
		made[n] = madeRoom{room.ID, by}
		return sendOnce(ctx, by, room.ID, fmt.Sprintf("Welcome to room %d", n))
	})
	return made
}
