package delivery_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	libpostgres "github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/delivery"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/postgres"
	"github.com/ism-chat/ism/services/notifications/store/sqlite"
	"github.com/ism-chat/ism/services/notifications/store/storetest"
)

// receiverOfAll counts what comes at once, and notes what has come, by endpoint and room. Each tenth webhook fails at first.
type receiverOfAll struct {
	mu     sync.Mutex
	at     map[uuid.UUID]int
	most   int
	came   map[[2]uuid.UUID][]uuid.UUID
	failed map[uuid.UUID]bool
}

func (r *receiverOfAll) Send(_ context.Context, sending store.Sending) delivery.Outcome {
	endpoint := sending.Endpoint.ID
	r.mu.Lock()
	r.at[endpoint]++
	r.most = max(r.most, r.at[endpoint])
	r.mu.Unlock()
	time.Sleep(rand.N(3 * time.Millisecond)) // as receivers take their time
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at[endpoint]--
	outcome := delivery.Outcome{At: time.Now().UTC(), Status: 200}
	if event := sending.Delivery.EventID; event[15]%10 == 0 && !r.failed[event] {
		r.failed[event] = true
		outcome.Status = 500
		return outcome
	}
	of := [2]uuid.UUID{endpoint, sending.Delivery.RoomID}
	r.came[of] = append(r.came[of], sending.Delivery.EventID)
	return outcome
}

// Several processes on one database, and one on a file: each webhook is taken once, those of a room in order, and no endpoint has more at once than it takes.
func TestProcessesTogetherKeepWhatIsPromised(t *testing.T) {
	t.Parallel()
	address := enginetest.PostgresDatabase(t)
	onPostgres := func() store.Store {
		cfg := libpostgres.Config{URL: config.Secret(address), PoolSize: 8, StatementTimeout: time.Minute}
		s, err := postgres.New(cfg, libpostgres.MigrateAuto, telemetry.Discard(nil))
		if err != nil {
			t.Fatal(err)
		}
		return storetest.Start(t, s)
	}
	for name, open := range map[string]func() []store.Store{
		"postgres": func() []store.Store { return []store.Store{onPostgres(), onPostgres()} },
		"sqlite": func() []store.Store {
			return []store.Store{storetest.Start(t, sqlite.New(sqlite.Config{Path: filepath.Join(t.TempDir(), "notifications.db")}, telemetry.Discard(nil)))}
		},
	} {
		stores := open() // before it is parallel, so that they outlive it
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, stores)
		})
	}
}

func play(t *testing.T, stores []store.Store) {
	receiver := &receiverOfAll{at: map[uuid.UUID]int{}, came: map[[2]uuid.UUID][]uuid.UUID{}, failed: map[uuid.UUID]bool{}}
	now := func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
	limits := delivery.Limits{Attempt: 15 * time.Second, AtOnce: 50, DisableAfter: time.Hour * 24, GiveUpAfter: 7 * 24 * time.Hour}
	var processes []*delivery.Deliveries
	for _, s := range stores {
		d := delivery.New(s, receiver, limits, now, telemetry.Discard(slog.New(slog.DiscardHandler)))
		processes = append(processes, d)
		t.Cleanup(servicetest.Run(t, "senders", d.Send))
		t.Cleanup(servicetest.Run(t, "jobs", func(ctx context.Context) error { return s.RunJobs(ctx, 50, slog.New(slog.DiscardHandler), d.Do) }))
	}
	endpoints := []uuid.UUID{newEndpoint(t, stores[0], true), newEndpoint(t, stores[0], false)}
	rooms, want := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}, map[uuid.UUID][]uuid.UUID{}
	const webhooks = 60
	for i := range webhooks {
		room := rooms[i%len(rooms)]
		webhook := payload.Webhook{ID: uuid.New(), Type: payload.TypeMessageCreated, RoomID: room, At: now(), Body: []byte("{}")}
		webhook.ID[15] = byte(i) // so that some fail
		want[room] = append(want[room], webhook.ID)
		taken := []delivery.Taken{{Webhook: webhook, Endpoints: endpoints}}
		for range 1 + i%2 { // each second one is taken twice
			if err := processes[i%len(processes)].Take(t.Context(), taken); err != nil {
				t.Fatal(err)
			}
		}
	}
	servicetest.Await(t, "all are taken", func() bool {
		receiver.mu.Lock()
		defer receiver.mu.Unlock()
		n := 0
		for _, came := range receiver.came {
			n += len(came)
		}
		return n >= webhooks*len(endpoints)
	})
	receiver.mu.Lock()
	defer receiver.mu.Unlock()
	for _, room := range rooms {
		if came := receiver.came[[2]uuid.UUID{endpoints[0], room}]; !slices.Equal(came, want[room]) {
			t.Errorf("to the ordered one come are %v, want %v", came, want[room])
		}
		if came := receiver.came[[2]uuid.UUID{endpoints[1], room}]; len(came) != len(want[room]) {
			t.Errorf("to the other one come are %d, want %d", len(came), len(want[room]))
		}
	}
	if receiver.most > 3 {
		t.Errorf("%d come at once", receiver.most)
	}
}

func newEndpoint(t *testing.T, s store.Store, ordered bool) uuid.UUID {
	t.Helper()
	endpoint := store.Endpoint{
		ID: uuid.New(), URL: "https://example.com", Types: []string{"a"}, Scheme: "v1", Concurrency: 3, Ordered: ordered,
		Status: store.EndpointActive, CreatedAt: begin, UpdatedAt: begin,
	}
	err := s.ChangeWebhooks(t.Context(), "test", func(ctx context.Context, tx store.WebhookTx) error {
		return tx.InsertEndpoint(ctx, endpoint, store.Secret{Text: "secret", CreatedAt: begin})
	})
	if err != nil {
		t.Fatal(err)
	}
	return endpoint.ID
}
