package notifications_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/services/notifications"
)

// operate calls a command of the program with the token of these claims, and gives its exit code and what it wrote.
func (w *world) operate(claims map[string]any, args ...string) (code int, stdout, stderr string) {
	w.tb.Helper()
	all := w.issuer.Claims(backendUser, "shop")
	for name, value := range claims {
		all[name] = value
	}
	return operate(w.tb, []string{"ISM_URL=" + w.base, "ISM_TOKEN=" + w.issuer.Sign(w.tb, all)}, args...)
}

func operate(tb testing.TB, environ []string, args ...string) (code int, stdout, stderr string) {
	tb.Helper()
	commands := notifications.Operate(environ)
	at := slices.IndexFunc(commands, func(c deployable.Command) bool { return c.Name == args[0] })
	if at < 0 {
		tb.Fatalf("there is no command %s", args[0])
	}
	var out, errs bytes.Buffer
	code = commands[at].Main("notifications", args[1:], &out, &errs)
	return code, out.String(), errs.String()
}

// does calls a command that must succeed, and gives what it prints.
func (w *world) does(args ...string) string {
	w.tb.Helper()
	code, stdout, stderr := w.operate(backend, args...)
	if code != 0 || stderr != "" {
		w.tb.Fatalf("%v: exit code %d: %s%s", args, code, stdout, stderr)
	}
	return stdout
}

// tells is [world.does] with --json, read into target.
func (w *world) tells(target any, args ...string) {
	w.tb.Helper()
	if err := json.Unmarshal([]byte(w.does(append(args, "--json")...)), target); err != nil {
		w.tb.Fatalf("%v: %v", args, err)
	}
}

func TestAnOperatorLooksAfterWebhooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var status atomic.Int64
	status.Store(http.StatusOK)
	backend := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) })
	var made hook
	w.tells(&made, "webhooks", "create", backend.URL, "dev.ism.message.created", "--description", "ours\x1b[2J\n", "--ordered", "dev.ism.room.ended", "--concurrency", "3")
	id := made.ID.String()
	if !strings.HasPrefix(made.Secret, "whsec_") || !made.Ordered || made.Concurrency != 3 || len(made.Types) != 2 {
		t.Errorf("made is %+v", made)
	}
	var all []hook
	if w.tells(&all, "webhooks", "list"); len(all) != 1 || all[0].ID != made.ID || all[0].Secret != "" {
		t.Errorf("listed are %+v", all)
	}
	if got := w.does("webhooks", "list"); !strings.Contains(got, id) || strings.Contains(got, "\x1b") || strings.Count(got, "\n") != 2 {
		t.Errorf("the table is %q", got)
	}
	if got := w.does("webhooks", "pause", id); !strings.Contains(got, "paused") {
		t.Errorf("paused it is %s", got)
	}
	if code, stdout, stderr := w.operate(map[string]any{"azp": backendClient}, "webhooks", "test", id); code != 1 || stdout != "" ||
		!strings.Contains(stderr, "Webhook not active (webhook-not-active, status 409)") || strings.Contains(stderr, "unknown") || !strings.Contains(stderr, "trace id ") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	if got := w.does("webhooks", "resume", id); !strings.Contains(got, "active") {
		t.Errorf("resumed it is %s", got)
	}
	var rotated struct{ Secret string }
	if w.tells(&rotated, "webhooks", "rotate", id, "--overlap", "0s"); rotated.Secret == made.Secret {
		t.Errorf("rotated is %+v", rotated)
	}
	var tested deliveryAnswer
	w.tells(&tested, "webhooks", "test", id)
	verified(t, rotated.Secret, backend.await(t, 1)[0])
	w.deliveries(made.ID, "delivered", 1)
	if got := w.does("webhooks", "delivery", id, tested.ID.String()); !strings.Contains(got, "dev.ism.webhook.tested") || !strings.Contains(got, "200") {
		t.Errorf("the delivery is %s", got)
	}
	if got := w.does("webhooks", "replay", id, tested.ID.String()); !strings.Contains(got, "1") {
		t.Errorf("replayed is %s", got)
	}
	backend.await(t, 2)
	if code, _, stderr := w.operate(map[string]any{"azp": backendClient}, "webhooks", "delete", id); code != 1 || !strings.Contains(stderr, "--yes") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	w.does("webhooks", "delete", "--yes", id)
	if code, _, stderr := w.operate(map[string]any{"azp": backendClient}, "webhooks", "show", id); code != 1 || !strings.Contains(stderr, "webhook-not-found, status 404") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestAnOperatorSendsDeadLettersAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var status atomic.Int64
	status.Store(http.StatusGone)
	backend := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) })
	made := w.newHook(`{"url":"` + backend.URL + `","types":["dev.ism.message.created"]}`)
	id := made.ID.String()
	w.happen(messageIn(uuid.New(), "a"))
	given := w.deliveries(made.ID, "given-up", 1)[0]
	status.Store(http.StatusOK)
	var dead []struct {
		WebhookID uuid.UUID
		deliveryAnswer
	}
	if w.tells(&dead, "dead-letters", "list"); len(dead) != 1 || dead[0].WebhookID != made.ID || dead[0].ID != given.ID || *dead[0].Status != http.StatusGone {
		t.Errorf("dead letters are %+v", dead)
	}
	if got := w.does("dead-letters", "list", id, "--limit", "1"); !strings.Contains(got, given.ID.String()) || !strings.Contains(got, "410") {
		t.Errorf("the table is %s", got)
	}
	w.does("webhooks", "resume", id)
	var replayed struct{ Replayed int }
	if w.tells(&replayed, "dead-letters", "replay", id, "--since", "2h", "--until", "1h"); replayed.Replayed != 0 {
		t.Errorf("of the hour before %+v are replayed", replayed)
	}
	if w.tells(&replayed, "dead-letters", "replay", id, "--since", time.Now().Add(-time.Hour).Format(time.RFC3339)); replayed.Replayed != 1 {
		t.Errorf("%+v are replayed", replayed)
	}
	w.deliveries(made.ID, "delivered", 1)
	if w.tells(&dead, "dead-letters", "list"); len(dead) != 0 {
		t.Errorf("dead letters are %+v", dead)
	}
	if got := w.does("webhooks", "deliveries", id, "--state", "delivered"); strings.Count(got, "\n") != 2 {
		t.Errorf("deliveries are %s", got)
	}
	if w.tells(&replayed, "webhooks", "replay", id, "--since", "1h", "--state", "delivered"); replayed.Replayed != 1 {
		t.Errorf("%+v are replayed", replayed)
	}
}

func TestAnOperatorSeesWhatAUserHas(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, onSQLite, pushHere, handOff)
	alice := uuid.New()
	w.as(alice, http.MethodPost, "/api/devices", `{"deviceId":"my/phone","kind":"Fcm","token":"a:b"}`)
	w.notified(w.notify(`{"toUser":"` + alice.String() + `","type":"SystemMessage","message":{"order":17}}`))
	var unread struct{ UnreadCount int }
	servicetest.Await(t, "it is in the inbox", func() bool {
		w.tells(&unread, "inbox", "unread", alice.String())
		return unread.UnreadCount > 0
	})
	var entries []struct {
		Type    string
		Message struct{ Order int }
	}
	if w.tells(&entries, "inbox", "list", alice.String()); len(entries) != 1 || entries[0].Type != "SystemMessage" || entries[0].Message.Order != 17 {
		t.Errorf("the inbox has %+v", entries)
	}
	if got := w.does("inbox", "list", alice.String()); !strings.Contains(got, `{"message":{"order":17}}`) || !strings.Contains(got, "false") {
		t.Errorf("the inbox is %s", got)
	}
	if got := w.does("devices", "list", alice.String()); !strings.Contains(got, "my/phone") || strings.Contains(got, "a:b") {
		t.Errorf("devices are %s", got)
	}
	w.does("devices", "remove", alice.String(), "my/phone")
	var devices []struct{ DeviceID string }
	if w.tells(&devices, "devices", "list", alice.String()); devices == nil || len(devices) != 0 {
		t.Errorf("devices are %+v", devices)
	}
	if code, _, stderr := w.operate(map[string]any{"azp": "web"}, "inbox", "list", alice.String()); code != 1 || !strings.Contains(stderr, "(forbidden, status 403)") {
		t.Errorf("no backend: exit code %d: %s", code, stderr)
	}
}

func TestAnOperatorIsToldWhatIsWrongWithACommandLine(t *testing.T) {
	t.Parallel()
	token, id := "ISM_TOKEN=t", uuid.NewString()
	for name, c := range map[string]struct {
		environ, args []string
		says          string
	}{
		"no verb":               {[]string{token}, []string{"webhooks"}, "list, show, create"},
		"an unknown verb":       {[]string{token}, []string{"inbox", "clear", id}, `"clear"`},
		"an unknown flag":       {[]string{token}, []string{"webhooks", "list", "--all"}, "-all"},
		"too few arguments":     {[]string{token}, []string{"webhooks", "create", "https://example.com"}, "webhooks create URL TYPE…"},
		"too many arguments":    {[]string{token}, []string{"inbox", "list", id, id}, "inbox list USER"},
		"no id":                 {[]string{token}, []string{"webhooks", "show", "ours"}, `"ours"`},
		"no room":               {[]string{token}, []string{"webhooks", "create", "https://example.com", "a", "--room", "hall"}, "hall"},
		"no limit":              {[]string{token}, []string{"dead-letters", "list", "--limit", "0"}, "above 0"},
		"neither one nor range": {[]string{token}, []string{"dead-letters", "replay", id}, "--since"},
		"both one and range":    {[]string{token}, []string{"webhooks", "replay", id, id, "--since", "1h"}, "either"},
		"no time":               {[]string{token}, []string{"webhooks", "replay", id, "--since", "yesterday"}, "yesterday"},
		"no token":              {nil, []string{"webhooks", "list"}, "ISM_TOKEN"},
		"half a client":         {[]string{"ISM_CLIENT_ID=shop"}, []string{"webhooks", "list"}, "ISM_CLIENT_SECRET"},
		"no URL":                {[]string{token, "ISM_URL=localhost"}, []string{"webhooks", "list"}, "URL of ISM"},
		"no issuer":             {[]string{token}, []string{"webhooks", "list", "--issuer", "keycloak"}, "issuer"},
	} {
		if code, stdout, stderr := operate(t, c.environ, c.args...); code != deployable.ExitUsage || stdout != "" || !strings.Contains(stderr, c.says) || !strings.Contains(stderr, "usage:") {
			t.Errorf("%s: exit code %d: %s%s", name, code, stdout, stderr)
		}
	}
}

func TestAnOperatorsTokenComesFromTheIssuer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	issuer := newReceiver(t, func(out http.ResponseWriter, _ *http.Request) {
		claims := w.issuer.Claims(backendUser, "shop")
		claims["azp"] = backendClient
		_ = json.NewEncoder(out).Encode(map[string]any{"access_token": w.issuer.Sign(t, claims), "expires_in": 60})
	})
	code, stdout, stderr := operate(t, []string{"ISM_CLIENT_ID=shop", "ISM_CLIENT_SECRET=s3cret"}, "webhooks", "list", "--url", w.base+"/", "--issuer", issuer.URL)
	if code != 0 || !strings.Contains(stdout, "WEBHOOK") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	if got := issuer.all(); len(got) != 1 || !strings.Contains(string(got[0].body), "client_secret=s3cret") {
		t.Errorf("asked is %s", got[0].body)
	}
	refusing := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":"invalid_client","error_description":"Invalid client"}`))
	})
	code, _, stderr = operate(t, []string{"ISM_CLIENT_ID=shop", "ISM_CLIENT_SECRET=s3cret"}, "webhooks", "list", "--url", w.base, "--issuer", refusing.URL)
	if code != 1 || !strings.Contains(stderr, "Invalid client") || strings.Contains(stderr, "s3cret") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
