package messages_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/messages/membership"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
)

// Tests run side by side, but for those on Cassandra itself: to make several keyspaces at once takes it minutes.
func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// tokenName is what every token of the tests names its user. rooms has another name, as it may when somebody has just been renamed.
const tokenName = "token-name"

// backendClient is the client whose tokens speak for the backend.
const backendClient = "shop"

// logTimeout is how long a send waits for Kafka where no test harms it: a busy machine stops a broker for a second or two.
const logTimeout = 8 * time.Second

// world is a messages service with real tokens, a broker and a store, behind its real listener.
type world struct {
	tb          testing.TB
	brokers     []string
	store       *faulty
	rooms       *rooms
	media       *media
	cfg         messages.Config // from its next start
	log         *recorder
	tel         *telemetry.Telemetry
	issuer      *authntest.Issuer
	tokens      *authn.Verifier
	description *openapitest.Description
	service     *messages.Service
	base        string
	internal    string // the internal listener
	http        *http.Client
	stop        func() // ends the service and waits for it; may be called again
}

func newSQLite(tb testing.TB) store.Store {
	tb.Helper()
	return sqlite.New(filepath.Join(tb.TempDir(), "messages.db"), slog.New(slog.DiscardHandler))
}

// newWorld starts a service, with what is set otherwise than in most tests, and waits until it is ready.
func newWorld(tb testing.TB, brokers []string, s store.Store, settings ...func(*messages.Config)) *world {
	tb.Helper()
	w := &world{
		tb: tb, brokers: brokers, store: &faulty{Store: s}, rooms: newRooms(), media: &media{known: map[uuid.UUID]events.MediaAnswer{}},
		cfg: messages.Config{
			LogTimeout: logTimeout, WriteThroughTimeout: 500 * time.Millisecond, EditWindow: 24 * time.Hour,
			Members: membership.Config{CacheBytes: 1 << 20, CacheTTL: 30 * time.Second},
		},
		log: &recorder{}, description: openapitest.Load(tb, descriptionPath),
	}
	for _, set := range settings {
		set(&w.cfg)
	}
	w.tel = telemetry.Discard(slog.New(w.log))
	w.issuer = authntest.New(tb)
	tokens := w.issuer.Config()
	tokens.TenantClaim, tokens.BackendClients = "tenant", []string{backendClient}
	w.tokens = authntest.Start(tb, tokens, w.tel)
	w.start()
	w.awaitReady()
	return w
}

// impatient is for tests in which sends wait for Kafka in vain.
func impatient(cfg *messages.Config) { cfg.LogTimeout = 4 * time.Second }

func keeping(retention time.Duration) func(*messages.Config) {
	return func(cfg *messages.Config) { cfg.Retention = retention }
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
	w.tb.Cleanup(kafka.Close)
	service, err := messages.New(w.cfg, messages.Deps{Store: w.store, Rooms: w.rooms, Media: w.media, Bus: kafka, Verifier: w.tokens, Telemetry: tel})
	if err != nil {
		w.tb.Fatal(err)
	}
	node := nodetest.Start(w.tb, "messages", service, tel, httpapi.Check{Name: "kafka", Check: kafka.Ready})
	w.service, w.base, w.internal = service, node.Public, node.Internal
	w.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	w.stop = sync.OnceFunc(func() {
		w.http.CloseIdleConnections()
		node.Stop()
	})
	w.tb.Cleanup(w.stop)
}

// awaitReady waits until a message can be sent and the store takes writes.
func (w *world) awaitReady() {
	w.tb.Helper()
	room, user := w.newRoom()
	servicetest.AwaitSuccess(w.tb, "the service is ready", func() error {
		if answer := w.do(user, http.MethodGet, "/ready", nil); answer.Status != http.StatusOK {
			return fmt.Errorf("GET /ready: %s", answer)
		}
		if answer := w.send(user, room, "ready?"); answer.Status != http.StatusOK {
			return fmt.Errorf("send: %s", answer)
		}
		return nil
	})
}

// newRoom makes a room of a new user and another.
func (w *world) newRoom() (room, user uuid.UUID) {
	user = uuid.New()
	return w.newRoomOf(user), user
}

// newRoomOf makes a room of a user and another.
func (w *world) newRoomOf(user uuid.UUID) uuid.UUID {
	room := uuid.Must(uuid.NewV7())
	w.rooms.put(events.Membership{RoomID: room, Audience: events.Audience{Users: []uuid.UUID{user, uuid.New()}, Version: 1}})
	return room
}

// caller is who asks; nobody as the zero value.
type caller struct {
	id     uuid.UUID
	claims map[string]any // beside those that every token has
}

// backend is a caller with a token of the backend.
func backend(id uuid.UUID) caller { return caller{id, map[string]any{"azp": backendClient}} }

// do asks as the user, or without a token as uuid.Nil. The answer must be as described.
func (w *world) do(user uuid.UUID, method, path string, body io.Reader, headers ...string) nodetest.Answer {
	w.tb.Helper()
	return w.doAs(caller{id: user}, method, path, body, headers...)
}

func (w *world) doAs(by caller, method, path string, body io.Reader, headers ...string) nodetest.Answer {
	w.tb.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, w.base+path, body)
	if err != nil {
		w.tb.Fatal(err)
	}
	if by.id != uuid.Nil {
		claims := w.issuer.Claims(by.id, tokenName)
		maps.Copy(claims, by.claims)
		request.Header.Set("Authorization", "Bearer "+w.issuer.Sign(w.tb, claims))
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	got, err := nodetest.Do(w.tb, w.http, w.description, request)
	if err != nil {
		return nodetest.Answer{Body: []byte(err.Error())}
	}
	return got
}

func (w *world) send(user, room uuid.UUID, text string) nodetest.Answer {
	w.tb.Helper()
	body, err := json.Marshal(map[string]any{"chatRoomId": room, "msgType": "Text", "msgBody": wire.TextBody{Text: text}})
	if err != nil {
		w.tb.Fatal(err)
	}
	return w.do(user, http.MethodPost, "/api/send-msg", bytes.NewReader(body))
}

func (w *world) mustSend(user, room uuid.UUID, text string) wire.Message {
	w.tb.Helper()
	sent := w.send(user, room, text)
	if sent.Status != http.StatusOK {
		w.tb.Fatalf("send: %s", sent)
	}
	return message(w.tb, sent.Body)
}

func message(tb testing.TB, raw []byte) wire.Message {
	tb.Helper()
	var m wire.Message
	if err := json.Unmarshal(raw, &m); err != nil {
		tb.Fatalf("decode message %s: %v", raw, err)
	}
	return m
}

// page asks for a page of a timeline with a raw query.
func (w *world) page(user, room uuid.UUID, query string) ([]wire.Message, nodetest.Answer) {
	w.tb.Helper()
	got := w.do(user, http.MethodGet, "/api/rooms/"+room.String()+"/timeline"+query, nil)
	if got.Status != http.StatusOK {
		return nil, got
	}
	var page []wire.Message
	if err := json.Unmarshal(got.Body, &page); err != nil || page == nil {
		w.tb.Fatalf("decode page %s: %v", got.Body, err)
	}
	return page, got
}

// timeline reads a whole timeline, newest first.
func (w *world) timeline(user, room uuid.UUID) []wire.Message {
	w.tb.Helper()
	var all []wire.Message
	for query := "?limit=100"; ; {
		page, got := w.page(user, room, query)
		if got.Status != http.StatusOK {
			w.tb.Fatalf("page: %s", got)
		}
		all = append(all, page...)
		next := got.Header.Get("X-Next-Cursor")
		if next == "" {
			return all
		}
		query = "?limit=100&cursor=" + next
	}
}
