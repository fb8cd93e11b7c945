package ratelimit

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// clock is a time that tests set.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func limits(t *testing.T, cfg Config) (*Limits, *clock) {
	t.Helper()
	at := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	l, err := New(cfg, telemetry.Discard(nil), at.read)
	if err != nil {
		t.Fatal(err)
	}
	return l, at
}

// passes counts how many of n requests to a route are let through.
func passes(l *Limits, of user, to route, n int) (through int) {
	for range n {
		if over, _, _ := l.take(of, l.classes(to)); over == "" {
			through++
		}
	}
	return through
}

func TestAWindowsWorthMayComeAtOnceAndIsGivenBackSteadily(t *testing.T) {
	l, at := limits(t, Config{Requests: 3, Users: 10})
	alice := user{id: uuid.New()}
	if got := passes(l, alice, route{}, 100); got != 30 {
		t.Errorf("%d at once", got)
	}
	over, wait, left := l.take(alice, l.classes(route{}))
	if over != Requests || wait != time.Second/3 || string(left.remaining) != `"requests";r=0;t=10` || string(left.policies) != `"requests";q=30;w=10` {
		t.Errorf("%s, %s, %s, %s", over, wait, left.remaining, left.policies)
	}
	at.now = at.now.Add(wait)
	if got := passes(l, alice, route{}, 2); got != 1 {
		t.Errorf("%d after what it was told to wait", got)
	}
	at.now = at.now.Add(2 * time.Second)
	if got := passes(l, alice, route{}, 100); got != 6 {
		t.Errorf("%d after two seconds", got)
	}
	at.now = at.now.Add(time.Hour)
	if got := passes(l, alice, route{}, 100); got != 30 {
		t.Errorf("%d after an hour", got)
	}
}

func TestUsersAndTenantsAreCountedByThemselves(t *testing.T) {
	l, _ := limits(t, Config{Requests: 1, Users: 10})
	id := uuid.New()
	for _, of := range []user{{id: id}, {"acme", id}, {"other", id}, {id: uuid.New()}} {
		if got := passes(l, of, route{}, 20); got != 10 {
			t.Errorf("%v: %d", of, got)
		}
	}
}

func TestAClassHasALimitBesideThatOfAll(t *testing.T) {
	l, at := limits(t, Config{Requests: 10, Creations: 6, Users: 10})
	create := route{http.MethodPost, "/rooms"}
	l.Name(Route{create.method, create.path, Creations})
	alice := user{id: uuid.New()}
	if got := passes(l, alice, create, 100); got != 6 {
		t.Errorf("%d creations", got)
	}
	over, wait, left := l.take(alice, l.classes(create))
	if over != Creations || wait != 10*time.Second || string(left.remaining) != `"requests";r=94;t=1, "creations";r=0;t=60` {
		t.Errorf("%s, %s, %s", over, wait, left.remaining)
	}
	// What is refused takes nothing away from other requests.
	if got := passes(l, alice, route{http.MethodGet, "/rooms"}, 200); got != 94 {
		t.Errorf("%d other requests", got)
	}
	at.now = at.now.Add(10 * time.Second)
	if got := passes(l, alice, create, 100); got != 1 {
		t.Errorf("%d creations ten seconds later", got)
	}
}

func TestZeroIsNoLimit(t *testing.T) {
	l, _ := limits(t, Config{Users: 10})
	create := route{http.MethodPost, "/rooms"}
	l.Name(Route{create.method, create.path, Creations})
	if got := passes(l, user{id: uuid.New()}, create, 10_000); got != 10_000 {
		t.Error(got)
	}
}

// Only the users that were seen last are kept, and one of them that goes on asking stays refused.
func TestUsersAreCountedUpToABound(t *testing.T) {
	l, _ := limits(t, Config{Requests: 1, Users: 100})
	busy := user{id: uuid.New()}
	passes(l, busy, route{}, 10)
	for range 10_000 {
		if got := passes(l, busy, route{}, 1); got != 0 {
			t.Fatal("a user who is over its limit begins anew")
		}
		passes(l, user{id: uuid.New()}, route{}, 1)
	}
	if kept := l.users.Len(); kept != 100 {
		t.Errorf("%d users are kept", kept)
	}
}

func TestConfigFaults(t *testing.T) {
	for variable, value := range map[string]string{
		"ISM_REQUESTS": "-1", "ISM_CREATIONS": "-1", "ISM_INVITATIONS": "-1", "ISM_CONTACTS": "-1", "ISM_USERS": "0",
	} {
		var cfg Config
		err := config.LoadFrom(&cfg, []string{variable + "=" + value})
		if err == nil || !strings.Contains(err.Error(), variable) {
			t.Errorf("%s=%s: %v", variable, value, err)
		}
	}
}

// api is an API with limits, whose tokens are an issuer's.
type api struct {
	app    *fiber.App
	issuer *authntest.Issuer
	limits *Limits
	clock  *clock
}

func newAPI(t *testing.T, cfg Config) *api {
	t.Helper()
	tel := telemetry.Discard(nil)
	issuer := authntest.New(t)
	tokens := issuer.Config()
	tokens.AdminRole = "ism-admin"
	verifier := authntest.Start(t, tokens, tel)
	l, at := limits(t, cfg)
	verifier.Then(l.Handle)
	server := httpapi.New(httpapi.Config{
		BodyLimit: 1 << 18, HeaderLimit: 1 << 14, ReadTimeout: 10 * time.Second, HandlerTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second,
		CORSOrigins: []string{"https://app.example.com"},
	}, httpapi.Deps{Service: "test", Telemetry: tel, Draining: make(chan struct{})})
	ok := func(c *fiber.Ctx) error { return c.SendString("ok") }
	server.App.Get("/api/rooms", verifier.Require(), ok)
	server.App.Post("/api/rooms/:room_id/invite/:user_id", verifier.Require(), ok)
	l.Name(Route{http.MethodPost, "/api/rooms/:room_id/invite/:user_id", Invitations})
	return &api{server.App, issuer, l, at}
}

func (a *api) ask(t *testing.T, method, path, authorization string) (*http.Response, string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	request.Header.Set("Origin", "https://app.example.com")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := a.app.Test(request, int(servicetest.Timeout.Milliseconds()))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestTheAnswerSaysWhatIsLeft(t *testing.T) {
	a := newAPI(t, Config{Requests: 1, Invitations: 2, Users: 10})
	alice, id := uuid.New(), "/api/rooms/7/invite/"
	token := a.issuer.Token(t, alice, "alice")
	response, _ := a.ask(t, http.MethodPost, id+"1", "Bearer "+token)
	if got := response.Header.Get("RateLimit"); response.StatusCode != http.StatusOK || got != `"requests";r=9;t=1, "invitations";r=1;t=30` {
		t.Errorf("%d %s", response.StatusCode, got)
	}
	if got := response.Header.Get("RateLimit-Policy"); got != `"requests";q=10;w=10, "invitations";q=2;w=60` {
		t.Error(got)
	}
	// Neither another token nor another way to write the header, nor another room, is another user.
	a.ask(t, http.MethodPost, id+"2", "bearer   "+a.issuer.Token(t, alice, "alicia"))
	response, body := a.ask(t, http.MethodPost, "/api/rooms/8/invite/3", "BEARER "+a.issuer.Token(t, alice, "alice"))
	var problem struct{ Code, TraceID string }
	if err := json.Unmarshal([]byte(body), &problem); err != nil || response.StatusCode != http.StatusTooManyRequests || problem.Code != "rate-limited" || problem.TraceID == "" {
		t.Errorf("%d %s, %v", response.StatusCode, body, err)
	}
	if got := response.Header.Get("Retry-After"); got != "30" {
		t.Errorf("Retry-After %q", got)
	}
	exposed := response.Header.Get("Access-Control-Expose-Headers")
	for _, name := range []string{"Retry-After", "RateLimit", "RateLimit-Policy"} {
		if response.Header.Get(name) == "" || !strings.Contains(","+exposed+",", ","+name+",") || response.Header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("a page cannot read %s: %v", name, response.Header)
		}
	}
	if got := testutil.ToFloat64(a.limits.refused.WithLabelValues("invitations")); got != 1 {
		t.Errorf("%v refusals are counted", got)
	}
	a.clock.now = a.clock.now.Add(30 * time.Second)
	if response, _ := a.ask(t, http.MethodPost, id+"4", "Bearer "+token); response.StatusCode != http.StatusOK {
		t.Errorf("after Retry-After: %d", response.StatusCode)
	}
	if response, _ := a.ask(t, http.MethodPost, id+"4", "Bearer "+a.issuer.Token(t, uuid.New(), "bob")); response.StatusCode != http.StatusOK {
		t.Errorf("another user: %d", response.StatusCode)
	}
}

func TestWhoeverIsNoUserIsNotCounted(t *testing.T) {
	a := newAPI(t, Config{Requests: 1, Users: 1})
	for range 20 {
		response, _ := a.ask(t, http.MethodGet, "/api/rooms", "Bearer nonsense")
		if response.StatusCode != http.StatusUnauthorized || response.Header.Get("RateLimit") != "" {
			t.Fatalf("a stranger: %d %v", response.StatusCode, response.Header)
		}
	}
	claims := a.issuer.Claims(uuid.New(), "backend")
	claims["roles"] = []string{"ism-admin"}
	backend := a.issuer.Sign(t, claims)
	for i := range 20 {
		if response, _ := a.ask(t, http.MethodGet, "/api/rooms", "Bearer "+backend); response.StatusCode != http.StatusOK || response.Header.Get("RateLimit") != "" {
			t.Fatalf("the backend's request %s: %d %v", strconv.Itoa(i), response.StatusCode, response.Header)
		}
	}
	if kept := a.limits.users.Len(); kept != 0 {
		t.Errorf("%d users are kept", kept)
	}
}

func TestWhatHasNoLimitIsNotCountedAndSaysNothing(t *testing.T) {
	a := newAPI(t, Config{Invitations: 1, Users: 1})
	response, _ := a.ask(t, http.MethodGet, "/api/rooms", "Bearer "+a.issuer.Token(t, uuid.New(), "alice"))
	for _, name := range []string{"RateLimit", "RateLimit-Policy"} {
		if values, there := response.Header[http.CanonicalHeaderKey(name)]; there {
			t.Errorf("%s: %q", name, values)
		}
	}
	if kept := a.limits.users.Len(); kept != 0 {
		t.Errorf("%d users are kept", kept)
	}
}

func BenchmarkTake(b *testing.B) {
	l, err := New(Config{Requests: 1 << 20, Users: 1000}, telemetry.Discard(nil), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	of := user{id: uuid.New()}
	b.ReportAllocs()
	for b.Loop() {
		l.take(of, l.classes(route{http.MethodGet, "/api/rooms"}))
	}
}
