package messages_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/messages/membership"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp's clock, and what sleeps ten seconds before it notices that its server has stopped
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		// gocql does not wait for what it begins when others, here tests beside this one, change a schema.
		goleak.IgnoreAnyFunction("github.com/gocql/gocql.(*Session).handleSchemaEvent"))
}

// patience is how long anything may take before a test gives up.
const patience = time.Minute

// world is a messages service with real tokens, a broker and a store, behind its real listener.
type world struct {
	tb          testing.TB
	brokers     []string
	store       *faulty
	rooms       *rooms
	log         *recorder
	tel         *telemetry.Telemetry
	issuer      *authntest.Issuer
	tokens      *authn.Verifier
	description *openapitest.Description
	base        string
	http        *http.Client
	stop        func() // ends the service and waits for it; may be called again
}

// newBroker starts the broker that the one process ships, in memory.
func newBroker(tb testing.TB) *kfake.Cluster {
	tb.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(cluster.Close)
	return cluster
}

func newSQLite(tb testing.TB) store.Store {
	tb.Helper()
	return sqlite.New(filepath.Join(tb.TempDir(), "messages.db"), slog.New(slog.DiscardHandler))
}

// newWorld starts a service and waits until it is ready.
func newWorld(tb testing.TB, brokers []string, s store.Store) *world {
	tb.Helper()
	w := &world{tb: tb, brokers: brokers, store: &faulty{Store: s}, rooms: newRooms(), log: &recorder{}, description: openapitest.Load(tb, descriptionPath)}
	w.tel = telemetry.Discard(slog.New(w.log))
	w.issuer = authntest.New(tb)
	w.tokens = w.issuer.Verifier(tb, w.tel)
	w.start()
	w.awaitReady()
	return w
}

// with gives the same world for another test, which a fuzz target is.
func (w *world) with(tb testing.TB) *world {
	other := *w
	other.tb = tb
	return &other
}

// start starts the service, again after stop with a new store that keeps its data where the old one did.
func (w *world) start() {
	w.tb.Helper()
	tel := telemetry.Discard(slog.New(w.log))
	w.tel = tel
	kafka := bus.New(bus.Config{Brokers: w.brokers, ClientID: "messages-test", SecurityProtocol: "plaintext", Replication: 1}, tel)
	service, err := messages.New(messages.Config{
		LogTimeout: 800 * time.Millisecond, WriteThroughTimeout: 500 * time.Millisecond,
		Members: membership.Config{CacheRooms: 100, CacheTTL: 30 * time.Second},
	}, messages.Deps{Store: w.store, Rooms: w.rooms, Bus: kafka, Verifier: w.tokens, Telemetry: tel})
	if err != nil {
		w.tb.Fatal(err)
	}
	draining := make(chan struct{})
	checks := append(service.Checks(), httpapi.Check{Name: "kafka", Check: kafka.Ready})
	server := httpapi.New(httpapi.Config{
		Address: "127.0.0.1:0", BodyLimit: 64 << 10, HeaderLimit: 16 << 10, ReadTimeout: patience, HandlerTimeout: 10 * time.Second, IdleTimeout: patience,
	}, httpapi.Deps{Service: "messages", Telemetry: tel, Checks: checks, Draining: draining})
	service.Routes(server.App)

	ctx, cancel := context.WithCancel(context.Background())
	listenCtx, stopListening := context.WithCancel(context.Background())
	ran, served := make(chan error, 1), make(chan error, 1)
	go func() { ran <- service.Run(ctx) }()
	go func() { served <- server.Run(listenCtx) }()
	w.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	client := w.http
	w.stop = sync.OnceFunc(func() {
		client.CloseIdleConnections()
		stopListening()
		if err := <-served; err != nil {
			w.tb.Errorf("serve: %v", err)
		}
		cancel()
		if err := <-ran; err != nil {
			w.tb.Errorf("run the service: %v", err)
		}
	})
	w.tb.Cleanup(w.stop)
	select {
	case <-server.Listening():
		w.base = "http://" + server.Address()
	case err := <-served:
		w.tb.Fatalf("serve: %v", err)
	}
}

// awaitReady waits until a message can be sent and the store takes writes.
func (w *world) awaitReady() {
	w.tb.Helper()
	room, user := w.newRoom()
	w.eventually("the service is ready", func() error {
		if answer := w.do(user, http.MethodGet, "/ready", nil); answer.status != http.StatusOK {
			return fmt.Errorf("GET /ready: %s", answer)
		}
		if answer := w.send(user, room, "ready?"); answer.status != http.StatusOK {
			return fmt.Errorf("send: %s", answer)
		}
		return nil
	})
}

// eventually waits until a condition holds.
func (w *world) eventually(what string, condition func() error) {
	w.tb.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-poll.C:
		case <-deadline.C:
			w.tb.Fatalf("not within %s: %s: %v", patience, what, err)
		}
	}
}

// newRoom makes a room of a new user and another.
func (w *world) newRoom() (room, user uuid.UUID) {
	room, user = uuid.Must(uuid.NewV7()), uuid.New()
	w.rooms.put(membership.Membership{RoomID: room, Version: 1, Members: []events.Member{
		{ID: user, DisplayName: "alice", Status: events.Joined},
		{ID: uuid.New(), DisplayName: "bob", Status: events.Joined},
		{ID: uuid.New(), DisplayName: "gone", Status: events.Left},
	}})
	return room, user
}

// answer is an HTTP answer, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// code is the answer's problem code.
func (a answer) code() string {
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(a.body, &problem)
	return problem.Code
}

// do asks as the user, or without a token as uuid.Nil. The answer must be as described.
func (w *world) do(user uuid.UUID, method, path string, body io.Reader, headers ...string) answer {
	w.tb.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, w.base+path, body)
	if err != nil {
		w.tb.Fatal(err)
	}
	if user != uuid.Nil {
		request.Header.Set("Authorization", "Bearer "+w.issuer.Token(w.tb, user, "token-name"))
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.http.Do(request)
	if err != nil {
		return answer{body: []byte(err.Error())}
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{body: []byte(err.Error())}
	}
	got := answer{status: response.StatusCode, header: response.Header, body: raw}
	w.description.Answer(w.tb, request, got.status, got.header, got.body)
	return got
}

func (w *world) send(user, room uuid.UUID, text string) answer {
	w.tb.Helper()
	body, err := json.Marshal(map[string]any{"chatRoomId": room, "msgType": "Text", "msgBody": events.TextBody{Text: text}})
	if err != nil {
		w.tb.Fatal(err)
	}
	return w.do(user, http.MethodPost, "/api/send-msg", bytes.NewReader(body))
}

func (w *world) mustSend(user, room uuid.UUID, text string) events.Message {
	w.tb.Helper()
	sent := w.send(user, room, text)
	if sent.status != http.StatusOK {
		w.tb.Fatalf("send: %s", sent)
	}
	return message(w.tb, sent.body)
}

func message(tb testing.TB, raw []byte) events.Message {
	tb.Helper()
	var m events.Message
	if err := json.Unmarshal(raw, &m); err != nil {
		tb.Fatalf("decode message %s: %v", raw, err)
	}
	return m
}

// page asks for a page of a timeline with a raw query.
func (w *world) page(user, room uuid.UUID, query string) ([]events.Message, answer) {
	w.tb.Helper()
	got := w.do(user, http.MethodGet, "/api/rooms/"+room.String()+"/timeline"+query, nil)
	if got.status != http.StatusOK {
		return nil, got
	}
	var page []events.Message
	if err := json.Unmarshal(got.body, &page); err != nil || page == nil {
		w.tb.Fatalf("decode page %s: %v", got.body, err)
	}
	return page, got
}

// timeline reads a whole timeline, newest first.
func (w *world) timeline(user, room uuid.UUID) []events.Message {
	w.tb.Helper()
	var all []events.Message
	for query := "?limit=100"; ; {
		page, got := w.page(user, room, query)
		if got.status != http.StatusOK {
			w.tb.Fatalf("page: %s", got)
		}
		all = append(all, page...)
		next := got.header.Get("X-Next-Cursor")
		if next == "" {
			return all
		}
		query = "?limit=100&cursor=" + next
	}
}
