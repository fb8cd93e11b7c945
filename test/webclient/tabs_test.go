package webclient

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

const (
	tabs = 6
	// atOnce is how quickly the next tab should have a stream once the holder's is closed. It is told of, not demanded: a test's machine has other things to do.
	atOnce = time.Second
	// around is how many messages are sent before a hand-over, and after it.
	around = 3
	// pace is the time between two messages.
	pace = 40 * time.Millisecond
	// tail is how many of the newest messages are compared in their order: as many are in the page whatever else is.
	tail = 100
)

// keepArrivals notes when each text is shown for the first time, milliseconds since 1970: the clock of the tests, whose machine it is.
const keepArrivals = `(() => {
	const shown = globalThis.__shown = {};
	const look = () => { for (const row of document.querySelectorAll('[data-text]')) shown[row.textContent] ??= performance.timeOrigin + performance.now(); };
	new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
	look();
	return '';
})()`

// holdsStream asks for a lock of the tab's own, and whether whose that is has the stream's as well.
const holdsStream = `navigator.locks.request(crypto.randomUUID(), async ({ name: own }) => {
	const { held } = await navigator.locks.query();
	const { clientId } = held.find(({ name }) => name === own);
	return held.some((lock) => lock.name.startsWith('@ism-chat/client ') && lock.clientId === clientId);
})`

// All tabs of a user hold one stream. When the one who has it closes, the next takes over, and none misses a message or shows one twice.
func TestTabsHoldOneStream(t *testing.T) {
	d := deployment.OneProcess(t)
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Lunch", Invited: []uuid.UUID{alice.ID, bob.ID}})
	if err != nil {
		t.Fatal(err)
	}
	browser, _ := openBrowser(t, t.TempDir())
	var left []*tab
	for n := range tabs {
		one := open(browser, t, at(t, d, "localhost"), "alice")
		one.signIn()
		one.hash("#/rooms/" + room.ID.String())
		one.await("the composer", "document.querySelector('textarea[name=text]')")
		evaluate[string](one, keepArrivals)
		one.name = fmt.Sprintf("tab %d", n)
		left = append(left, one)
	}
	awaitOneStream(t, d, tabs)
	chat := &talk{t: t, by: bob, room: room.ID, sent: map[string]time.Time{}}
	chat.say()
	chat.awaitAll(left)
	t.Logf("a message is in all of %d tabs after %v", tabs, chat.slowest(left, 0).Round(time.Millisecond))

	for len(left) > 1 {
		at := slices.IndexFunc(left, func(one *tab) bool { return evaluate[bool](one, holdsStream) })
		if at < 0 {
			t.Fatal("no tab has the lock")
		}
		holder := left[at]
		left = slices.Delete(left, at, at+1)
		first := len(chat.texts)
		for range around {
			chat.say()
		}
		takenOver := chat.closing(d, holder)
		for range around {
			chat.say()
		}
		chat.awaitAll(left)
		late := map[bool]string{true: ": later than it should, on a quiet machine"}[takenOver > atOnce]
		t.Logf("%s has closed: the next one of %d has a stream after %v%s; of %d messages the slowest was in all tabs after %v; load %s", holder.name, len(left),
			takenOver.Round(time.Millisecond), late, len(chat.texts)-first, chat.slowest(left, first).Round(time.Millisecond), load())
		chat.compare(left)
		awaitOneStream(t, d, len(left))
	}
}

// talk is what somebody says while tabs come and go.
type talk struct {
	t     *testing.T
	by    *deployment.User
	room  uuid.UUID
	texts []string
	sent  map[string]time.Time
}

func (c *talk) say() {
	c.t.Helper()
	text := fmt.Sprintf("message %d", len(c.texts))
	c.sent[text] = time.Now()
	if err := sendOnce(c.t.Context(), c.by, c.room, text); err != nil {
		c.t.Errorf("send %q: %v", text, err)
	}
	c.texts = append(c.texts, text)
}

// sendOnce sends a text, however often that has to be tried on a machine that is busy.
func sendOnce(ctx context.Context, by *deployment.User, room uuid.UUID, text string) error {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	_, err := by.SendOnce(ctx, client.Draft{Room: room, Type: wire.Text, Body: wire.TextBody{Text: text}})
	return err
}

// closing goes on talking while the tab that holds the stream closes, until another one has a stream, and gives how long that took.
func (c *talk) closing(d *deployment.Deployment, holder *tab) time.Duration {
	c.t.Helper()
	open, ended := streams(c.t, d)
	before := open + ended
	done := make(chan struct{})
	var talking sync.WaitGroup
	talking.Go(func() {
		pause := time.NewTicker(pace)
		defer pause.Stop()
		for {
			select {
			case <-done:
				return
			case <-pause.C:
				c.say()
			}
		}
	})
	begun := time.Now()
	talking.Go(func() {
		if err := chromedp.Cancel(holder.ctx); err != nil {
			c.t.Errorf("close %s: %v", holder.name, err)
		}
	})
	defer talking.Wait()
	defer close(done)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(pageTimeout)
	for {
		select {
		case <-poll.C:
			if open, ended := streams(c.t, d); open+ended > before {
				return time.Since(begun)
			}
		case <-deadline:
			c.t.Fatalf("no tab takes over from %s", holder.name)
		}
	}
}

// awaitAll waits until each tab has shown all that was said.
func (c *talk) awaitAll(all []*tab) {
	c.t.Helper()
	for _, one := range all {
		one.await("all that was said", jsonOf(c.texts)+".every((text) => text in globalThis.__shown)")
	}
}

// slowest is how long the message took that was the last to be in all tabs, of those from the given one on.
func (c *talk) slowest(all []*tab, from int) (slowest time.Duration) {
	c.t.Helper()
	for _, one := range all {
		shown := evaluate[map[string]float64](one, "globalThis.__shown")
		for _, text := range c.texts[from:] {
			slowest = max(slowest, time.UnixMicro(int64(shown[text]*1000)).Sub(c.sent[text]))
		}
	}
	return slowest
}

// compare fails where a tab does not end with the end of the history, or shows something twice.
func (c *talk) compare(all []*tab) {
	c.t.Helper()
	history := historyOf(c.t, c.by, c.room)
	want := history[max(0, len(history)-tail):]
	for _, one := range all {
		var shown []string
		for _, row := range evaluate[[]struct{ ID string }](one, readRows) {
			shown = append(shown, row.ID)
		}
		if end := shown[max(0, len(shown)-tail):]; !slices.Equal(end, want) {
			c.t.Errorf("%s ends with\n%q\nand the history with\n%q", one.name, end, want)
		}
		slices.Sort(shown)
		if once := slices.Compact(slices.Clone(shown)); len(once) != len(shown) {
			c.t.Errorf("%s shows %d messages in %d rows", one.name, len(once), len(shown))
		}
	}
}

// awaitOneStream waits until so many tabs have one stream: a tab that hears nothing of the others for seconds, as on a machine that is too busy, has one of its own until it does.
func awaitOneStream(t *testing.T, d *deployment.Deployment, tabs int) {
	t.Helper()
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(pageTimeout)
	for {
		open, _ := streams(t, d)
		if open == 1 {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("%d tabs have %d streams", tabs, open)
		}
	}
}

// streams are how many event streams are open at the messenger, and how many have ended.
func streams(t *testing.T, d *deployment.Deployment) (open, ended int) {
	t.Helper()
	response, err := d.HTTP().Get("http://" + d.Internal["ism"] + "/metrics")
	if err != nil {
		t.Fatalf("read the metrics: %v", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("read the metrics: status %d", response.StatusCode)
	}
	found := false
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		metric, value, _ := strings.Cut(lines.Text(), " ")
		counts := strings.HasPrefix(metric, "ism_realtime_streams_ended_total{")
		if metric != "ism_realtime_streams_open" && !counts {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatalf("read the metrics: %q: %v", lines.Text(), err)
		}
		if counts {
			ended += n
		} else {
			open, found = n, true
		}
	}
	if err := lines.Err(); err != nil || !found {
		t.Fatalf("the metrics do not say how many streams are open: %v", err)
	}
	return open, ended
}
