// Package webclient uses the web client as users do: in Chromium, against one process with its development identity provider.
package webclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/test/deployment"
)

// pageTimeout is how long a page may take for what it does by itself, on a slow machine that other things use too.
const pageTimeout = 2 * time.Minute

// openBrowser starts Chromium on a profile, until the test ends or the browser is closed.
func openBrowser(t *testing.T, profile string) (browser context.Context, kill func()) {
	t.Helper()
	// It runs as root in CI, where it cannot use its sandbox.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(enginetest.Installed(t, "chromium")), chromedp.NoSandbox, chromedp.Flag("disable-gpu", true),
		chromedp.Flag("lang", "en"), chromedp.UserDataDir(profile))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...) // the test's own context ends before its cleanup
	browser, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	kill = sync.OnceFunc(func() { cancel(); end() })
	t.Cleanup(kill)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	if _, err := chromedp.Run(browser, chromedp.Location()); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return browser, kill
}

// tab is a page of one user.
type tab struct {
	t    *testing.T
	name string
	ctx  context.Context
	home string // the address of the client

	mu       sync.Mutex
	problems []string // refusals by the policy, dialogs: what must not be
}

// watch is in each page from its beginning. What the policy refuses is kept for the test.
const watch = `globalThis.__refused = []; addEventListener('securitypolicyviolation', (event) => globalThis.__refused.push(event.violatedDirective + ' ' + event.blockedURI));`

// open opens a tab. Users who are not in one browser context know nothing of each other.
func open(browser context.Context, t *testing.T, home, name string, options ...chromedp.ContextOption) *tab {
	t.Helper()
	b := &tab{t: t, name: name, home: home}
	ctx, cancel := chromedp.NewContext(browser, append(options, chromedp.WithListener(b.heed))...)
	t.Cleanup(cancel)
	b.ctx = ctx
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch}); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	b.call("enable the log and the network", func(ctx context.Context) error {
		_, log := chromedp.Call(ctx, cdplog.Enable, cdp.Empty{})
		_, net := chromedp.Call(ctx, network.Enable, network.EnableParams{})
		return errors.Join(log, net)
	})
	b.do(chromedp.EmulateViewport(1200, 800))
	return b
}

// heed notes what a page must not do.
func (b *tab) heed(event any) {
	var problem string
	switch event := event.(type) {
	case *page.EventJavascriptDialogOpening:
		problem = "a dialog: " + event.Message
	case *cdplog.EventEntryAdded:
		if text := event.Entry.Text; strings.Contains(text, "Content Security Policy") || strings.Contains(text, "TrustedHTML") {
			problem = text
		}
	}
	if problem != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.problems = append(b.problems, problem)
	}
}

// refused is what the policy has refused in this tab, or what a dialog said.
func (b *tab) refused() []string {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	return append(append([]string(nil), b.problems...), evaluate[[]string](b, "globalThis.__refused ?? []")...)
}

func (b *tab) call(what string, work func(ctx context.Context) error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pageTimeout)
	defer cancel()
	if err := work(ctx); err != nil {
		b.t.Fatalf("%s: %s: %v\n%s", b.name, what, err, b.seen())
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	b.call("use the page", func(ctx context.Context) error { return chromedp.Do(ctx, steps...) })
}

// evaluate gives the value of an expression in the page.
func evaluate[T any](b *tab, expression string) T {
	b.t.Helper()
	var value T
	b.call("look at "+expression, func(ctx context.Context) (err error) {
		value, err = chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
		return err
	})
	return value
}

// seen is the text of the page, for whoever wants to know why a test fails.
func (b *tab) seen() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href + '\\n' + JSON.stringify("+readRows+") + '\\n' + document.body?.innerText"))
	if err != nil {
		return "the page does not answer: " + err.Error()
	}
	return text
}

// await waits until the expression is true. A page that is being left is asked again.
func (b *tab) await(what, expression string) {
	b.t.Helper()
	deadline := time.After(pageTimeout)
	poll := time.NewTicker(30 * time.Millisecond)
	defer poll.Stop()
	for {
		ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
		so, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("(async () => Boolean("+expression+"))()", chromedp.EvalAwaitPromise))
		cancel()
		if err == nil && so {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			b.t.Fatalf("%s: waited in vain for %s (%v)\n%s", b.name, what, err, b.seen())
		}
	}
}

// go to a place within the client.
func (b *tab) open(hash string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.home + hash))
}

// hash goes to a place within the page, as a link does.
func (b *tab) hash(hash string) {
	b.t.Helper()
	evaluate[string](b, "location.hash = "+quote(hash))
}

// still is whether an element can be clicked, and has been where it is for two frames: a click goes to a place, not to an element.
const still = `(async (selector) => {
	const place = () => {
		const found = document.querySelector(selector);
		return found && !found.disabled ? JSON.stringify(found.getBoundingClientRect()) : '';
	};
	const frame = () => new Promise((resume) => { requestAnimationFrame(resume); setTimeout(resume, 1000); });
	const before = place();
	await frame();
	await frame();
	return before !== '' && before === place();
})`

func (b *tab) click(selector string) {
	b.t.Helper()
	b.await(selector, "await "+still+"("+quote(selector)+")")
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// write puts a text into a field, as typing does.
func (b *tab) write(selector, text string) {
	b.t.Helper()
	b.await(selector, "document.querySelector("+quote(selector)+")")
	b.do(chromedp.Focus(chromedp.CSS(selector)))
	b.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// signIn goes to the client and signs in by the form of the identity provider: the development one asks for a name alone, Keycloak's users of
// the demo have it as their password too.
func (b *tab) signIn() {
	b.t.Helper()
	b.open("")
	b.click("button[name=sign-in]")
	b.write("input[name=user], input[name=username]", b.name)
	if evaluate[bool](b, "Boolean(document.querySelector('input[name=password]'))") {
		b.write("input[name=password]", b.name)
	}
	b.do(chromedp.Click(chromedp.CSS("[type=submit]")))
	b.awaitLive()
}

func (b *tab) awaitLive() {
	b.t.Helper()
	b.await("the connection", "document.querySelector('[data-connection=live]')")
}

// send writes a message in the room that is open.
func (b *tab) send(text string) {
	b.t.Helper()
	b.write("textarea[name=text]", text)
	b.click("button[name=send]")
}

// readRows are the messages as the page shows them.
const readRows = `[...document.querySelectorAll('[data-state]')].map((row) => ({
	id: row.dataset.message ?? '', clientId: row.dataset.clientId ?? '', state: row.dataset.state, text: row.querySelector('[data-text]')?.textContent ?? '' }))`

// awaitText waits until a message is there in a state, and fails where there is more than one of it.
func (b *tab) awaitText(text, state string) {
	b.t.Helper()
	matching := "(" + readRows + ").filter(({ text }) => text === " + quote(text) + ")"
	b.await(fmt.Sprintf("%q to be %s", text, state), matching+".length > 0 && "+matching+".every(({ state }) => state === "+quote(state)+")")
	if n := evaluate[int](b, matching+".length"); n != 1 {
		b.t.Errorf("%s: %q is there %d times", b.name, text, n)
	}
}

// offline cuts the tab's network, or gives it back.
func (b *tab) offline(cut bool) {
	b.t.Helper()
	b.call("cut the network", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{DownloadThroughput: -1, UploadThroughput: -1, Offline: cut}},
		})
		if err != nil {
			return err
		}
		_, err = chromedp.Call(ctx, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: cut, DownloadThroughput: -1, UploadThroughput: -1})
		return err
	})
}

// dark has the page prefer dark colours, or light ones.
func (b *tab) dark(dark bool) {
	b.t.Helper()
	scheme := map[bool]string{true: "dark", false: "light"}[dark]
	b.call("choose colours", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	})
}

// picture keeps what the tab shows, for looking at, and gives it.
func (b *tab) picture(name string) []byte {
	b.t.Helper()
	var png []byte
	b.call("take a picture", func(ctx context.Context) (err error) {
		png, err = chromedp.Run(ctx, chromedp.CaptureScreenshot())
		return err
	})
	dir := filepath.Join("..", "..", ".cache", "web-client")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)); err != nil {
		b.t.Fatal(err)
	}
	return png
}

// quote is a text as a script has it.
func quote(text string) string { return jsonOf(text) }

func jsonOf(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts and numbers can be encoded
	}
	return string(encoded)
}

// at is where the client of a deployment is, by one of the names of this machine.
func at(t *testing.T, d *deployment.Deployment, host string) string {
	t.Helper()
	base, err := url.Parse(d.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + host + ":" + base.Port() + "/app/"
}
