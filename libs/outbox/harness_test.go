package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/outbox/postgres"
	outboxsqlite "github.com/ism-chat/ism/libs/outbox/sqlite"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func TestConformance(t *testing.T) {
	t.Run("postgres", func(t *testing.T) {
		outboxtest.Run(t, func(t *testing.T) outboxtest.Store { return onPostgres(t, newDatabase(t)) })
	})
	t.Run("sqlite", func(t *testing.T) { outboxtest.Run(t, onSQLite) })
}

// postgresStore is a service's store that has nothing but the outbox.
type postgresStore struct {
	*postgres.Outbox
	pool *pgxpool.Pool
}

// newDatabase is the URL of a database with an empty outbox.
func newDatabase(t testing.TB) string {
	t.Helper()
	url := enginetest.PostgresDatabase(t)
	if _, err := admin(t, url).Exec(t.Context(), postgres.Schema); err != nil {
		t.Fatal(err)
	}
	return url
}

// onPostgres opens the outbox at url, as a process of its own would.
func onPostgres(t testing.TB, url string) outboxtest.Store {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	cfg := postgres.Config{Connection: func() *pgx.ConnConfig { return pool.Config().ConnConfig }, Lock: 7, Channel: "Outbox of the test", Timeout: 5 * time.Second}
	return postgresStore{postgres.New(cfg), pool}
}

func (s postgresStore) Pending(ctx context.Context, rows []int64) ([]int64, error) {
	return s.Outbox.Pending(ctx, s.pool, rows)
}

func (s postgresStore) Transact(ctx context.Context, change func(add func(row outbox.Row) (int64, error)) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		return change(func(row outbox.Row) (int64, error) { return s.Append(ctx, tx, row) })
	})
}

// admin is a connection of the test's own.
func admin(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

type sqliteStore struct {
	*outboxsqlite.Outbox
	db *sqlite.DB
}

func onSQLite(t *testing.T) outboxtest.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outbox.db")
	db, err := sqlite.Open(t.Context(), path, sqlite.UserVersion(outboxsqlite.Schema), func(err error, _ time.Duration) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return sqliteStore{outboxsqlite.New(5 * time.Second), db}
}

func (s sqliteStore) Lead(ctx context.Context) (outbox.Lead, error) { return s.Outbox.Lead(ctx, s.db) }

func (s sqliteStore) Pending(ctx context.Context, rows []int64) ([]int64, error) {
	return s.Outbox.Pending(ctx, s.db, rows)
}

// loseAll takes all rows away, and the memory of which ids have been given.
func loseAll(t *testing.T, s outboxtest.Store) {
	t.Helper()
	if _, err := s.(sqliteStore).db.Writer.ExecContext(t.Context(), "DELETE FROM outbox; DELETE FROM sqlite_sequence"); err != nil {
		t.Fatal(err)
	}
}

func (s sqliteStore) Transact(ctx context.Context, change func(add func(row outbox.Row) (int64, error)) error) error {
	err := s.db.Transact(ctx, func(tx *sql.Tx) error {
		return change(func(row outbox.Row) (int64, error) { return s.Append(ctx, tx, row) })
	})
	if err == nil {
		s.Wake()
	}
	return err
}

// newRelay makes the relay of a store.
func newRelay(t testing.TB, s outbox.Outbox) *outbox.Relay {
	t.Helper()
	relay, err := outbox.New(s, "test", telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	return relay
}

// awaitGone waits until none of the rows is in the outbox.
func awaitGone(t *testing.T, s outbox.Outbox, rows ...int64) {
	t.Helper()
	servicetest.Await(t, "the rows gone", func() bool {
		pending, err := s.Pending(t.Context(), rows)
		return err == nil && len(pending) == 0
	})
}

// journal is a log that keeps what is written to it, unless it is down.
type journal struct {
	mu      sync.Mutex
	down    bool
	records []bus.Record
	largest int // bytes of the values of the largest batch
}

var errDown = errors.New("the log is down")

func (j *journal) ProduceAll(_ context.Context, records []bus.Record) ([]bus.Receipt, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.down {
		return nil, errDown
	}
	j.records = append(j.records, records...)
	bytes := 0
	for _, record := range records {
		bytes += len(record.Value)
	}
	j.largest = max(j.largest, bytes)
	return make([]bus.Receipt, len(records)), nil
}

func (j *journal) set(down bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.down = down
}

// most is how many bytes the values of the largest batch had.
func (j *journal) most() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.largest
}

// ids are the events' ids in the order in which they were written.
func (j *journal) ids() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	ids := make([]string, len(j.records))
	for i, record := range j.records {
		ids[i] = record.Headers["ce_id"]
	}
	return ids
}

// keys are the records' keys in the order in which they were written.
func (j *journal) keys() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	keys := make([]string, len(j.records))
	for i, record := range j.records {
		keys[i] = record.Key
	}
	return keys
}

// run runs the relay until the function that it gives is called, at the latest at the end of the test.
func run(t testing.TB, r *outbox.Relay, log outbox.Log) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx, log) })
	stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// appendRows appends n rows, each with a key of its own, and gives their keys and ids.
func appendRows(t *testing.T, s outboxtest.Store, n int) (keys []string, ids []int64) {
	t.Helper()
	keys = make([]string, n)
	for i := range keys {
		keys[i] = uuid.NewString()
	}
	return keys, outboxtest.Append(t, s, keys...)
}
