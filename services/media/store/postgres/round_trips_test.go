package postgres

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media/store"
	"github.com/ism-chat/ism/services/media/store/storetest"
)

// roundTrips notes what a connection waits for: statements, and batches of them, by the words that they begin with.
type roundTrips struct {
	mu    sync.Mutex
	words []string
}

func (r *roundTrips) note(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.words = append(r.words, what)
}

// of gives what an operation waits for.
func (r *roundTrips) of(operation func()) []string {
	r.mu.Lock()
	r.words = nil
	r.mu.Unlock()
	operation()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.words)
}

func (r *roundTrips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	r.note(strings.ToLower(strings.Fields(strings.TrimPrefix(strings.TrimSpace(data.SQL), "-- "))[0]))
	return ctx
}

func (*roundTrips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (r *roundTrips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	r.note("batch")
	return ctx
}

func (*roundTrips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (*roundTrips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// What all uploads to a room write is locked for one round trip and the commit: a signed upload is one, and each later step ends with a batch.
func TestUsagesAreLockedForOneRoundTrip(t *testing.T) {
	t.Parallel()
	address := enginetest.PostgresDatabase(t)
	rows, err := New(postgres.Config{URL: config.Secret(address), PoolSize: 5, StatementTimeout: time.Minute}, postgres.MigrateAuto, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Start(t, rows)
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	var trips roundTrips
	cfg.ConnConfig.Tracer = &trips
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	rows.db.Use(pool)
	s := store.New(rows, telemetry.Discard(nil), time.Now)
	room, alice := uuid.New(), uuid.New()
	create := func() uuid.UUID {
		m, _, err := s.Create(t.Context(), store.Media{
			ID: uuid.New(), Room: room, Uploader: alice, Purpose: store.PurposeMessage, FileName: "soup.png", MimeType: "image/png", Size: 1000,
			ExpiresAt: time.Now().Add(time.Hour),
		}, store.Quotas{UserMedia: 10})
		if err != nil {
			t.Fatal(err)
		}
		return m.ID
	}
	succeeds := func(_ store.Media, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	create() // makes the usages
	var id uuid.UUID
	for _, c := range []struct {
		operation string
		do        func()
		want      []string
	}{
		{"create", func() { id = create() }, []string{"with"}},
		{"complete", func() {
			succeeds(s.Complete(t.Context(), id, store.Facts{Size: 1000, SHA256: make([]byte, 32), Type: "image/png"}))
		}, []string{"begin", "select", "name:", "batch", "commit"}},
		{"ready", func() { succeeds(s.Ready(t.Context(), id, 1, 1, nil)) }, []string{"begin", "select", "batch", "commit"}},
		{"delete", func() { succeeds(s.Delete(t.Context(), id, store.ReasonWithdrawn)) }, []string{"begin", "select", "name:", "batch", "commit"}},
	} {
		// River inserts a job, and may tell those who wait for jobs: two statements of the same name.
		if got := slices.Compact(trips.of(c.do)); !slices.Equal(got, c.want) {
			t.Errorf("%s waits for %q, want %q", c.operation, got, c.want)
		}
	}
}
