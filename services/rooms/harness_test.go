package rooms_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	libpostgres "github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/postgres"
	"github.com/ism-chat/ism/services/rooms/store/sqlite"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// backends are the stores that the API is tested on.
func backends() map[string]func(t *testing.T, tel *telemetry.Telemetry) store.Store {
	return map[string]func(t *testing.T, tel *telemetry.Telemetry) store.Store{
		"sqlite": onSQLite,
		"postgres": func(t *testing.T, tel *telemetry.Telemetry) store.Store {
			cfg := libpostgres.Config{URL: config.Secret(enginetest.PostgresDatabase(t)), PoolSize: 5, StatementTimeout: time.Minute}
			s, err := postgres.New(cfg, libpostgres.MigrateAuto, tel)
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
	*nodetest.Node
	http        *http.Client
	description *openapitest.Description
	service     *rooms.Service
	issuer      *authntest.Issuer
	store       store.Store
	bus         *bus.Bus
	log         *servicetest.Log
	tel         *telemetry.Telemetry
}

// deploy runs the service on a new broker and waits until it is ready.
func deploy(t *testing.T, open func(t *testing.T, tel *telemetry.Telemetry) store.Store) *deployment {
	t.Helper()
	return deployWith(t, open, rooms.Config{MaxMembers: 5, ErasedBy: []string{"messages"}})
}

func deployWith(t *testing.T, open func(t *testing.T, tel *telemetry.Telemetry) store.Store, cfg rooms.Config) *deployment {
	t.Helper()
	port := servicetest.FreePort(t)
	nodetest.Broker(t, kfake.Ports(port))
	d := prepareWith(t, open, port, cfg)
	d.Run(t)
	d.awaitStore(t)
	return d
}

// prepare makes the service, on a broker at the port, and runs nothing.
func prepare(t *testing.T, open func(t *testing.T, tel *telemetry.Telemetry) store.Store, port int) *deployment {
	t.Helper()
	return prepareWith(t, open, port, rooms.Config{MaxMembers: 5, ErasedBy: []string{"messages"}})
}

// begun is a deployment that runs and is ready.
func begun(t *testing.T, open func(t *testing.T, tel *telemetry.Telemetry) store.Store, port int) *deployment {
	t.Helper()
	d := prepare(t, open, port)
	d.Run(t)
	d.awaitReady(t)
	return d
}

func prepareWith(t *testing.T, open func(t *testing.T, tel *telemetry.Telemetry) store.Store, port int, cfg rooms.Config) *deployment {
	t.Helper()
	d := &deployment{issuer: authntest.New(t), log: &servicetest.Log{}, description: openapitest.Load(t, descriptionPath)}
	tel := telemetry.Discard(slog.New(slog.NewTextHandler(d.log, nil)))
	d.tel, d.store = tel, open(t, tel)
	d.bus = bus.New(bus.Config{
		Brokers: []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}, ClientID: "rooms-test", SecurityProtocol: "plaintext", Replication: 1,
	}, tel)
	t.Cleanup(d.bus.Close)
	tokens := d.issuer.Config()
	tokens.TenantClaim, tokens.BackendClients, tokens.AdminRole = "tenant", []string{"shop"}, "ism-admin"
	service, err := rooms.New(cfg, rooms.Deps{
		Store: d.store, Bus: d.bus, Verifier: authntest.Start(t, tokens, tel), Telemetry: tel,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.service = service
	d.Node = nodetest.Listen(t, "rooms", service, tel)
	transport := &http.Transport{MaxIdleConnsPerHost: 50}
	t.Cleanup(transport.CloseIdleConnections)
	d.http = &http.Client{Transport: transport, Timeout: time.Minute}
	return d
}

func (d *deployment) awaitStore(t *testing.T) {
	t.Helper()
	servicetest.Await(t, "the store", func() bool { return d.service.Checks()[0].Check(t.Context()) == nil })
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

// userWith signs somebody in whose token has further claims. rooms has not seen it yet.
func (d *deployment) userWith(t *testing.T, name string, further map[string]any) user {
	t.Helper()
	id := uuid.New()
	claims := d.issuer.Claims(id, name)
	maps.Copy(claims, further)
	return user{id: id, name: name, token: d.issuer.Sign(t, claims)}
}

// seenUser is a user that rooms has seen.
func (d *deployment) seenUser(t *testing.T, name string) user {
	t.Helper()
	u := d.newUser(t, name)
	d.get(t, u, "/api/rooms", nil)
	return u
}

// request is what is asked of a listener.
type request struct {
	method, path, contentType, body string
	header                          map[string]string
}

// call makes a request, with the user's token if there is one. The answer must be as described.
func (d *deployment) call(t *testing.T, listener string, u user, r request) nodetest.Answer {
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
	got, err := nodetest.Do(t, d.http, d.description, asked)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// get expects 200, and decodes the answer unless target is nil.
func (d *deployment) get(t *testing.T, u user, path string, target any) {
	t.Helper()
	got := d.call(t, d.Public, u, request{method: http.MethodGet, path: path})
	var all any
	if target == nil {
		target = &all
	}
	got.Decode(t, target)
}

func (d *deployment) post(t *testing.T, u user, path, body string) nodetest.Answer {
	t.Helper()
	contentType := ""
	if body != "" {
		contentType = "application/json"
	}
	return d.call(t, d.Public, u, request{method: http.MethodPost, path: path, contentType: contentType, body: body})
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
