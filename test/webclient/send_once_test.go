package webclient

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// What was sent is sent once, however soon behind the button the page is gone: loaded anew, or killed.
func TestWhatIsSentAsThePageGoesIsSentOnce(t *testing.T) {
	seed := seedOf(t)
	t.Logf("ISM_TEST_BROWSER_SEED=%d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	d := deployment.OneProcess(t, deployment.Settings{"ISM_DEV_IDP_TOKEN_LIFE": "24h"})
	byAlice, byBob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room, err := byAlice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Lunch", Invited: []uuid.UUID{byAlice.ID, byBob.ID}})
	if err != nil {
		t.Fatal(err)
	}
	browser, _ := openBrowser(t, t.TempDir())
	enter := func(one *tab) *tab {
		one.signIn()
		one.hash("#/rooms/" + room.ID.String())
		one.await("the composer", "document.querySelector('textarea[name=text]')")
		return one
	}
	bob := enter(open(browser, t, at(t, d, "localhost"), "bob", chromedp.WithNewBrowserContext()))
	alice := enter(open(browser, t, at(t, d, "localhost"), "alice"))
	reloads, kills := 3, 1
	if os.Getenv("ISM_TEST_BROWSER_ROUNDS") != "" {
		reloads, kills = rounds(t)/4, rounds(t)/8
	}
	var texts []string
	for n := range reloads + kills {
		delay := time.Duration(chance.IntN(301)) * time.Millisecond
		if n%4 == 0 {
			delay = 0 // what was clicked is all that has happened
		}
		text := fmt.Sprintf("%d, then gone after %v", n, delay)
		alice.write("textarea[name=text]", text)
		alice.click("button[name=send]")
		time.Sleep(delay)
		if n < reloads {
			alice.do(chromedp.Reload())
		} else {
			kill(alice)
			alice = enter(open(browser, t, at(t, d, "localhost"), "alice"))
		}
		texts = append(texts, text)
		for _, one := range []*tab{alice, bob} {
			one.awaitText(text, "sent")
		}
	}
	history, err := byBob.History(t.Context(), room.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if n := countOf(history, text); n != 1 {
			t.Errorf("%q is in the history %d times", text, n)
		}
	}
}

// kill ends the process that the tab's page runs in, as when it crashes.
func kill(one *tab) {
	ctx, cancel := context.WithTimeout(one.ctx, 5*time.Second)
	defer cancel()
	_, _ = chromedp.Call(ctx, page.Crash, cdp.Empty{}) // nobody is left to answer
}

func countOf(history []wire.Message, text string) (n int) {
	for _, message := range history {
		if strings.Contains(string(message.Body), jsonOf(text)) {
			n++
		}
	}
	return n
}

// However often the button is hit, and however, a text is sent once.
func TestASendThatIsHitTwiceIsOneMessage(t *testing.T) {
	c := startChat(t)
	hits := []struct {
		name string
		do   func(*tab)
	}{
		{"a double click", func(b *tab) { b.do(chromedp.DoubleClick(chromedp.CSS("button[name=send]"))) }},
		{"two clicks at once", func(b *tab) {
			evaluate[bool](b, "((button) => { button.click(); button.click(); return true; })(document.querySelector('button[name=send]'))")
		}},
		{"Enter and a click at once", func(b *tab) {
			var hitting sync.WaitGroup
			for _, hit := range []chromedp.Action[chromedp.Void]{chromedp.KeyEvent("\r"), chromedp.Click(chromedp.CSS("button[name=send]"))} {
				hitting.Go(func() {
					if err := chromedp.Do(b.ctx, hit); err != nil {
						t.Errorf("hit: %v", err)
					}
				})
			}
			hitting.Wait()
		}},
		{"Enter twice in one turn", func(b *tab) {
			evaluate[bool](b, `((box) => {
				for (let n = 0; n < 2; n++) box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
				return true;
			})(document.querySelector('textarea[name=text]'))`)
		}},
	}
	for _, hit := range hits {
		c.alice.write("textarea[name=text]", hit.name)
		c.alice.await("the button", "!document.querySelector('button[name=send]').disabled")
		hit.do(c.alice)
		// What a key writes comes apart from the key here, so a click between them leaves a line break.
		c.alice.await("the text to be gone", "document.querySelector('textarea[name=text]').value.trim() === ''")
		c.alice.awaitText(hit.name, "sent")
	}
	c.alice.send("the end")
	c.bob.awaitText("the end", "sent")
	history, err := c.byBob.History(t.Context(), c.room)
	if err != nil {
		t.Fatal(err)
	}
	for _, hit := range hits {
		if n := countOf(history, hit.name); n != 1 {
			t.Errorf("%s sends %d messages", hit.name, n)
		}
	}
	c.compare(t)
}

// An answer that does not come, or half of it, leaves one message: the send is tried again by its name.
func TestASendWhoseAnswerIsCutIsOneMessage(t *testing.T) {
	c := startChat(t)
	cuts := []struct {
		name string
		cut  func(ctx context.Context, request fetch.RequestID) error
	}{
		{"no answer", func(ctx context.Context, request fetch.RequestID) error {
			_, err := chromedp.Call(ctx, fetch.FailRequest, fetch.FailRequestParams{RequestID: request, ErrorReason: network.ErrorReasonConnectionReset})
			return err
		}},
		{"half an answer", func(ctx context.Context, request fetch.RequestID) error {
			_, err := chromedp.Call(ctx, fetch.FulfillRequest, fetch.FulfillRequestParams{
				RequestID: request, ResponseCode: 200, ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type", Value: "application/json"}}, Body: []byte(`{"messageId":"0`),
			})
			return err
		}},
		{"a proxy's answer", func(ctx context.Context, request fetch.RequestID) error {
			_, err := chromedp.Call(ctx, fetch.FulfillRequest, fetch.FulfillRequestParams{
				RequestID: request, ResponseCode: 502, ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type", Value: "text/html"}}, Body: []byte("<h1>Bad gateway</h1>"),
			})
			return err
		}},
	}
	for i, cut := range cuts {
		left := c.alice.cutAnswers(2, cut.cut)
		c.alice.send(cut.name)
		c.alice.awaitText(cut.name, "sent")
		c.bob.awaitText(cut.name, "sent")
		c.alice.send("behind it") // those of a room are sent in their order, so nothing is tried any more
		c.alice.await("what is behind it", "("+readRows+").filter(({ text, state }) => text === 'behind it' && state === 'sent').length === "+strconv.Itoa(i+1))
		if n := left(); n != 0 {
			t.Errorf("%s: %d answers were not cut", cut.name, n)
		}
	}
	history, err := c.byBob.History(t.Context(), c.room)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range cuts {
		if n := countOf(history, cut.name); n != 1 {
			t.Errorf("%s: %d messages", cut.name, n)
		}
	}
	c.compare(t)
}

// cutAnswers has the next so many answers to sends go wrong, once the server has given them. It gives what tells how many are left, and ends it.
func (b *tab) cutAnswers(count int, cut func(ctx context.Context, request fetch.RequestID) error) (left func() int) {
	b.t.Helper()
	var mu sync.Mutex
	ctx, cancel := context.WithCancel(b.ctx)
	err := chromedp.Listen(ctx, func(event any) {
		paused, ok := event.(*fetch.EventRequestPaused)
		if !ok {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		do := func(ctx context.Context, request fetch.RequestID) error {
			_, err := chromedp.Call(ctx, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: request})
			return err
		}
		if count > 0 && paused.ResponseStatusCode > 0 {
			count--
			do = cut
		}
		go func() { // a listener must not wait for what it would be told of
			if err := do(ctx, paused.RequestID); err != nil && ctx.Err() == nil {
				b.t.Errorf("cut an answer: %v", err)
			}
		}()
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.call("look at answers", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "*/api/send-msg*", RequestStage: fetch.RequestStageResponse}}})
		return err
	})
	return func() int {
		b.call("look no more", func(ctx context.Context) error {
			_, err := chromedp.Call(ctx, fetch.Disable, cdp.Empty{})
			return err
		})
		cancel()
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}
