package webclient

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/ism-chat/ism/test/deployment"
)

// ownPushService is in each page from its beginning: Chromium can be led to no other push service than its maker's, so that the page subscribes at the test's.
// What a page must not do with the real one, it must not do here. Notifications that a page takes away are noted.
const ownPushService = `((endpoint, keys) => {
	if (!('PushManager' in globalThis)) return; // a page of no origin
	const KEPT = '__subscription';
	const known = () => {
		const kept = JSON.parse(localStorage.getItem(KEPT));
		return kept && {
			endpoint, expirationTime: null, options: { userVisibleOnly: true, applicationServerKey: Uint8Array.from(kept).buffer },
			toJSON: () => ({ endpoint, expirationTime: null, keys }),
			unsubscribe: async () => { localStorage.removeItem(KEPT); return true; },
		};
	};
	PushManager.prototype.getSubscription = async () => known();
	PushManager.prototype.permissionState = async () => Notification.permission;
	PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
		if (!userVisibleOnly || Notification.permission !== 'granted') throw new DOMException('permission denied', 'NotAllowedError');
		const key = JSON.stringify([...new Uint8Array(applicationServerKey)]);
		if (known() && localStorage.getItem(KEPT) !== key) throw new DOMException('there is a subscription by another key', 'InvalidStateError');
		localStorage.setItem(KEPT, key);
		return known();
	};
	const { close } = Notification.prototype;
	Notification.prototype.close = function () {
		localStorage.setItem('__closed', JSON.stringify([...JSON.parse(localStorage.getItem('__closed') ?? '[]'), this.body]));
		return close.call(this);
	};
})`

// openAtPushService opens a tab that may notify, and subscribes at the test's push service.
func openAtPushService(chromium context.Context, t *testing.T, d *deployment.Deployment, service *pushService, name string, options ...chromedp.ContextOption) *tab {
	t.Helper()
	b := open(chromium, t, at(t, d, "localhost"), name, options...)
	encode := base64.RawURLEncoding.EncodeToString
	keys := map[string]string{"p256dh": encode(service.key.PublicKey().Bytes()), "auth": encode(service.auth)}
	b.call("have the page subscribe at the test's push service", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
			Source: fmt.Sprintf("%s(%s, %s)", ownPushService, quote(service.URL+"/browser"), jsonOf(keys)),
		})
		return err
	})
	b.call("allow notifications", func(ctx context.Context) error {
		_, err := chromedp.CallBrowser(ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: "notifications"}, Setting: browser.PermissionSettingGranted, Origin: b.origin(),
			BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
		})
		return err
	})
	return b
}

func (b *tab) origin() string { return strings.TrimSuffix(b.home, "/app/") }

// leave goes to a page of the origin that is not the client's: it has no stream, and sees what is shown.
func (b *tab) leave() {
	b.t.Helper()
	b.do(chromedp.Navigate(b.origin() + "/no-such-page"))
}

func (b *tab) subscribed() bool {
	b.t.Helper()
	return evaluate[bool](b, "localStorage.getItem('__subscription') !== null")
}

// key is the one with which the page has subscribed: the installation's.
func (b *tab) key() []byte {
	b.t.Helper()
	numbers := evaluate[[]int](b, "JSON.parse(localStorage.getItem('__subscription')) ?? []")
	key := make([]byte, len(numbers))
	for i, number := range numbers {
		key[i] = byte(number)
	}
	return key
}

// closed are the texts of the notifications that pages have taken away.
func (b *tab) closed() []string {
	b.t.Helper()
	return evaluate[[]string](b, "JSON.parse(localStorage.getItem('__closed') ?? '[]')")
}

// deliver hands a push to the service worker, as Chromium does with what a push service sends.
func (b *tab) deliver(said []byte) {
	b.t.Helper()
	b.call("deliver a push", func(ctx context.Context) error {
		known := make(chan serviceworker.RegistrationID, 1)
		listening, stop := context.WithCancel(ctx)
		defer stop()
		err := chromedp.Listen(listening, func(event any) {
			updated, ok := event.(*serviceworker.EventWorkerRegistrationUpdated)
			if !ok {
				return
			}
			for _, registration := range updated.Registrations {
				if registration.ScopeURL == b.home && !registration.IsDeleted {
					select {
					case known <- registration.RegistrationID:
					default: // one is enough
					}
				}
			}
		})
		if err != nil {
			return err
		}
		if _, err := chromedp.Call(ctx, serviceworker.Enable, cdp.Empty{}); err != nil { // tells of those that there are
			return err
		}
		defer func() { _, _ = chromedp.Call(ctx, serviceworker.Disable, cdp.Empty{}) }()
		select {
		case id := <-known:
			_, err := chromedp.Call(ctx, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{Origin: b.origin(), RegistrationID: id, Data: string(said)})
			return err
		case <-ctx.Done():
			return fmt.Errorf("there is no service worker: %w", ctx.Err())
		}
	})
}

// shown is a notification as the browser shows it.
type shown struct {
	Title string   `json:"title"`
	Body  string   `json:"body"`
	Tag   string   `json:"tag"`
	Room  string   `json:"room"`
	Data  []string `json:"data"` // the names of what it keeps for the click
}

const readShown = `navigator.serviceWorker.getRegistration('/app/').then((registration) => registration?.getNotifications() ?? [])
	.then((all) => all.map(({ title, body, tag, data }) => ({ title, body, tag, room: data?.roomId ?? '', data: Object.keys(data ?? {}) })))`

const readWorkers = `navigator.serviceWorker.getRegistrations().then((all) => JSON.stringify(all.map(({ scope, active, waiting, installing }) => [scope, active?.state, waiting?.state, installing?.state])))`

// tells hands a push to the service worker, and waits until the browser shows these notifications, and no others. Who asks Chromium for notifications between two
// moments of one being shown has it forgotten: the push is handed over again then, and takes the place of itself.
func (b *tab) tells(said []byte, want ...shown) {
	b.t.Helper()
	for end := time.Now().Add(pageTimeout); ; {
		b.deliver(said)
		got, so := b.shows(5*time.Second, want)
		if so {
			return
		}
		if time.Now().After(end) {
			b.isNotShown(got, want)
		}
	}
}

// awaitShown waits until the browser shows these notifications, and no others.
func (b *tab) awaitShown(want ...shown) {
	b.t.Helper()
	if got, so := b.shows(pageTimeout, want); !so {
		b.isNotShown(got, want)
	}
}

func (b *tab) isNotShown(got, want []shown) {
	b.t.Helper()
	b.t.Fatalf("%s is shown %+v, want %+v; pages have taken away %q; of workers there are %s", b.name, got, want, b.closed(), evaluate[string](b, readWorkers))
}

// shows waits for so long until the browser shows these notifications, ordered by their titles, and no others, and gives what it showed last.
func (b *tab) shows(most time.Duration, want []shown) (got []shown, so bool) {
	b.t.Helper()
	for end := time.Now().Add(most); ; <-time.After(30 * time.Millisecond) {
		got = evaluate[[]shown](b, readShown)
		slices.SortFunc(got, func(x, y shown) int { return strings.Compare(x.Title, y.Title) })
		if jsonOf(got) == jsonOf(want) || len(got)+len(want) == 0 {
			return got, true
		}
		if time.Now().After(end) {
			return got, false
		}
	}
}

// clickNotification has the service worker told that a notification was clicked, and gives the address for which it opens a window, if it does. A click that is not
// the system's may open none.
func (b *tab) clickNotification(tag string) string {
	b.t.Helper()
	worker, end := chromedp.NewContext(b.ctx, chromedp.WithTargetID(b.worker()), chromedp.WithDetachOnCancel()) // not closed: it may be at work for the next step by then
	defer end()
	opened, err := chromedp.Run(worker, chromedp.Evaluate[string](`(async (tag) => {
	const [notification] = await registration.getNotifications({ tag });
	let opened = '';
	clients.openWindow = async (url) => void (opened = url);
	const works = [];
	const event = new NotificationEvent('notificationclick', { notification });
	event.waitUntil = (work) => works.push(work);
	dispatchEvent(event);
	await Promise.allSettled(works);
	return opened;
})(`+quote(tag)+`)`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("click on a notification: %v", err)
	}
	return opened
}

// worker has the service worker run, which ends when it has nothing to do, and gives its target.
func (b *tab) worker() (id target.ID) {
	b.t.Helper()
	b.call("start the service worker", func(ctx context.Context) error {
		if _, err := chromedp.Call(ctx, serviceworker.Enable, cdp.Empty{}); err != nil {
			return err
		}
		defer func() { _, _ = chromedp.Call(ctx, serviceworker.Disable, cdp.Empty{}) }()
		for {
			if _, err := chromedp.Call(ctx, serviceworker.StartWorker, serviceworker.StartWorkerParams{ScopeURL: b.home}); err != nil {
				return err
			}
			all, err := chromedp.Targets(ctx)
			if err != nil {
				return err
			}
			for _, one := range all {
				if one.Type == "service_worker" && one.URL == b.home+"sw.js" {
					id = one.TargetID
					return nil
				}
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return fmt.Errorf("there is none among %d targets: %w", len(all), ctx.Err())
			}
		}
	})
	return id
}
