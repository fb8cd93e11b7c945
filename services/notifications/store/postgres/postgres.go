// Package postgres keeps what notifications has in a Postgres database of its own.
package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/jobs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is what notifications keeps in its database.
func Schema() postgres.Schema {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the name is no path
	}
	return postgres.Schema{Service: "notifications", Files: files}
}

// Store is a [store.Store] in a Postgres database.
type Store struct {
	db   *postgres.DB
	jobs *jobs.Queue[pgx.Tx]

	mu    sync.Mutex
	weeks map[time.Time]bool // of which partitions are known to be there
}

var _ store.Store = (*Store)(nil)

// New makes the store. It reaches for nothing: Run does.
func New(cfg postgres.Config, migrates postgres.Migrate, tel *telemetry.Telemetry) (*Store, error) {
	db, err := postgres.New(Schema(), cfg, migrates, tel)
	if err != nil {
		return nil, err
	}
	queue, err := jobs.New(riverpgxv5.New(nil))
	if err != nil {
		return nil, err
	}
	return &Store{db: db, jobs: queue, weeks: map[time.Time]bool{}}, nil
}

// Run implements [store.Store].
func (s *Store) Run(ctx context.Context) error { return s.db.Run(ctx) }

const upsertProbe = `INSERT INTO probe (id, at) VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET at = excluded.at`

// Ping implements [store.Store].
func (s *Store) Ping(ctx context.Context) error {
	return s.do(ctx, "ping", func(ctx context.Context, pool *pgxpool.Pool) error {
		_, err := pool.Exec(ctx, upsertProbe)
		return err
	})
}

// do runs an operation that needs no transaction, or one of its own.
func (s *Store) do(ctx context.Context, operation string, work func(ctx context.Context, pool *pgxpool.Pool) error) error {
	return storeError(operation, s.db.Do(ctx, work))
}

// transact runs an operation in one transaction.
func (s *Store) transact(ctx context.Context, operation string, change func(tx pgx.Tx) error) error {
	return storeError(operation, s.db.Transact(ctx, change))
}

// storeError gives the store's error for one of the database: faults of the program as they are, what is about the values that are written as
// [store.ErrUnstorable], any other as [store.ErrUnavailable].
func storeError(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case postgres.RefusesValue(err):
		return fmt.Errorf("%w: %s: %w", store.ErrUnstorable, doing, err)
	case postgres.IsFault(err):
		return fmt.Errorf("%s: %w", doing, err)
	default:
		return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, doing, err)
	}
}
