package rooms_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/postgres"
	"github.com/ism-chat/ism/services/rooms/store/sqlite"
)

// TestMain lets pass what fasthttp leaves behind: a clock that runs for ever, and the sweeper of a server that has ended,
// which sleeps for ten seconds before it looks.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// errors are the lines of level error.
func (j *journal) errors() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lines []string
	for line := range strings.Lines(j.text.String()) {
		if strings.Contains(line, "level=ERROR") {
			lines = append(lines, line)
		}
	}
	return lines
}

// backends are the stores that the API is tested on.
func backends() map[string]func(t *testing.T, tel *telemetry.Telemetry) store.Store {
	return map[string]func(t *testing.T, tel *telemetry.Telemetry) store.Store{
		"sqlite": onSQLite,
		"postgres": func(t *testing.T, tel *telemetry.Telemetry) store.Store {
			cfg := postgres.Config{URL: config.Secret(enginetest.PostgresDatabase(t)), PoolSize: 5, StatementTimeout: 5 * time.Second, Migrate: true}
			s, err := postgres.New(cfg, tel)
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	}
}

func onSQLite(t *testing.T, tel *telemetry.Telemetry) store.Store {
	return sqlite.New(sqlite.Config{Path: filepath.Join(t.TempDir(), "rooms.db")}, tel)
}

// deployment is the service with all that it needs, behind its two listeners.
type deployment struct {
	public      string // URL of the listener
	internal    string
	http        *http.Client
	description *openapitest.Description
	service     *rooms.Service
	issuer      *authntest.Issuer
	store       store.Store
	bus         *bus.Bus
	log         *journal
}

// freePort is a port that nobody listens at.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // it has given its port
	return listener.Addr().(*net.TCPAddr).Port
}

// brokerLater gives a function that starts a Kafka-protocol broker at the port. It ends with the test, but after all that
// the test starts from now on.
func brokerLater(t *testing.T, port int) (start func()) {
	t.Helper()
	var cluster *kfake.Cluster
	t.Cleanup(func() {
		if cluster != nil {
			cluster.Close()
		}
	})
	return func() {
		t.Helper()
		var err error
		if cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port)); err != nil {
			t.Fatal(err)
		}
	}
}

// deploy runs the service on a new broker and waits until it is ready.
func deploy(t *testing.T, open func(t *testing.T, tel *telemetry.Telemetry) store.Store) *deployment {
	t.Helper()
	port := freePort(t)
	brokerLater(t, port)()
	d := prepare(t, open, port)
	d.run(t)
	d.awaitStore(t)
	return d
}

// prepare makes the service, on a broker at the port, and runs nothing.
func prepare(t *testing.T, open func(t *testing.T, tel *telemetry.Telemetry) store.Store, port int) *deployment {
	t.Helper()
	d := &deployment{issuer: authntest.New(t), log: &journal{}, description: openapitest.Load(t, descriptionPath)}
	tel := telemetry.Discard(slog.New(slog.NewTextHandler(d.log, nil)))
	d.store = open(t, tel)
	d.bus = bus.New(bus.Config{
		Brokers: []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}, ClientID: "rooms-test", SecurityProtocol: "plaintext", Replication: 1,
	}, tel)
	t.Cleanup(d.bus.Close)
	service, err := rooms.New(rooms.Config{MaxMembers: 5}, rooms.Deps{
		Store: d.store, Bus: d.bus, Verifier: d.issuer.Verifier(t, tel), Telemetry: tel,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.service = service
	cfg := httpapi.Config{
		Address: "127.0.0.1:0", InternalAddress: "127.0.0.1:0", BodyLimit: 64 << 10, HeaderLimit: 16 << 10, HandlerTimeout: 10 * time.Second,
	}
	deps := httpapi.Deps{Service: "rooms", Telemetry: tel, Checks: service.Checks(), Draining: make(chan struct{})}
	public, internal := httpapi.New(cfg, deps), httpapi.NewInternal(cfg, deps)
	service.Routes(public.App)
	service.InternalRoutes(internal.App)
	d.public, d.internal = serve(t, public), serve(t, internal)
	transport := &http.Transport{MaxIdleConnsPerHost: 50}
	t.Cleanup(transport.CloseIdleConnections)
	d.http = &http.Client{Transport: transport, Timeout: time.Minute}
	return d
}

// serve runs the server until the test ends, and gives its URL.
func serve(t *testing.T, server *httpapi.Server) string {
	t.Helper()
	runUntilEnd(t, server.Run)
	<-server.Listening()
	return "http://" + server.Address()
}

// runUntilEnd runs a part until the test ends.
func runUntilEnd(t *testing.T, part func(ctx context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- part(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// run runs the service until the test ends.
func (d *deployment) run(t *testing.T) {
	t.Helper()
	runUntilEnd(t, d.service.Run)
}

func (d *deployment) awaitStore(t *testing.T) {
	t.Helper()
	await(t, "the store", func() bool { return d.service.Checks()[0].Check(t.Context()) == nil })
}

func await(t *testing.T, what string, there func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(time.Minute)
	for !there() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// user is somebody with a token.
type user struct {
	id    uuid.UUID
	name  string
	token string
}

// newUser signs somebody in. rooms has not seen it yet.
func (d *deployment) newUser(t *testing.T, name string) user {
	t.Helper()
	id := uuid.New()
	return user{id: id, name: name, token: d.issuer.Token(t, id, name)}
}

// seenUser is a user that rooms has seen.
func (d *deployment) seenUser(t *testing.T, name string) user {
	t.Helper()
	u := d.newUser(t, name)
	d.get(t, u, "/api/rooms", nil)
	return u
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// problem is the answer as a problem.
func (a answer) problem(t *testing.T) map[string]any {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	var problem map[string]any
	if err := json.Unmarshal(a.body, &problem); err != nil {
		t.Fatalf("the answer is no problem: %s", a.body)
	}
	return problem
}

func (a answer) decode(t *testing.T, target any) {
	t.Helper()
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("status %d, %s: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	if err := json.Unmarshal(a.body, target); err != nil {
		t.Fatalf("decode %s: %v", a.body, err)
	}
}

// request is what is asked of a listener.
type request struct {
	method, path, contentType, body string
	header                          map[string]string
}

// call makes a request, with the user's token if there is one. The answer must be as described.
func (d *deployment) call(t *testing.T, listener string, u user, r request) answer {
	t.Helper()
	asked, err := http.NewRequestWithContext(t.Context(), r.method, listener+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range r.header {
		asked.Header.Set(name, value)
	}
	if r.contentType != "" {
		asked.Header.Set("Content-Type", r.contentType)
	}
	if u.token != "" {
		asked.Header.Set("Authorization", "Bearer "+u.token)
	}
	response, err := d.http.Do(asked)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	defer response.Body.Close() // it has been read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := answer{status: response.StatusCode, header: response.Header, body: body}
	d.description.Answer(t, asked, got.status, got.header, got.body)
	return got
}

// get expects 200, and decodes the answer unless target is nil.
func (d *deployment) get(t *testing.T, u user, path string, target any) {
	t.Helper()
	got := d.call(t, d.public, u, request{method: http.MethodGet, path: path})
	var all any
	if target == nil {
		target = &all
	}
	got.decode(t, target)
}

func (d *deployment) post(t *testing.T, u user, path, body string) answer {
	t.Helper()
	contentType := ""
	if body != "" {
		contentType = "application/json"
	}
	return d.call(t, d.public, u, request{method: http.MethodPost, path: path, contentType: contentType, body: body})
}

// newRoom is the body of create-room.
func newRoom(kind, name string, users ...user) string {
	body := map[string]any{"roomType": kind}
	if name != "" {
		body["roomName"] = name
	}
	ids := []uuid.UUID{}
	for _, u := range users {
		ids = append(ids, u.id)
	}
	body["invitedUsers"] = ids
	raw, _ := json.Marshal(body)
	return string(raw)
}
