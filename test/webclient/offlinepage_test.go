package webclient

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/ism-chat/ism/clients/web"
)

// awaitKept waits until the service worker has the app: from then on it starts without a network. The page itself may be without a controller until it is loaded
// anew: a worker cannot claim one that is on its way.
func (b *tab) awaitKept() {
	b.t.Helper()
	b.await("the app to be kept", "(await navigator.serviceWorker.getRegistration())?.active?.state === 'activated'")
}

// reload loads the page anew, whatever there is for it.
func (b *tab) reload() {
	b.t.Helper()
	evaluate[int](b, "(globalThis.__before = true, setTimeout(() => location.reload()), 0)")
	b.await("another page", "!globalThis.__before && document.readyState === 'complete'")
}

// kept is all that the caches of the page's origin have: addresses and contents.
const kept = `caches.keys().then(async (names) => {
	const all = [];
	for (const name of names) {
		const cache = await caches.open(name);
		for (const request of await cache.keys()) all.push(request.url + ' ' + await (await cache.match(request)).text());
	}
	return all;
})`

// keptTimelines is what the page has kept of timelines, as JSON.
const keptTimelines = `(async () => {
	const done = (request) => new Promise((resolve, reject) => { request.onsuccess = () => resolve(request.result); request.onerror = reject; });
	const kept = (await indexedDB.databases()).find(({ name }) => name.startsWith('ism.seen'));
	if (!kept) return '';
	const db = await done(indexedDB.open(kept.name));
	try {
		return JSON.stringify(await done(db.transaction('timelines').objectStore('timelines').getAll()));
	} finally {
		db.close();
	}
})()`

// Without a network, and without a server, a reload shows the client: it says that it is offline, and what is written then is sent later.
func TestTheClientStartsOffline(t *testing.T) {
	c := startChat(t)
	c.alice.awaitKept()

	c.alice.offline(true)
	c.alice.reload()
	c.alice.await("the page to say so", "document.querySelector('[data-connection=offline]')")
	c.alice.send("written after a reload without a network")
	c.alice.awaitText("written after a reload without a network", "sending")
	c.alice.reload()
	c.alice.awaitText("written after a reload without a network", "sending")
	c.alice.offline(false)
	c.alice.awaitText("written after a reload without a network", "sent")
	c.bob.awaitText("written after a reload without a network", "sent")

	c.d.Kill(t, "ism")
	c.alice.reload()
	c.alice.await("the connection's state", "document.querySelector('[data-connection]:not([data-connection=live])')")
	c.alice.send("written to nobody")
	c.alice.awaitText("written to nobody", "sending")
	c.d.Restart(t, "ism")
	c.alice.awaitText("written to nobody", "sent")
	c.compare(t)

	addresses := evaluate[[]string](c.alice, kept)
	if len(addresses) < 5 {
		t.Errorf("the caches have only %d files", len(addresses))
	}
	for _, one := range addresses {
		address, _, _ := strings.Cut(one, " ")
		name, under := strings.CutPrefix(address, c.alice.home)
		if !under || strings.ContainsAny(name, "/?#") || strings.Contains(one, "written after") || strings.Contains(one, "written to") || strings.Contains(one, "eyJ") {
			t.Errorf("the caches have %s", address)
		}
	}
	for _, one := range []*tab{c.alice, c.bob} {
		if refused := one.refused(); len(refused) > 0 {
			t.Errorf("%s: %q", one.name, refused)
		}
	}
}

// A new version is there at the next load with a network, also without one from then on, and nothing is left of the old one.
func TestANewVersionTakesOver(t *testing.T) {
	client, err := web.New(web.Config{Issuer: "https://id.invalid", ClientID: "ism-web", Scope: "openid"})
	if err != nil {
		t.Fatal(err)
	}
	page := content(t, client, "index.html")
	next := strings.Replace(page, "<title>ISM</title>", "<title>ISM 2</title>", 1)
	worker := content(t, client, "sw.js")
	_, after, found := strings.Cut(worker, `version:"`)
	version, _, _ := strings.Cut(after, `"`)
	if !found || version == "" || !strings.Contains(worker, integrity(page)) {
		t.Fatalf("the worker names no version or not its page: %.300s", worker)
	}
	newer := strings.NewReplacer(version, "next", integrity(page), integrity(next)).Replace(worker)

	var second, cut atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, found := client.Find(r.URL.Path)
		if !found || cut.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		for _, header := range client.SecurityHeaders() {
			w.Header().Set(header[0], header[1])
		}
		w.Header().Set("Content-Type", file.Type)
		w.Header().Set("Cache-Control", file.CacheControl)
		body := file.Content
		switch name := strings.TrimPrefix(r.URL.Path, web.Path); {
		case second.Load() && name == "sw.js":
			body = []byte(newer)
		case second.Load() && (name == "" || name == "index.html"):
			body = []byte(next)
		}
		_, _ = w.Write(body)
	}))
	defer server.Close()

	browser, _ := openBrowser(t, t.TempDir())
	one := open(browser, t, server.URL+web.Path, "anybody")
	// The page sets its own title once it runs: what came is in the document's markup.
	titled := func(title string) string { return "document.title === " + quote(title) }
	one.open("")
	one.awaitKept()
	cut.Store(true)
	one.reload()
	one.await("the first version without a server", titled("ISM"))
	one.await("the first screen", "document.querySelector('button[name=sign-in]')")

	cut.Store(false)
	second.Store(true)
	one.reload()
	one.await("the second version", titled("ISM 2"))
	one.await("what was kept of the first to be gone",
		"(caches.keys().then((names) => globalThis.__kept = names), globalThis.__kept?.includes('ism-app-next') && !globalThis.__kept.includes("+quote("ism-app-"+version)+"))")
	cut.Store(true)
	one.reload()
	one.await("the second version without a server", titled("ISM 2"))
	if refused := one.refused(); len(refused) > 0 {
		t.Errorf("%q", refused)
	}
	one.do(chromedp.Navigate("about:blank"))
}

func content(t *testing.T, client *web.Client, name string) string {
	t.Helper()
	file, found := client.Find(web.Path + name)
	if !found {
		t.Fatalf("there is no %s", name)
	}
	return string(file.Content)
}

// integrity is that of a content, as Subresource Integrity writes it.
func integrity(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// What was seen last is shown without a network, and said to be that; what is half written is there as well. Signing out leaves neither.
func TestWhatWasSeenLastIsShownOffline(t *testing.T) {
	c := startChat(t)
	if _, err := c.byBob.SendText(t.Context(), c.room, "seen before"); err != nil {
		t.Fatal(err)
	}
	c.alice.awaitText("seen before", "sent")
	c.alice.awaitKept()
	c.alice.await("what is seen to be kept", "(await "+keptTimelines+").includes('seen before')")
	c.alice.write("textarea[name=text]", "half a sen")
	c.alice.offline(true)
	c.alice.reload()
	c.alice.awaitText("seen before", "sent")
	c.alice.await("the room", "document.querySelector('[data-room="+quote(c.room.String())+"]')?.textContent.includes('Lunch')")
	c.alice.await("both to be said to be what was seen last", "document.querySelectorAll('.list [data-seen], .room [data-seen]').length === 2")
	c.alice.await("the sender's name", "document.querySelector('.sender')?.textContent.includes('bob')")
	c.alice.await("the draft", "document.querySelector('textarea[name=text]').value === 'half a sen'")
	if _, err := c.byBob.SendText(t.Context(), c.room, "unseen"); err != nil {
		t.Fatal(err)
	}
	c.alice.offline(false)
	c.alice.awaitText("unseen", "sent")
	c.alice.await("nothing to be said any more", "!document.querySelector('[data-seen]')")
	c.compare(t)

	c.alice.hash("#/settings")
	c.alice.click("button[name=sign-out]")
	c.alice.await("the first screen", "document.querySelector('button[name=sign-in]')")
	c.alice.await("nothing to be left", `(indexedDB.databases().then((all) => globalThis.__left = all.filter(({ name }) => name.startsWith('ism.seen')).length + Object.keys(localStorage)
		.filter((key) => key.startsWith('ism.draft')).length), globalThis.__left === 0)`)
	if refused := c.alice.refused(); len(refused) > 0 {
		t.Errorf("%q", refused)
	}
}
