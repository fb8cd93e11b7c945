package webclient

import (
	"context"
	"fmt"
	"iter"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

const (
	// mostRows is how many messages may be in the page, however many there are in the room.
	mostRows = 200
	// stride is by how much the timeline is scrolled each frame, pixels: less than its height, so that each message is seen.
	stride = 300
	// senders write the messages of a long room, and make many rooms, at a time.
	senders = 16
)

// scale is a number for the whole form of a test (make test-browser), and another for the brief one.
func scale(whole, brief int) int {
	if os.Getenv("ISM_TEST_BROWSER_ROUNDS") == "" {
		return brief
	}
	return whole
}

// scrolling is what a walk through a timeline has shown, and what the browser had to do for it. Times are milliseconds.
type scrolling struct {
	Problems []string `json:"problems"` // what was not as it should be, the first few
	Seen     int      `json:"seen"`     // messages that were seen, whole or in part
	Rows     int      `json:"rows"`     // in the page at once, at most
	Pixels   float64  `json:"pixels"`
	Took     float64  `json:"took"`
	Frames   int      `json:"frames"`
	Median   float64  `json:"median"` // of the times between two frames
	P95      float64  `json:"p95"`
	P99      float64  `json:"p99"`
	Longest  float64  `json:"longest"`
	Late     int      `json:"late"`    // frames that came more than one and a half sixtieths of a second after the one before
	Tasks    int      `json:"tasks"`   // of more than 50 ms
	Blocked  float64  `json:"blocked"` // by those
	Ended    bool     `json:"ended"`
}

// rate is how many frames a second there were.
func (s scrolling) rate() float64 { return float64(s.Frames-1) / s.Took * 1000 }

// scroll walks through a timeline, a stride a frame, until the message that is its goal is seen. Where it has scrolled to is what is seen first in the next frame, or what lies beyond that.
// It looks at what is there in the frame's own callback: behind what the client does with the scrolling, and as it is painted.
const scroll = `(history, direction, stride, goal, mostMs) => new Promise((resolve) => {
	const indexes = new Map(history.map((id, index) => [id, index]));
	const box = document.querySelector('.timeline');
	const result = { problems: [], rows: 0, pixels: 0, tasks: 0, blocked: 0, ended: false };
	const problem = (text) => result.problems.length < 10 && result.problems.push(text);
	const seen = new Set();
	const times = [];
	const observer = new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => { result.tasks++; result.blocked += duration; }));
	observer.observe({ type: 'longtask' });
	let before, rows = [];
	// What is in the page, whenever that has changed.
	const changed = () => {
		rows = [...box.querySelectorAll('[data-state]')];
		result.rows = Math.max(result.rows, rows.length);
		let last;
		for (const row of rows) {
			const index = indexes.get(row.dataset.message);
			if (index === undefined) problem('a row of no message: ' + row.outerHTML.slice(0, 200));
			else if (last !== undefined && index !== last + 1) problem('message ' + index + ' stands behind message ' + last);
			last = index;
		}
	};
	const changes = new MutationObserver(changed);
	changes.observe(box, { subtree: true, childList: true, attributeFilter: ['data-state', 'data-message'] });
	changed();
	const firstBelow = (edge, of) => {
		let low = 0, high = rows.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (of(rows[middle]) > edge) high = middle; else low = middle + 1;
		}
		return low;
	};
	const firstSeen = (top) => firstBelow(top, (row) => row.offsetTop + row.offsetHeight);
	const look = () => {
		const from = firstSeen(box.scrollTop), to = firstBelow(box.scrollTop + box.clientHeight - 1, (row) => row.offsetTop);
		for (const row of rows.slice(from, to)) seen.add(row.dataset.message);
		// The browser rounds heights, and where it scrolls to.
		const first = indexes.get(rows[firstSeen(box.scrollTop + 2 * direction)]?.dataset.message);
		if (first === undefined) return problem('no message is seen');
		if (before !== undefined && Math.sign(first - before) === -direction) problem('what is seen jumps from message ' + before + ' to ' + first);
	};
	const frame = (now) => {
		times.push(now);
		look();
		result.ended = seen.has(goal) && (goal !== history[0] || box.scrollTop <= 0) && (goal !== history.at(-1) || box.scrollHeight - box.scrollTop - box.clientHeight <= 1);
		if (result.ended || now - times[0] > mostMs) return done();
		const from = box.scrollTop;
		box.scrollTop += direction * stride;
		before = indexes.get(rows[firstSeen(box.scrollTop)]?.dataset.message);
		result.pixels += Math.abs(box.scrollTop - from);
		requestAnimationFrame(frame);
	};
	const done = () => {
		observer.disconnect();
		changes.disconnect();
		const between = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
		const at = (share) => between[Math.floor((between.length - 1) * share)] ?? 0;
		resolve({ ...result, seen: seen.size, took: times.at(-1) - times[0], frames: times.length, median: at(0.5), p95: at(0.95), p99: at(0.99), longest: at(1),
			late: between.filter((time) => time > 1.5 * 1000 / 60).length });
	};
	requestAnimationFrame(frame);
})`

// A room of many messages can be scrolled through, from the newest to the oldest and back: each message is seen, in order, and few are in the page at once.
func TestLongTimelineIsScrolledThrough(t *testing.T) {
	messages := scale(10_000, 1_200)
	d := deployment.OneProcess(t)
	alice := d.SignIn(t, "alice")
	begun := time.Now()
	room, history := longRoom(t, d, alice, messages)
	t.Logf("%d messages are written after %v", messages, time.Since(begun).Round(time.Millisecond))
	browser, _ := openBrowser(t, t.TempDir())
	one := openAtNewest(browser, t, d, room, history)
	before := one.heap()

	for direction, goal := range ends(history) {
		spent := one.spent()
		walk := one.scroll(direction, stride, goal)
		work := one.spent().since(spent)
		for _, problem := range walk.Problems {
			t.Errorf("direction %+d: %s", direction, problem)
		}
		if !walk.Ended {
			t.Errorf("direction %+d: the other end is not reached", direction)
		}
		if walk.Seen != len(history) {
			t.Errorf("direction %+d: %d messages are seen of %d", direction, walk.Seen, len(history))
		}
		if walk.Rows > mostRows {
			t.Errorf("direction %+d: %d messages are in the page", direction, walk.Rows)
		}
		t.Logf("direction %+d: %d messages, at most %d in the page, %.0f pixels in %.1f s: %.1f frames a second, %d of %d frames late; between frames median %.1f ms, "+
			"95 %% %.1f ms, 99 %% %.1f ms, longest %.1f ms; %d tasks of more than 50 ms, %.0f ms in all; a frame costs %s; load %s", direction, walk.Seen, walk.Rows, walk.Pixels, walk.Took/1000,
			walk.rate(), walk.Late, walk.Frames-1, walk.Median, walk.P95, walk.P99, walk.Longest, walk.Tasks, walk.Blocked, work.each(walk.Frames), load())
	}
	t.Logf("heap before %.1f MB, after %.1f MB", before/1e6, one.heap()/1e6)
	one.staysWhileMessagesCome(room, history, d.SignIn(t, "writer-1"))
}

// staysWhileMessagesCome goes far back, without anything being loaded, and looks whether it is still there when the client had to drop messages for those that came.
func (b *tab) staysWhileMessagesCome(room uuid.UUID, history []string, writer *deployment.User) {
	b.t.Helper()
	const back, come = 900, 300
	b.await("that all is read", "!document.querySelector('.rooms [aria-current] .badge')")
	if walk := b.scroll(-1, stride, history[len(history)-back]); !walk.Ended {
		b.t.Fatalf("it does not come %d messages back", back)
	}
	const where = `(() => {
		const box = document.querySelector('.timeline');
		const row = [...box.querySelectorAll('[data-message]')].find((row) => row.offsetTop + row.offsetHeight > box.scrollTop);
		return [row.dataset.message, Math.round((row.offsetTop - box.scrollTop) / 4)].join(' ');
	})()`
	before := evaluate[string](b, where)
	for n := range come {
		if err := sendOnce(b.t.Context(), writer, room, fmt.Sprintf("comes %d", n)); err != nil {
			b.t.Fatal(err)
		}
	}
	b.await("the count of those that have come", fmt.Sprintf("document.querySelector('.to-newest .badge')?.textContent === '%d'", come))
	if after := evaluate[string](b, where); after != before {
		b.t.Errorf("who looks at %s sees %s when %d messages have come", before, after, come)
	}
}

// Who leaps to the end of what is in the page, again and again, passes no message by, be those that leave the page much higher than those that come.
func TestLongTimelineIsScrolledInLeaps(t *testing.T) {
	const messages, alike = 600, 20 // as many of one height as the client takes from the page at once
	d := deployment.OneProcess(t)
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	made, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Leaps", Invited: []uuid.UUID{alice.ID, bob.ID}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range messages {
		if err := sendOnce(t.Context(), alice, made.ID, fmt.Sprintf("%d %s", n, strings.Repeat("word ", n/alike%2*200))); err != nil {
			t.Fatal(err)
		}
	}
	history := historyOf(t, alice, made.ID)
	browser, _ := openBrowser(t, t.TempDir())
	one := openAtNewest(browser, t, d, made.ID, history)
	const leap = 1 << 20 // farther than what is in the page is high
	for direction, goal := range ends(history) {
		walk := one.scroll(direction, leap, goal)
		for _, problem := range walk.Problems {
			t.Errorf("direction %+d: %s", direction, problem)
		}
		if !walk.Ended {
			t.Errorf("direction %+d: the other end is not reached", direction)
		}
	}
}

// openAtNewest has alice open a room, and gives the page its history, through which it is to be scrolled.
func openAtNewest(browser context.Context, t *testing.T, d *deployment.Deployment, room uuid.UUID, history []string) *tab {
	t.Helper()
	one := open(browser, t, at(t, d, "localhost"), "alice", chromedp.WithNewBrowserContext())
	one.signIn()
	one.hash("#/rooms/" + room.String())
	one.await("the newest message", "document.querySelector('[data-message="+quote(history[len(history)-1])+"]')")
	evaluate[string](one, "globalThis.__history = "+jsonOf(history)+"; ''")
	return one
}

// ends gives where to go through a room from its newest message, and in which direction: to the oldest, and back.
func ends(history []string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		_ = yield(-1, history[0]) && yield(1, history[len(history)-1])
	}
}

// scroll walks through the timeline that is open, so many pixels a frame, until a message is seen.
func (b *tab) scroll(direction, stride int, goal string) scrolling {
	b.t.Helper()
	most := pageTimeout + time.Duration(evaluate[int](b, "globalThis.__history.length"))*200*time.Millisecond
	ctx, cancel := context.WithTimeout(b.ctx, most+pageTimeout)
	defer cancel()
	walk, err := chromedp.Run(ctx, chromedp.Evaluate[scrolling](fmt.Sprintf("(%s)(globalThis.__history, %d, %d, %s, %d)", scroll, direction, stride, quote(goal), most.Milliseconds()), chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("scroll: %v\n%s", err, b.seen())
	}
	return walk
}

// heap is how much memory the page's script uses, bytes, without what is garbage.
func (b *tab) heap() (used float64) {
	b.t.Helper()
	b.call("measure the heap", func(ctx context.Context) error {
		if _, err := chromedp.Call(ctx, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
			return err
		}
		usage, err := chromedp.Call(ctx, runtime.GetHeapUsage, cdp.Empty{})
		used = usage.UsedSize
		return err
	})
	return used
}

// work is the processor's time that a page's main thread has spent, seconds: unlike the time between frames it is the same on a busy machine.
type work map[string]float64

// spent is what the page has spent so far.
func (b *tab) spent() work {
	b.t.Helper()
	spent := work{}
	b.call("measure the work", func(ctx context.Context) error {
		if _, err := chromedp.Call(ctx, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks}); err != nil {
			return err
		}
		result, err := chromedp.Call(ctx, performance.GetMetrics, cdp.Empty{})
		for _, metric := range result.Metrics {
			spent[metric.Name] = metric.Value
		}
		return err
	})
	return spent
}

func (w work) since(before work) work {
	spent := work{}
	for name, value := range w {
		spent[name] = value - before[name]
	}
	return spent
}

// each says what one of so many things has cost.
func (w work) each(times int) string {
	share := func(name string) float64 { return w[name] * 1000 / float64(times) }
	return fmt.Sprintf("%.1f ms of the processor's time, %.1f of them for scripts, %.1f for styles, %.1f for the layout", share("TaskDuration"), share("ScriptDuration"),
		share("RecalcStyleDuration"), share("LayoutDuration"))
}

// longRoom writes a room of several users full, and gives its history.
func longRoom(t *testing.T, d *deployment.Deployment, by *deployment.User, messages int) (room uuid.UUID, history []string) {
	t.Helper()
	writers, invited := []*deployment.User{by}, []uuid.UUID{by.ID}
	for len(writers) < senders {
		one := d.SignIn(t, fmt.Sprintf("writer-%d", len(writers)))
		writers, invited = append(writers, one), append(invited, one.ID)
	}
	made, err := by.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Long", Invited: invited})
	if err != nil {
		t.Fatal(err)
	}
	atATime(t, messages, func(ctx context.Context, worker, n int) error {
		return sendOnce(ctx, writers[worker], made.ID, fmt.Sprintf("%d %s", n, strings.Repeat("word ", n*7%60)))
	})
	history = historyOf(t, by, made.ID)
	if len(history) < messages {
		t.Fatalf("the history has %d of %d messages", len(history), messages)
	}
	return made.ID, history
}

// historyOf gives the ids of all messages of a room, the oldest first.
func historyOf(t *testing.T, by *deployment.User, room uuid.UUID) []string {
	t.Helper()
	all, err := by.History(t.Context(), room)
	if err != nil {
		t.Fatalf("read the history: %v", err)
	}
	ids := make([]string, 0, len(all))
	for _, message := range all {
		ids = append(ids, message.ID.String())
	}
	return ids
}

// atATime does something so many times, several at once.
func atATime(t *testing.T, times int, do func(ctx context.Context, worker, n int) error) {
	t.Helper()
	numbers := make(chan int)
	failed := make(chan error, senders)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var working sync.WaitGroup
	for worker := range senders {
		working.Go(func() {
			for n := range numbers {
				if err := do(ctx, worker, n); err != nil {
					failed <- err
					cancel()
					return
				}
			}
		})
	}
	for n := 0; n < times && ctx.Err() == nil; n++ {
		select {
		case numbers <- n:
		case <-ctx.Done():
		}
	}
	close(numbers)
	working.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
}

// load is what the machine has to do besides, as the kernel's average of the last minute says it.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	average, _, _ := strings.Cut(string(text), " ")
	return average
}
