package notifications_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications"
	"github.com/ism-chat/ism/services/notifications/store"
)

// webhooksHere lets webhooks go to receivers of tests.
var webhooksHere = notifications.WebhooksConfig{
	Timeout: 30 * time.Second, AtOnce: 50, MaxEndpoints: 5, DisableAfter: 120 * time.Hour, Retention: 168 * time.Hour,
	AllowHTTP: true, AllowedNetworks: []string{"127.0.0.1/32"},
}

const webhooksPath = "/api/admin/webhooks"

// hook is a webhook as the tests see it.
type hook struct {
	ID          uuid.UUID
	URL, Secret string
	Status      string
	Reason      *string
	Types       []string
	Ordered     bool
	Concurrency int
	Failures    int
}

type deliveryAnswer struct {
	ID, EventID uuid.UUID
	Type, State string
	Attempts    int
	Status      *int
	Error       *string
	NextAt      *wire.Time
	Log         []struct {
		Number int
		Status *int
		Body   string
	}
}

func (w *world) asBackend(method, path, body string, want int, target any) {
	w.tb.Helper()
	answer := w.post(backend, path, body, method)
	if answer.Status != want {
		w.tb.Fatalf("%s %s: %s", method, path, answer)
	}
	if target != nil {
		if err := json.Unmarshal(answer.Body, target); err != nil {
			w.tb.Fatal(err)
		}
	}
}

func (w *world) newHook(body string) (made hook) {
	w.tb.Helper()
	w.asBackend(http.MethodPost, webhooksPath, body, http.StatusCreated, &made)
	return made
}

func (w *world) hook(id uuid.UUID) (got hook) {
	w.tb.Helper()
	w.asBackend(http.MethodGet, webhooksPath+"/"+id.String(), "", http.StatusOK, &got)
	return got
}

// happen appends events of now to the logs, and gives their ids.
func (w *world) happen(all ...events.Data) (ids []uuid.UUID) {
	w.tb.Helper()
	var happened []events.Event
	for _, data := range all {
		event := events.New("/ism/messages", time.Now(), data)
		happened, ids = append(happened, event), append(ids, event.ID)
	}
	w.append(happened...)
	return ids
}

func messageIn(room uuid.UUID, text string) events.MessagePosted {
	body, _ := json.Marshal(wire.TextBody{Text: text})
	return events.MessagePosted{
		RoomID: room, Audience: events.WholeRoom(1),
		Message: wire.Message{RoomID: room, ID: uuid.New(), SenderID: uuid.New(), Body: body, Type: wire.Text, CreatedAt: wire.At(time.Now())},
	}
}

// receiver is a backend's.
type receiver struct {
	*httptest.Server

	mu     sync.Mutex
	got    []received
	answer func(w http.ResponseWriter, r *http.Request)
}

type received struct {
	header http.Header
	body   []byte
	at     time.Time
}

func newReceiver(t testing.TB, answer func(w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		r.got = append(r.got, received{request.Header, body, time.Now()})
		r.mu.Unlock()
		r.answer(w, request)
	}))
	t.Cleanup(r.Close)
	return r
}

func ok(http.ResponseWriter, *http.Request) {}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

func (r *receiver) await(t testing.TB, n int) []received {
	t.Helper()
	servicetest.Await(t, fmt.Sprintf("%d webhooks come", n), func() bool { return r.count() >= n })
	return r.all()
}

// verified is a webhook's body, as a receiver reads it that verifies it.
func verified(t *testing.T, secret string, got received) (event struct {
	ID   uuid.UUID
	Type string
	Data struct {
		RoomID  uuid.UUID
		Message wire.Message
	}
},
) {
	t.Helper()
	webhook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := webhook.Verify(got.body, got.header); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got.body, &event); err != nil {
		t.Fatal(err)
	}
	return event
}

func TestABackendGetsWhatHappens(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB, *telemetry.Telemetry) store.Store{"sqlite": onSQLite, "postgres": onPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, open)
			described := openapitest.Load(t, description)
			backend, room := newReceiver(t, ok), uuid.New()
			made := w.newHook(`{"url":"` + backend.URL + `/hook","types":["dev.ism.message.created","dev.ism.notification.sent"],"description":"ours"}`)
			ids := w.happen(messageIn(room, "ä 🥣"), events.RoomEnded{RoomID: room, Audience: events.Audience{Version: 2}},
				events.NotificationSent{UserID: uuid.New(), Message: json.RawMessage(`{"order":17}`)})
			seen := map[uuid.UUID]string{}
			for _, got := range backend.await(t, 2) {
				event := verified(t, made.Secret, got)
				if got.header.Get("webhook-id") != event.ID.String() {
					t.Errorf("webhook-id is %s, id is %s", got.header.Get("webhook-id"), event.ID)
				}
				if err := described.Conforms(event.Type, got.body); err != nil {
					t.Error(err)
				}
				seen[event.ID] = event.Type
				if event.Type == "dev.ism.message.created" && (string(event.Data.Message.Body) != `{"text":"ä 🥣"}` || event.Data.RoomID != room) {
					t.Errorf("it says %s", got.body)
				}
			}
			if len(seen) != 2 || seen[ids[0]] != "dev.ism.message.created" || seen[ids[2]] != "dev.ism.notification.sent" {
				t.Errorf("come are %v", seen)
			}
			deliveries := w.deliveries(made.ID, "delivered", 2)
			if len(deliveries) != 2 || deliveries[0].Attempts != 1 || *deliveries[0].Status != 200 {
				t.Errorf("deliveries are %+v", deliveries)
			}
		})
	}
}

// One trace leads from the request of a backend to the answers of webhooks, also where one is sent again.
func TestATraceLeadsFromARequestToTheWebhook(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB, *telemetry.Telemetry) store.Store{"sqlite": onSQLite, "postgres": onPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, open)
			var tries atomic.Int32
			backend := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
				if tries.Add(1) == 1 {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			})
			w.newHook(`{"url":"` + backend.URL + `","types":["dev.ism.notification.sent"]}`)
			const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
			w.notified(w.notify(`{"toUser":"`+uuid.NewString()+`","type":"SystemMessage","message":{}}`, "Traceparent", "00-"+traceID+"-00f067aa0ba902b7-01"))
			backend.await(t, 2)
			ended := func(name string) (all []sdktrace.ReadOnlySpan) {
				for _, span := range w.spans.Ended() {
					if span.Name() == name && span.SpanContext().TraceID().String() == traceID {
						all = append(all, span)
					}
				}
				return all
			}
			servicetest.Await(t, "both attempts show", func() bool { return len(ended("POST webhook")) == 2 })
			taken := slices.IndexFunc(ended("process ism.notifications"), func(span sdktrace.ReadOnlySpan) bool {
				return slices.ContainsFunc(span.Attributes(), func(a attribute.KeyValue) bool { return a.Value.AsString() == notifications.GroupWebhooks })
			})
			if taken < 0 || len(ended("POST /api/notify")) != 1 {
				t.Fatalf("the request shows %d times, the record at %d", len(ended("POST /api/notify")), taken)
			}
			for i, attempt := range ended("POST webhook") {
				if attempt.Parent().SpanID() != ended("process ism.notifications")[taken].SpanContext().SpanID() {
					t.Errorf("attempt %d does not stand below the record", i+1)
				}
			}
		})
	}
}

// deliveries awaits that so many of an endpoint are in a state.
func (w *world) deliveries(endpoint uuid.UUID, state string, n int) (all []deliveryAnswer) {
	w.tb.Helper()
	servicetest.Await(w.tb, fmt.Sprintf("%d deliveries are %s", n, state), func() bool {
		var page struct{ Content []deliveryAnswer }
		w.asBackend(http.MethodGet, webhooksPath+"/"+endpoint.String()+"/deliveries?state="+state, "", http.StatusOK, &page)
		all = page.Content
		return len(all) >= n
	})
	return all
}

// One that hangs, one that redirects and one that fails do not delay another.
func TestADeadEndpointDelaysNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := make(chan struct{})
	hanging := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	})
	t.Cleanup(func() { close(stop) })
	var inside receiver
	inside.Server = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect is followed") }))
	t.Cleanup(inside.Close)
	redirecting := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", inside.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	healthy := newReceiver(t, ok)
	for _, backend := range []*receiver{hanging, redirecting, healthy} {
		w.newHook(`{"url":"` + backend.URL + `","types":["dev.ism.message.created"]}`)
	}
	w.happen(messageIn(uuid.New(), "warm"))
	healthy.await(t, 1)
	var all []events.Data
	for range 100 {
		all = append(all, messageIn(uuid.New(), "a"))
	}
	w.happen(all...)
	healthy.await(t, 101)
	if n := len(hanging.all()); n > 15 {
		t.Errorf("before the healthy one has all, the one that hangs was sent %d", n)
	}
	redirecting.await(t, 2)
}

func TestGoneAndResumed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var gone sync.Mutex
	code := http.StatusGone
	backend := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		gone.Lock()
		defer gone.Unlock()
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "never again")
	})
	made := w.newHook(`{"url":"` + backend.URL + `","types":["dev.ism.message.created"],"ordered":true}`)
	room := uuid.New()
	w.happen(messageIn(room, "a"))
	givenUp := w.deliveries(made.ID, "given-up", 1)[0]
	if got := w.hook(made.ID); got.Status != "disabled" || got.Reason == nil || *got.Reason != "gone" || got.Failures != 1 {
		t.Errorf("it is %+v", got)
	}
	one := webhooksPath + "/" + made.ID.String()
	w.asBackend(http.MethodPost, one+"/pause", "", http.StatusConflict, nil)
	w.asBackend(http.MethodPost, one+"/test", "", http.StatusConflict, nil)
	var details deliveryAnswer
	w.asBackend(http.MethodGet, one+"/deliveries/"+givenUp.ID.String(), "", http.StatusOK, &details)
	if len(details.Log) != 1 || *details.Log[0].Status != http.StatusGone || details.Log[0].Body != "never again" {
		t.Errorf("its attempts are %+v", details.Log)
	}
	gone.Lock()
	code = http.StatusNoContent
	gone.Unlock()
	w.asBackend(http.MethodPost, one+"/resume", "", http.StatusOK, nil)
	if got := w.hook(made.ID); got.Status != "active" || got.Reason != nil || got.Failures != 0 {
		t.Errorf("it is %+v", got)
	}
	w.asBackend(http.MethodPost, one+"/deliveries/"+givenUp.ID.String()+"/replay", "", http.StatusAccepted, nil)
	w.deliveries(made.ID, "delivered", 1)
	w.asBackend(http.MethodGet, one+"/deliveries/"+givenUp.ID.String(), "", http.StatusOK, &details)
	if details.Attempts != 2 || len(details.Log) != 2 {
		t.Errorf("replayed it is %+v", details)
	}
	if got := backend.all(); got[0].header.Get("webhook-id") != got[1].header.Get("webhook-id") {
		t.Error("replayed it has another id")
	}
	var again struct {
		Replayed int
		Next     *wire.Time
	}
	since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	w.asBackend(http.MethodPost, one+"/replay", `{"since":"`+since+`"}`, http.StatusAccepted, &again)
	if again.Replayed != 0 || again.Next != nil {
		t.Errorf("replayed are %+v", again)
	}
	w.asBackend(http.MethodPost, one+"/replay", `{"since":"`+since+`","state":"delivered"}`, http.StatusAccepted, &again)
	if again.Replayed != 1 {
		t.Errorf("replayed are %+v", again)
	}
	backend.await(t, 3)
}

func TestPauseTestRotateAndDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	backend := newReceiver(t, ok)
	made := w.newHook(`{"url":"` + backend.URL + `","types":["dev.ism.message.created"]}`)
	one := webhooksPath + "/" + made.ID.String()
	var tested deliveryAnswer
	w.asBackend(http.MethodPost, one+"/test", "", http.StatusAccepted, &tested)
	if event := verified(t, made.Secret, backend.await(t, 1)[0]); event.Type != "dev.ism.webhook.tested" || tested.Type != event.Type || tested.EventID != event.ID {
		t.Errorf("come is %+v, told is %+v", event, tested)
	}
	w.asBackend(http.MethodPost, one+"/pause", "", http.StatusOK, nil)
	w.happen(messageIn(uuid.New(), "a"))
	pending := w.deliveries(made.ID, "pending", 1)
	w.asBackend(http.MethodPost, one+"/deliveries/"+pending[0].ID.String()+"/replay", "", http.StatusConflict, nil)
	var rotated struct {
		Secret      string
		FormerUntil wire.Time
	}
	w.asBackend(http.MethodPost, one+"/rotate-secret", "", http.StatusOK, &rotated)
	if rotated.Secret == made.Secret || time.Until(rotated.FormerUntil.Time) < 23*time.Hour {
		t.Errorf("rotated is %+v", rotated)
	}
	w.asBackend(http.MethodPost, one+"/resume", "", http.StatusOK, nil)
	got := backend.await(t, 2)[1]
	verified(t, made.Secret, got)
	verified(t, rotated.Secret, got)
	w.asBackend(http.MethodPost, one+"/rotate-secret", `{"overlapSeconds":0}`, http.StatusOK, &rotated)
	w.asBackend(http.MethodPost, one+"/test", "", http.StatusAccepted, nil)
	got = backend.await(t, 3)[2]
	verified(t, rotated.Secret, got)
	if n := len(strings.Fields(got.header.Get("webhook-signature"))); n != 1 {
		t.Errorf("there are %d signatures", n)
	}
	w.asBackend(http.MethodDelete, one, "", http.StatusNoContent, nil)
	w.asBackend(http.MethodGet, one, "", http.StatusNotFound, nil)
	w.asBackend(http.MethodGet, one+"/deliveries", "", http.StatusNotFound, nil)
	w.asBackend(http.MethodDelete, one, "", http.StatusNotFound, nil)
}

func TestWebhooksAreListedAndChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	room := uuid.NewString()
	var all []hook
	for range 5 {
		all = append(all, w.newHook(`{"url":"https://example.com/","types":["dev.ism.room.ended","dev.ism.message.created","dev.ism.room.ended"],"rooms":["`+room+`"],"signature":"v1a"}`))
	}
	if !strings.HasPrefix(all[0].Secret, "whpk_") || !slices.Equal(all[0].Types, []string{"dev.ism.message.created", "dev.ism.room.ended"}) || all[0].Concurrency != 5 {
		t.Errorf("made is %+v", all[0])
	}
	w.asBackend(http.MethodPost, webhooksPath, `{"url":"https://example.com/","types":["dev.ism.room.ended"]}`, http.StatusConflict, nil)
	var page struct {
		Content    []hook
		NextCursor *string
	}
	w.asBackend(http.MethodGet, webhooksPath, "", http.StatusOK, &page)
	if len(page.Content) != 5 || page.NextCursor != nil || page.Content[0].ID != all[0].ID || page.Content[0].Secret != "" {
		t.Errorf("listed are %+v", page)
	}
	one := webhooksPath + "/" + all[0].ID.String()
	var changed hook
	w.asBackend(http.MethodPatch, one, `{"rooms":[],"types":["dev.ism.user.deleted"],"ordered":true,"concurrency":1}`, http.StatusOK, &changed)
	got := w.hook(all[0].ID)
	if !slices.Equal(got.Types, []string{"dev.ism.user.deleted"}) || !slices.Equal(got.Types, changed.Types) || !got.Ordered || got.Concurrency != 1 || got.URL != "https://example.com/" {
		t.Errorf("it is %+v", got)
	}
}

func TestBadWebhooksAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.newHook(`{"url":"https://example.com/","types":["dev.ism.message.created"]}`)
	one := webhooksPath + "/" + made.ID.String()
	url := func(url string) string { return fmt.Sprintf(`{"url":%q,"types":["dev.ism.message.created"]}`, url) }
	with := func(rest string) string {
		return `{"url":"https://example.com/","types":["dev.ism.message.created"],` + rest + `}`
	}
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		code, says         string
	}{
		"no url":               {"POST", webhooksPath, `{"types":["dev.ism.message.created"]}`, 422, "invalid-request", "url"},
		"a password":           {"POST", webhooksPath, url("https://a:b@example.com"), 422, "invalid-request", "password"},
		"the metadata address": {"POST", webhooksPath, url("http://169.254.169.254/"), 422, "invalid-request", "no webhooks"},
		"a private address":    {"POST", webhooksPath, url("https://[::ffff:10.0.0.1]/"), 422, "invalid-request", "no webhooks"},
		"a file":               {"POST", webhooksPath, url("file:///etc/passwd"), 422, "invalid-request", "https"},
		"no types":             {"POST", webhooksPath, `{"url":"https://example.com/"}`, 422, "invalid-request", "types"},
		"an unknown type":      {"POST", webhooksPath, `{"url":"https://example.com/","types":["dev.ism.nothing"]}`, 422, "invalid-request", "dev.ism.message.created"},
		"the type of tests":    {"POST", webhooksPath, `{"url":"https://example.com/","types":["dev.ism.webhook.tested"]}`, 422, "invalid-request", "unknown"},
		"a type of no room":    {"POST", webhooksPath, `{"url":"https://example.com/","types":["dev.ism.user.deleted"],"rooms":["` + uuid.NewString() + `"]}`, 422, "invalid-request", "no room"},
		"no room":              {"POST", webhooksPath, with(`"rooms":["lunch"]`), 422, "invalid-request", "UUID"},
		"a signature":          {"POST", webhooksPath, with(`"signature":"v2"`), 422, "invalid-request", "v1a"},
		"a concurrency":        {"POST", webhooksPath, with(`"concurrency":21`), 422, "invalid-request", "1 to 20"},
		"a description":        {"POST", webhooksPath, with(`"description":"` + strings.Repeat("ä", 501) + `"`), 422, "invalid-request", "500"},
		"a NUL":                {"POST", webhooksPath, with(`"description":"\u0000"`), 422, "invalid-request", ""},
		"no JSON":              {"POST", webhooksPath, `{`, 400, "malformed-json", ""},
		"a wrong type":         {"POST", webhooksPath, with(`"ordered":"yes"`), 400, "malformed-json", "ordered"},
		"another signature":    {"PATCH", one, `{"signature":"v1a"}`, 422, "invalid-request", "another webhook"},
		"no types any more":    {"PATCH", one, `{"types":[]}`, 422, "invalid-request", "types"},
		"no id":                {"GET", webhooksPath + "/mine", "", 400, "invalid-id", ""},
		"no cursor":            {"GET", webhooksPath + "?cursor=1", "", 400, "invalid-cursor", ""},
		"no cursor of it":      {"GET", one + "/deliveries?cursor=1", "", 400, "invalid-cursor", ""},
		"no state":             {"GET", one + "/deliveries?state=lost", "", 422, "invalid-request", "given-up"},
		"no webhook":           {"POST", webhooksPath + "/" + uuid.NewString() + "/pause", "", 404, "webhook-not-found", ""},
		"no webhook to test":   {"POST", webhooksPath + "/" + uuid.NewString() + "/test", "", 404, "webhook-not-found", ""},
		"no delivery":          {"GET", one + "/deliveries/" + uuid.NewString(), "", 404, "delivery-not-found", ""},
		"no delivery to send":  {"POST", one + "/deliveries/" + uuid.NewString() + "/replay", "", 404, "delivery-not-found", ""},
		"a long overlap":       {"POST", one + "/rotate-secret", `{"overlapSeconds":604801}`, 422, "invalid-request", "604800"},
		"no since":             {"POST", one + "/replay", `{}`, 422, "invalid-request", "since"},
		"since is later":       {"POST", one + "/replay", `{"since":"2100-01-01T00:00:00Z"}`, 422, "invalid-request", "before"},
		"pending again":        {"POST", one + "/replay", `{"since":"2020-01-01T00:00:00Z","state":"pending"}`, 422, "invalid-request", "state"},
	} {
		answer := w.post(backend, c.path, c.body, c.method)
		if problem := problemIn(t, answer); answer.Status != c.status || problem.Code != c.code || !strings.Contains(problem.Detail, c.says) {
			t.Errorf("%s: %s", name, answer)
		}
	}
	for name, c := range map[string]struct {
		claims map[string]any
		status int
		code   string
	}{
		"nobody":                {nil, 401, "unauthorized"},
		"a user":                {map[string]any{"azp": "web"}, 403, "forbidden"},
		"a backend of a tenant": {map[string]any{"azp": backendClient, "tenant": "acme"}, 403, "tenant-backend"},
	} {
		for _, path := range []string{webhooksPath, one, one + "/deliveries"} {
			answer := w.post(c.claims, path, "", http.MethodGet)
			if problem := problemIn(t, answer); answer.Status != c.status || problem.Code != c.code {
				t.Errorf("%s: %s: %s", name, path, answer)
			}
		}
	}
	if got := w.hook(made.ID); !slices.Equal(got.Types, []string{"dev.ism.message.created"}) {
		t.Errorf("it is changed: %+v", got)
	}
	var page struct{ Content []hook }
	if w.asBackend(http.MethodGet, webhooksPath, "", http.StatusOK, &page); len(page.Content) != 1 {
		t.Errorf("made are %+v", page.Content)
	}
}

func problemIn(t *testing.T, answer nodetest.Answer) (problem wire.Problem) {
	t.Helper()
	if err := json.Unmarshal(answer.Body, &problem); err != nil {
		t.Fatal(err)
	}
	return problem
}

func TestSettingsOfWebhooks(t *testing.T) {
	if faults := webhooksHere.Validate(); len(faults) > 0 {
		t.Errorf("%+v", faults)
	}
	for variable, change := range map[string]func(c *notifications.WebhooksConfig){
		"TIMEOUT":          func(c *notifications.WebhooksConfig) { c.Timeout = 31 * time.Second },
		"AT_ONCE":          func(c *notifications.WebhooksConfig) { c.AtOnce = 0 },
		"MAX_ENDPOINTS":    func(c *notifications.WebhooksConfig) { c.MaxEndpoints = -1 },
		"DISABLE_AFTER":    func(c *notifications.WebhooksConfig) { c.DisableAfter = time.Minute },
		"RETENTION":        func(c *notifications.WebhooksConfig) { c.Retention = 24 * time.Hour },
		"ALLOWED_NETWORKS": func(c *notifications.WebhooksConfig) { c.AllowedNetworks = []string{"here"} },
	} {
		c := webhooksHere
		change(&c)
		if faults := c.Validate(); len(faults) != 1 || faults[0].Variable != variable {
			t.Errorf("%s: %+v", variable, faults)
		}
	}
}
