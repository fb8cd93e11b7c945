package notifications_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

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
	description *openapitest.Description
	base        string
	http        *http.Client
	log         *servicetest.Log
}

// onSQLite is the store of tests to which it does not matter.
func onSQLite(tb testing.TB, tel *telemetry.Telemetry) store.Store {
	return sqlite.New(sqlite.Config{Path: filepath.Join(tb.TempDir(), "notifications.db")}, tel)
}

func onPostgres(tb testing.TB, tel *telemetry.Telemetry) store.Store {
	cfg := libpostgres.Config{URL: config.Secret(enginetest.PostgresDatabase(tb)), PoolSize: 5, StatementTimeout: 5 * time.Second}
	s, err := postgres.New(cfg, libpostgres.MigrateAuto, tel)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// newWorld starts a service and waits until it is ready.
func newWorld(tb testing.TB) *world {
	tb.Helper()
	return newWorldOn(tb, onSQLite)
}

func newWorldOn(tb testing.TB, open func(testing.TB, *telemetry.Telemetry) store.Store, set ...func(*notifications.Config)) *world {
	tb.Helper()
	w := &world{tb: tb, broker: nodetest.Broker(tb, kfake.SeedTopics(1, "push")), log: &servicetest.Log{}, description: openapitest.Load(tb, description), http: &http.Client{Transport: &http.Transport{}}}
	tb.Cleanup(w.http.CloseIdleConnections)
	tel := telemetry.Discard(slog.New(slog.NewTextHandler(w.log, nil)))
	w.issuer = authntest.New(tb)
	cfg := w.issuer.Config()
	cfg.TenantClaim, cfg.BackendClients = "tenant", []string{backendClient}
	w.tokens = authntest.Start(tb, cfg, tel)
	w.kafka = bus.New(bus.Config{Brokers: w.broker.ListenAddrs(), ClientID: "notifications-test", SecurityProtocol: "plaintext", Replication: 1}, tel)
	tb.Cleanup(w.kafka.Close)
	settings := notifications.Config{LogTimeout: 2 * time.Second, Retention: 90 * 24 * time.Hour}
	for _, change := range set {
		change(&settings)
	}
	service, err := notifications.New(settings, notifications.Deps{
		Store: open(tb, tel), Bus: w.kafka, Verifier: w.tokens, Telemetry: tel,
	})
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

// sent is what the log of notifications has.
func (w *world) sent() []events.Event {
	w.tb.Helper()
	return w.read(events.TopicNotifications)
}

// read is what a log has.
func (w *world) read(topic string) (all []events.Event) {
	w.tb.Helper()
	var records []bus.Record
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
	for _, record := range records {
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
	log := w.sent()
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
	if len(told) != 1000 || len(w.sent()) != 1000 {
		t.Fatalf("told are %d, the log has %d", len(told), len(w.sent()))
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
		"a tenant's backend":  {map[string]any{"azp": backendClient, "tenant": "acme"}, to(custom), nil, "403 tenant-backend"},
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
	if log := w.sent(); len(log) != 1 {
		t.Errorf("the log has %+v", log)
	}
}

func TestKafkaDownIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"toUsers":["` + uuid.NewString() + `","` + uuid.NewString() + `"],"type":"SystemMessage","message":{}}`
	w.notified(w.notify(body))
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
	good := notifications.Config{LogTimeout: 4 * time.Second, Retention: 90 * 24 * time.Hour}
	if faults := append(good.Validate(), good.Within(listener)...); len(faults) > 0 {
		t.Errorf("proper settings: %v", faults)
	}
	if faults := (notifications.Config{}).Validate(); len(faults) != 2 || faults[0].Variable != "LOG_TIMEOUT" || faults[1].Variable != "RETENTION" {
		t.Errorf("no time for Kafka, and none to keep anything: %v", faults)
	}
	for _, retention := range []time.Duration{time.Hour, 25 * time.Hour, 401 * 24 * time.Hour} {
		if faults := (notifications.Config{LogTimeout: time.Second, Retention: retention}).Validate(); len(faults) != 1 || faults[0].Variable != "RETENTION" {
			t.Errorf("a retention of %s: %v", retention, faults)
		}
	}
	listener.HandlerTimeout = 4 * time.Second
	if faults := good.Within(listener); len(faults) != 1 || faults[0].Variable != "NOTIFICATIONS_LOG_TIMEOUT" {
		t.Errorf("no time for the answer: %v", faults)
	}
}
