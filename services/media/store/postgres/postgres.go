// Package postgres keeps what media has in a Postgres database of its own.
package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/ism-chat/ism/libs/outbox"
	outboxpostgres "github.com/ism-chat/ism/libs/outbox/postgres"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media/store"
	"github.com/ism-chat/ism/services/media/store/jobs"
)

const (
	leadLock      = 0x69736d5f6d656469 // "ism_medi", of the advisory locks of this database
	outboxChannel = "ism_media_outbox"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is what media keeps in its database.
func Schema() postgres.Schema {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the name is no path
	}
	return postgres.Schema{Service: "media", Files: files}
}

// Rows are [store.Rows] in a Postgres database.
type Rows struct {
	db     *postgres.DB
	outbox *outboxpostgres.Outbox
	jobs   *jobs.Queue[pgx.Tx]
}

var _ store.Rows = (*Rows)(nil)

// New makes the backend. It reaches for nothing: Run does.
func New(cfg postgres.Config, migrates postgres.Migrate, tel *telemetry.Telemetry) (*Rows, error) {
	db, err := postgres.New(Schema(), cfg, migrates, tel)
	if err != nil {
		return nil, err
	}
	queue, err := jobs.New(riverpgxv5.New(nil))
	if err != nil {
		return nil, err
	}
	rows := outboxpostgres.New(outboxpostgres.Config{
		Connection: db.Connection, Lock: leadLock, Channel: outboxChannel, Timeout: cfg.StatementTimeout,
	})
	return &Rows{db: db, outbox: rows, jobs: queue}, nil
}

// Run implements [store.Rows].
func (r *Rows) Run(ctx context.Context) error { return r.db.Run(ctx) }

const upsertProbe = `INSERT INTO probe (id, at) VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET at = excluded.at`

// Ping implements [store.Rows].
func (r *Rows) Ping(ctx context.Context) error {
	return r.do(ctx, "ping", func(ctx context.Context, pool *pgxpool.Pool) error {
		_, err := pool.Exec(ctx, upsertProbe)
		return err
	})
}

// RunJobs implements [store.Rows].
func (r *Rows) RunJobs(ctx context.Context, cfg store.Jobs, worker store.Worker) error {
	var pool *pgxpool.Pool
	err := retry.Policy{First: 100 * time.Millisecond, Max: time.Second}.Do(ctx, func(ctx context.Context) error {
		return r.do(ctx, "do jobs", func(_ context.Context, open *pgxpool.Pool) error {
			pool = open
			return nil
		})
	}, func(error, time.Duration) {})
	if err != nil {
		return nil //nolint:nilerr // ctx is done
	}
	return jobs.Run(ctx, riverpgxv5.New(pool), cfg, worker)
}

// Pending implements [outbox.Outbox].
func (r *Rows) Pending(ctx context.Context, rows []int64) (pending []int64, err error) {
	err = r.do(ctx, "outbox_pending", func(ctx context.Context, pool *pgxpool.Pool) error {
		pending, err = r.outbox.Pending(ctx, pool, rows)
		return err
	})
	return pending, err
}

// Lead implements [outbox.Outbox].
func (r *Rows) Lead(ctx context.Context) (outbox.Lead, error) {
	if !r.db.Connected() {
		return nil, store.ErrUnavailable
	}
	lead, err := r.outbox.Lead(ctx)
	return lead, storeError("lead", err)
}

// do runs an operation that needs no transaction, or one of its own.
func (r *Rows) do(ctx context.Context, operation string, work func(ctx context.Context, pool *pgxpool.Pool) error) error {
	return storeError(operation, r.db.Do(ctx, work))
}

// storeError gives the store's error for one of the database: refusals and faults of the program as they are, what is about the values that are written as
// [store.ErrUnstorable], any other as [store.ErrUnavailable].
func storeError(doing string, err error) error {
	switch {
	case err == nil, store.IsRefusal(err):
		return err
	case postgres.RefusesValue(err):
		return fmt.Errorf("%w: %s: %w", store.ErrUnstorable, doing, err)
	case postgres.IsFault(err):
		return fmt.Errorf("%s: %w", doing, err)
	default:
		return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, doing, err)
	}
}
