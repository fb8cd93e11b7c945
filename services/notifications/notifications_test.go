package notifications_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	libpostgres "github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications"
	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/postgres"
	"github.com/ism-chat/ism/services/notifications/store/sqlite"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

const (
	backendClient = "shop"
	description   = "api/openapi.yaml"
)

// world is a notifications service with real tokens and a broker, behind its real listener.
type world struct {
	tb          testing.TB
	broker      *kfake.Cluster
	kafka       *bus.Bus
	issuer      *authntest.Issuer
	tokens      *authn.Verifier
	rooms       *rooms
	description *openapitest.Description
	base        string
	http        *http.Client
	spans       *tracetest.SpanRecorder
	store       store.Store
}

// onSQLite is the store of tests to which it does not matter.
func onSQLite(tb testing.TB, tel *telemetry.Telemetry) store.Store {
	return sqlite.New(sqlite.Config{Path: filepath.Join(tb.TempDir(), "notifications.db")}, tel)
}

func onPostgres(tb testing.TB, tel *telemetry.Telemetry) store.Store {
	cfg := libpostgres.Config{URL: config.Secret(enginetest.PostgresDatabase(tb)), PoolSize: 5, StatementTimeout: servicetest.Timeout}
	s, err := postgres.New(cfg, libpostgres.MigrateAuto, tel)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// rooms knows users, unless it is down.
type rooms struct {
	mu      sync.Mutex
	tenants map[uuid.UUID]string
	down    bool
	refused int // while it was down
}

// Tenants implements [notifications.Rooms].
func (r *rooms) Tenants(_ context.Context, users []uuid.UUID) (map[uuid.UUID]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		r.refused++
		return nil, errors.New("rooms is down")
	}
	known := map[uuid.UUID]string{}
	for _, user := range users {
		if tenant, is := r.tenants[user]; is {
			known[user] = tenant
		}
	}
	return known, nil
}

// Unread implements [notifications.Rooms].
func (r *rooms) Unread(_ context.Context, user uuid.UUID) (events.UnreadAnswer, error) {
	return events.UnreadAnswer{UserID: user, Rooms: 1, Messages: 3}, nil
}

// asked is how often it was asked while it was down.
func (r *rooms) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

func (r *rooms) isDown(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// soonWithoutKafka has a test that stops the broker not wait for it.
func soonWithoutKafka(cfg *notifications.Config) { cfg.LogTimeout = 2 * time.Second }

// newWorld starts a service with these settings, and waits until it is ready.
func newWorld(tb testing.TB, set ...func(*notifications.Config)) *world {
	tb.Helper()
	return newWorldOn(tb, onSQLite, set...)
}

func newWorldOn(tb testing.TB, open func(testing.TB, *telemetry.Telemetry) store.Store, set ...func(*notifications.Config)) *world {
	tb.Helper()
	settings := notifications.Config{LogTimeout: servicetest.Timeout, Retention: 90 * 24 * time.Hour, UnknownUsers: "keep", Webhooks: webhooksHere}
	for _, change := range set {
		change(&settings)
	}
	w := &world{tb: tb, rooms: &rooms{tenants: map[uuid.UUID]string{}}, broker: nodetest.Broker(tb, kfake.SeedTopics(1, "push")), description: openapitest.Load(tb, description), http: &http.Client{Transport: &http.Transport{}}}
	tb.Cleanup(w.http.CloseIdleConnections)
	tel := telemetry.Discard(slog.New(slog.DiscardHandler))
	w.spans = tracetest.NewSpanRecorder() // of what a caller has sampled
	tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())), sdktrace.WithSpanProcessor(w.spans))
	w.issuer = authntest.New(tb)
	cfg := w.issuer.Config()
	cfg.TenantClaim, cfg.BackendClients = "tenant", []string{backendClient}
	w.tokens = authntest.Start(tb, cfg, tel)
	w.kafka = bus.New(bus.Config{Brokers: w.broker.ListenAddrs(), ClientID: "notifications-test", SecurityProtocol: "plaintext", Replication: 1}, tel)
	tb.Cleanup(w.kafka.Close)
	w.store = open(tb, tel)
	service, err := notifications.New(settings, notifications.Deps{Store: w.store, Bus: w.kafka, Rooms: w.rooms, Verifier: w.tokens, Telemetry: tel})
	if err != nil {
		tb.Fatal(err)
	}
	listeners := nodetest.HTTPConfig()
	listeners.BodyLimit = 256 << 10
	node := nodetest.ListenOn(tb, listeners, "notifications", service, tel, httpapi.Check{Name: "kafka", Check: w.kafka.Ready})
	node.Run(tb)
	tb.Cleanup(node.Stop)
	w.base = node.Public
	servicetest.AwaitSuccess(tb, "the service is ready", func() error {
		if answer := w.post(nil, "/ready", "", http.MethodGet); answer.Status != http.StatusOK {
			return fmt.Errorf("GET /ready: %s", answer)
		}
		return nil
	})
	return w
}

// post asks with a token of these claims, or without one.
func (w *world) post(claims map[string]any, path, body, method string, headers ...string) nodetest.Answer {
	w.tb.Helper()
	request, err := http.NewRequestWithContext(w.tb.Context(), method, w.base+path, strings.NewReader(body))
	if err != nil {
		w.tb.Fatal(err)
	}
	if claims != nil {
		all := w.issuer.Claims(backendUser, "shop")
		maps.Copy(all, claims)
		request.Header.Set("Authorization", "Bearer "+w.issuer.Sign(w.tb, all))
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Content-Type" {
			request.Header.Del(headers[i])
		}
		request.Header.Add(headers[i], headers[i+1])
	}
	answer, err := nodetest.Do(w.tb, w.http, w.description, request)
	if err != nil {
		w.tb.Fatal(err)
	}
	return answer
}

var (
	backendUser = uuid.MustParse("0192d3a0-0000-7000-8000-0000000000bb")
	backend     = map[string]any{"azp": backendClient}
)

func (w *world) notify(body string, headers ...string) nodetest.Answer {
	w.tb.Helper()
	return w.post(backend, "/api/notify", body, http.MethodPost, headers...)
}

// notified is what an answer says, which must be 202.
func (w *world) notified(answer nodetest.Answer) []wire.NotifiedUser {
	w.tb.Helper()
	if answer.Status != http.StatusAccepted {
		w.tb.Fatalf("notify: %s", answer)
	}
	var told wire.Notified
	if err := json.Unmarshal(answer.Body, &told); err != nil {
		w.tb.Fatal(err)
	}
	return told.Notifications
}

// log is what the log of notifications has.
func (w *world) log() []events.Event {
	w.tb.Helper()
	return w.events(events.TopicNotifications)
}

// events is what a log has.
func (w *world) events(topic string) (all []events.Event) {
	w.tb.Helper()
	for _, record := range w.read(topic) {
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			w.tb.Fatal(err)
		}
		if record.Key != event.Data.PartitionKey() {
			w.tb.Errorf("the key is %s", record.Key)
		}
		all = append(all, event)
	}
	return all
}

func (w *world) deadLetters() []bus.Record { return w.read(events.TopicDeadLetters) }

// read gives what a topic has.
func (w *world) read(topic string) (records []bus.Record) {
	w.tb.Helper()
	caughtUp := make(chan struct{})
	reader, err := w.kafka.NewReader(bus.ReaderConfig{
		Topics: []string{topic}, Since: time.Unix(0, 0), MaxBatch: 100, CaughtUp: func() { close(caughtUp) },
		Handler: func(_ context.Context, read []bus.Record) error { records = append(records, read...); return nil },
	})
	if err != nil {
		w.tb.Fatal(err)
	}
	stop := servicetest.Run(w.tb, "reader", reader.Run)
	select {
	case <-caughtUp:
	case <-time.After(servicetest.Timeout):
		w.tb.Fatal("the log is not read")
	}
	stop()
	return records
}

func TestNothingIsServedThatIsNotDescribed(t *testing.T) {
	tel := telemetry.Discard(nil)
	issuer := authntest.New(t)
	service, err := notifications.New(notifications.Config{LogTimeout: time.Second}, notifications.Deps{
		Store: onSQLite(t, tel), Bus: bus.New(bus.Config{}, tel), Verifier: authntest.Start(t, issuer.Config(), tel), Telemetry: tel,
	})
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New()
	service.Routes(app)
	service.InternalRoutes(app)
	openapitest.Check(t, app, description)
}

func TestABackendTellsUsersSomething(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := uuid.New(), uuid.New()
	one := w.notified(w.notify(`{"toUser":"` + alice.String() + `","type":"SystemMessage","message":{"order":17,"<b>":"ä 🥣"},"createdAt":"2020-01-01T00:00:00Z"}`))
	both := w.notified(w.notify(fmt.Sprintf(`{"toUsers":[%q,%q,%q],"type":"SystemMessage","message":{}}`, bob, alice, bob)))
	if len(one) != 1 || one[0].UserID != alice || len(both) != 2 || both[0].UserID != bob || both[1].UserID != alice {
		t.Fatalf("told are %+v and %+v", one, both)
	}
	log := w.log()
	if len(log) != 3 {
		t.Fatalf("the log has %+v", log)
	}
	want := map[uuid.UUID]wire.NotifiedUser{one[0].ID: one[0], both[0].ID: both[0], both[1].ID: both[1]}
	for i, event := range log {
		sent := event.Data.(events.NotificationSent)
		if want[event.ID].UserID != sent.UserID || time.Since(event.Time).Abs() > time.Minute || event.Source != "/ism/notifications" {
			t.Errorf("the log has %+v", event)
		}
		var message map[string]any
		if err := json.Unmarshal(sent.Message, &message); err != nil || i == 0 && (message["order"] != 17.0 || message["<b>"] != "ä 🥣") || i > 0 && len(message) != 0 {
			t.Errorf("the message is %s, %v", sent.Message, err)
		}
	}
}

func TestANotificationMayExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.notified(w.notify(`{"toUser":"` + uuid.NewString() + `","type":"SystemMessage","message":{},"ttl":60}`))
	log := w.log()
	if len(log) != 1 {
		t.Fatalf("the log has %+v", log)
	}
	if sent := log[0].Data.(events.NotificationSent); sent.ExpiresAt == nil || sent.ExpiresAt.Sub(log[0].Time).Round(time.Second) != time.Minute {
		t.Errorf("it expires at %v", sent.ExpiresAt)
	}
}

// With a key the ids are the same whoever is asked, so that edges know what they have shown.
func TestWithAKeyTheIDsStayTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	users := []uuid.UUID{uuid.New(), uuid.New()}
	body := fmt.Sprintf(`{"toUsers":[%q,%q],"type":"SystemMessage","message":{"n":1}}`, users[0], users[1])
	first := w.notified(w.notify(body, "Idempotency-Key", `"order-17"`))
	if again := w.notified(w.notify(body, "Idempotency-Key", "order-17")); !slices.Equal(first, again) {
		t.Errorf("told are %+v, then %+v", first, again)
	}
	seen := map[uuid.UUID]bool{first[0].ID: true, first[1].ID: true}
	for _, headers := range [][]string{{"Idempotency-Key", "order-18"}, nil, nil} {
		for _, told := range w.notified(w.notify(body, headers...)) {
			if seen[told.ID] {
				t.Errorf("%v has the id of another one", headers)
			}
			seen[told.ID] = true
		}
	}
	another := w.post(map[string]any{"azp": backendClient, "sub": uuid.NewString()}, "/api/notify", body, http.MethodPost, "Idempotency-Key", "order-17")
	if told := w.notified(another); seen[told[0].ID] {
		t.Error("another backend's key gives the same id")
	}
}

func TestAThousandUsersAreToldAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	users := make([]uuid.UUID, 1000)
	for i := range users {
		users[i] = uuid.New()
	}
	body, err := json.Marshal(map[string]any{"toUsers": users, "type": "SystemMessage", "message": map[string]string{"text": strings.Repeat("x", 16<<10)}})
	if err != nil {
		t.Fatal(err)
	}
	told := w.notified(w.notify(string(body)))
	if len(told) != 1000 || len(w.log()) != 1000 {
		t.Fatalf("told are %d, the log has %d", len(told), len(w.log()))
	}
	for i, one := range told {
		if one.UserID != users[i] {
			t.Fatalf("%d is %s", i, one.UserID)
		}
	}
}

func TestBadNotificationsAreRefusedAndLeaveNoTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user := uuid.NewString()
	to := func(rest string) string { return `{"toUser":"` + user + `",` + rest + `}` }
	custom := `"type":"SystemMessage","message":{}`
	thousandAndOne := `{"toUsers":["` + strings.Repeat(user+`","`, 1000) + user + `"],` + custom + `}`
	for name, c := range map[string]struct {
		claims  map[string]any
		body    string
		headers []string
		want    string
	}{
		"nobody":              {nil, to(custom), nil, "401 unauthorized"},
		"a user":              {map[string]any{"azp": "web"}, to(custom), nil, "403 forbidden"},
		"another tenant's":    {map[string]any{"azp": backendClient, "tenant": "acme"}, to(custom), nil, "422 unknown-user"},
		"no JSON":             {backend, `{`, nil, "400 malformed-json"},
		"a list":              {backend, `[]`, nil, "400 malformed-json"},
		"no user":             {backend, `{` + custom + `}`, nil, "422 invalid-request"},
		"both":                {backend, to(`"toUsers":["` + user + `"],` + custom), nil, "422 invalid-request"},
		"nobody of many":      {backend, `{"toUsers":[],` + custom + `}`, nil, "422 invalid-request"},
		"too many":            {backend, thousandAndOne, nil, "422 invalid-request"},
		"a null":              {backend, `{"toUsers":[null],` + custom + `}`, nil, "422 invalid-request"},
		"no UUID":             {backend, `{"toUser":"alice",` + custom + `}`, nil, "422 invalid-request"},
		"the nil UUID":        {backend, `{"toUser":"00000000-0000-0000-0000-000000000000",` + custom + `}`, nil, "422 invalid-request"},
		"no type":             {backend, to(`"message":{}`), nil, "422 invalid-request"},
		"a reserved type":     {backend, to(`"type":"ChatMessage","message":{}`), nil, "422 invalid-request"},
		"no message":          {backend, to(`"type":"SystemMessage"`), nil, "422 invalid-request"},
		"a null message":      {backend, to(`"type":"SystemMessage","message":null`), nil, "422 invalid-request"},
		"a text":              {backend, to(`"type":"SystemMessage","message":"hello"`), nil, "422 invalid-request"},
		"no time to live":     {backend, to(custom + `,"ttl":0`), nil, "422 invalid-request"},
		"half a second":       {backend, to(custom + `,"ttl":0.5`), nil, "400 malformed-json"},
		"half a surrogate":    {backend, to(`"type":"SystemMessage","message":{"a":"\ud83e"}`), nil, "400 malformed-json"},
		"more than 64 KB":     {backend, to(`"type":"SystemMessage","message":{"a":"` + strings.Repeat("x", 64<<10) + `"}`), nil, "422 invalid-request"},
		"more than a body":    {backend, to(`"type":"SystemMessage","message":{"a":"` + strings.Repeat("x", 256<<10) + `"}`), nil, "413 body-too-large"},
		"a key with controls": {backend, to(custom), []string{"Idempotency-Key", `"a\b"`}, "400 malformed-idempotency-key"},
		"a key of 10 KB":      {backend, to(custom), []string{"Idempotency-Key", strings.Repeat("k", 10<<10)}, "400 malformed-idempotency-key"},
		"two keys":            {backend, to(custom), []string{"Idempotency-Key", "a", "Idempotency-Key", "b"}, "400 malformed-idempotency-key"},
	} {
		if got := w.post(c.claims, "/api/notify", c.body, http.MethodPost, c.headers...); fmt.Sprintf("%d %s", got.Status, got.Code()) != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	w.notified(w.notify(to(custom)))
	if log := w.log(); len(log) != 1 {
		t.Errorf("the log has %+v", log)
	}
}

func TestABackendOfATenantTellsItsUsersAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob, carol := uuid.New(), uuid.New(), uuid.New()
	w.rooms.tenants[alice], w.rooms.tenants[bob] = "acme", "umbrella"
	acme := map[string]any{"azp": backendClient, "tenant": "acme"}
	tell := func(users ...uuid.UUID) nodetest.Answer {
		body, err := json.Marshal(map[string]any{"toUsers": users, "type": "SystemMessage", "message": map[string]int{}})
		if err != nil {
			t.Fatal(err)
		}
		return w.post(acme, "/api/notify", string(body), http.MethodPost)
	}
	for _, other := range []uuid.UUID{bob, carol} {
		got := tell(alice, other)
		if got.Status != http.StatusUnprocessableEntity || got.Code() != "unknown-user" || !strings.Contains(string(got.Body), other.String()) || strings.Contains(string(got.Body), alice.String()) {
			t.Errorf("of another tenant: %s", got)
		}
	}
	w.rooms.isDown(true)
	if got := tell(alice); got.Status != http.StatusServiceUnavailable || got.Code() != "rooms-unavailable" {
		t.Errorf("without rooms: %s", got)
	}
	w.notified(w.notify(`{"toUser":"` + carol.String() + `","type":"SystemMessage","message":{}}`)) // a backend of no tenant needs no rooms
	w.rooms.isDown(false)
	told := w.notified(tell(alice))
	if log := w.log(); len(log) != 2 || log[1].ID != told[0].ID {
		t.Errorf("the log has %+v", log)
	}
}

func TestUnknownUsersAreRefusedWhereThatIsConfigured(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(cfg *notifications.Config) { cfg.UnknownUsers = "refuse" })
	alice := uuid.New()
	w.rooms.tenants[alice] = "acme"
	for user, want := range map[uuid.UUID]int{alice: http.StatusAccepted, uuid.New(): http.StatusUnprocessableEntity} {
		if got := w.notify(`{"toUser":"` + user.String() + `","type":"SystemMessage","message":{}}`); got.Status != want {
			t.Errorf("%s, want %d", got, want)
		}
	}
	if log := w.log(); len(log) != 1 {
		t.Errorf("the log has %+v", log)
	}
}

func TestKafkaDownIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, soonWithoutKafka)
	body := `{"toUsers":["` + uuid.NewString() + `","` + uuid.NewString() + `"],"type":"SystemMessage","message":{}}`
	servicetest.Await(t, "it is told", func() bool { return w.notify(body).Status == http.StatusAccepted })
	w.broker.Close()
	for range 3 {
		got := w.notify(body)
		if code := got.Code(); got.Status != http.StatusServiceUnavailable && got.Status != http.StatusGatewayTimeout || code != "kafka-unavailable" && code != "outcome-unknown" {
			t.Errorf("without a broker: %s", got)
		}
	}
	if got := w.post(nil, "/ready", "", http.MethodGet); got.Status != http.StatusServiceUnavailable {
		t.Errorf("ready without a broker: %s", got)
	}
}

func TestSettingsThatDoNotGoTogetherAreNamed(t *testing.T) {
	listener := httpapi.Config{HandlerTimeout: 10 * time.Second}
	good := notifications.Config{LogTimeout: 4 * time.Second, Retention: 90 * 24 * time.Hour, UnknownUsers: "keep"}
	if faults := append(good.Validate(), good.Within(listener)...); len(faults) > 0 {
		t.Errorf("proper settings: %v", faults)
	}
	faults := (notifications.Config{}).Validate()
	if len(faults) != 3 || faults[0].Variable != "LOG_TIMEOUT" || faults[1].Variable != "RETENTION" || faults[2].Variable != "UNKNOWN_USERS" {
		t.Errorf("nothing is set: %v", faults)
	}
	for _, retention := range []time.Duration{time.Hour, 25 * time.Hour, 401 * 24 * time.Hour} {
		bad := good
		bad.Retention = retention
		if faults := bad.Validate(); len(faults) != 1 || faults[0].Variable != "RETENTION" {
			t.Errorf("a retention of %s: %v", retention, faults)
		}
	}
	listener.HandlerTimeout = 5*time.Second - 1
	if faults := good.Within(listener); len(faults) != 1 || faults[0].Variable != "NOTIFICATIONS_LOG_TIMEOUT" {
		t.Errorf("no time for the answer: %v", faults)
	}
}
