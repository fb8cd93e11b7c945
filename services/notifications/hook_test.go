package notifications_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/services/notifications"
)

const (
	oldSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

func withHooks(cfg *notifications.Config) {
	cfg.Hooks = config.Secret("shop=" + oldSecret + ",shop=" + newSecret + ",bank=" + newSecret)
}

// occurrence are the fields of a problem that differ from one occurrence to the next.
var occurrence = regexp.MustCompile(`"(timestamp|traceId|path|instance)":"[^"]*"`)

// webhook is a delivery.
type webhook struct {
	source, id, secret, body string
	at                       time.Time
}

// deliver delivers a webhook, with other headers on top.
func (w *world) deliver(hook webhook, headers ...string) nodetest.Answer {
	w.tb.Helper()
	signer, err := standardwebhooks.NewWebhook(hook.secret)
	if err != nil {
		w.tb.Fatal(err)
	}
	signature, err := signer.Sign(hook.id, hook.at, []byte(hook.body))
	if err != nil {
		w.tb.Fatal(err)
	}
	all := []string{"Webhook-Id", hook.id, "Webhook-Timestamp", strconv.FormatInt(hook.at.Unix(), 10), "Webhook-Signature", signature, "Content-Type", "application/json"}
	request, err := http.NewRequestWithContext(w.tb.Context(), http.MethodPost, w.base+"/hooks/"+hook.source, strings.NewReader(hook.body))
	if err != nil {
		w.tb.Fatal(err)
	}
	for i, headers := 0, append(all, headers...); i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := nodetest.Do(w.tb, w.http, w.description, request)
	if err != nil {
		w.tb.Fatal(err)
	}
	return answer
}

func TestAWebhookTellsUsersSomethingOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHooks)
	alice, bob := uuid.New(), uuid.New()
	object := fmt.Sprintf(`{"toUsers":[%q,%q],"type":"SystemMessage","message":{"order":17},"ttl":60}`, alice, bob)
	event := `{"specversion":"1.0","id":"e-1","source":"/shop","type":"order.sent","data":` + object + `}`
	now := time.Now()
	first := w.notified(w.deliver(webhook{source: "shop", id: "msg_1", secret: oldSecret, body: object, at: now}))
	// A delivery that is tried again has a time of its own, and may be signed with the next secret.
	if again := w.notified(w.deliver(webhook{source: "shop", id: "msg_1", secret: newSecret, body: object, at: now.Add(time.Minute)})); !slices.Equal(again, first) {
		t.Errorf("told are %+v, then %+v", first, again)
	}
	second := w.notified(w.deliver(webhook{source: "shop", id: "msg_2", secret: oldSecret, body: event, at: now}, "Content-Type", "application/cloudevents+json; charset=utf-8"))
	another := w.notified(w.deliver(webhook{source: "bank", id: "msg_1", secret: newSecret, body: event, at: now}))
	if first[0].UserID != alice || first[1].UserID != bob || second[0].ID == first[0].ID || another[0].ID == first[0].ID {
		t.Errorf("told are %+v, %+v, %+v", first, second, another)
	}
	log := w.log()
	if len(log) != 8 {
		t.Fatalf("the log has %+v", log)
	}
	for _, event := range log {
		if sent := event.Data.(events.NotificationSent); string(sent.Message) != `{"order":17}` || sent.ExpiresAt == nil {
			t.Errorf("the log has %+v", sent)
		}
	}
}

// Sources, and their secrets, are replaced in their file while the service runs.
func TestSourcesAreThoseThatTheFileHasByNow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hooks")
	put := func(list string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("shop=" + oldSecret)
	w := newWorld(t, func(cfg *notifications.Config) {
		cfg.Hooks, cfg.HooksFile = config.Secret("shop="+oldSecret), config.SecretFile(path)
	})
	status := func(source, secret string) int {
		body := fmt.Sprintf(`{"toUser":%q,"type":"SystemMessage","message":{}}`, uuid.New())
		return w.deliver(webhook{source: source, id: uuid.NewString(), secret: secret, body: body, at: time.Now()}).Status
	}
	taken := status("shop", oldSecret)
	if before := status("bank", newSecret); before != http.StatusUnauthorized || taken == before {
		t.Errorf("a source that there is gets %d, and one that there is not %d", taken, before)
	}
	put("bank=" + newSecret)
	servicetest.Await(t, "the new source is taken", func() bool { return status("bank", newSecret) == taken })
	if got := status("shop", oldSecret); got != http.StatusUnauthorized {
		t.Errorf("the source that was taken away gets %d", got)
	}
	put("bank=whsec_nonsense")
	if got := status("bank", newSecret); got != taken {
		t.Errorf("while the file cannot be used a source gets %d", got)
	}
}

func TestWebhooksThatAreNotTakenLeaveNoTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHooks)
	now := time.Now()
	body := `{"toUser":"` + uuid.NewString() + `","type":"SystemMessage","message":{}}`
	good := webhook{source: "shop", id: "msg_1", secret: oldSecret, body: body, at: now}
	with := func(change func(*webhook)) webhook {
		hook := good
		change(&hook)
		return hook
	}
	var refusals [][]byte
	for name, c := range map[string]struct {
		hook    webhook
		headers []string
		want    string
	}{
		"of nobody":           {with(func(h *webhook) { h.source = "nobody" }), nil, "401 bad-signature"},
		"with a bad secret":   {with(func(h *webhook) { h.source = "bank" }), nil, "401 bad-signature"},
		"of another id":       {good, []string{"Webhook-Id", "msg_2"}, "401 bad-signature"},
		"without a signature": {good, []string{"Webhook-Signature", ""}, "401 bad-signature"},
		"with a token":        {good, []string{"Webhook-Signature", "", "Authorization", "Bearer " + w.issuer.Token(t, uuid.New(), "x")}, "401 bad-signature"},
		"of yesterday":        {with(func(h *webhook) { h.at = now.Add(-24 * time.Hour) }), nil, "401 stale-timestamp"},
		"of tomorrow":         {with(func(h *webhook) { h.at = now.Add(24 * time.Hour) }), nil, "401 stale-timestamp"},
		"no JSON":             {with(func(h *webhook) { h.body = "hello" }), nil, "400 malformed-json"},
		"nothing":             {with(func(h *webhook) { h.body = "" }), nil, "400 malformed-json"},
		"a batch":             {with(func(h *webhook) { h.body = "[" + body + "]" }), nil, "400 malformed-json"},
		"no object of ISM's":  {with(func(h *webhook) { h.body = `{"type":"order.sent","data":{}}` }), nil, "422 invalid-request"},
		"text":                {good, []string{"Content-Type", "text/plain"}, "415 unsupported-media-type"},
		"compressed":          {good, []string{"Content-Encoding", "gzip"}, "415 unsupported-media-type"},
		"too large":           {with(func(h *webhook) { h.body = strings.Repeat("x", 300<<10) }), nil, "413 body-too-large"},
	} {
		got := w.deliver(c.hook, c.headers...)
		if came := fmt.Sprintf("%d %s", got.Status, got.Code()); came != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if got.Code() == "bad-signature" {
			refusals = append(refusals, occurrence.ReplaceAll(got.Body, nil))
		}
	}
	for _, refusal := range refusals {
		if !bytes.Equal(refusal, refusals[0]) {
			t.Errorf("refusals tell what is wrong: %s, %s", refusal, refusals[0])
		}
	}
	if log := w.log(); len(log) != 0 {
		t.Errorf("the log has %+v", log)
	}
}
