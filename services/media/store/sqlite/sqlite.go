// Package sqlite keeps what media has in one SQLite file, for a single process.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/ism-chat/ism/libs/outbox"
	outboxsqlite "github.com/ism-chat/ism/libs/outbox/sqlite"
	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media/store"
	"github.com/ism-chat/ism/services/media/store/jobs"
)

// Config says where the file is.
type Config struct {
	Path string // made where it is missing; its directory must exist
}

// leadTimeout is the deadline of each operation of the outbox's lead.
const leadTimeout = 5 * time.Second

// Rows are [store.Rows] in one SQLite file.
type Rows struct {
	path   string
	tel    *telemetry.Telemetry
	outbox *outboxsqlite.Outbox
	jobs   *jobs.Queue[*sql.Tx]
	open   atomic.Pointer[sqlite.DB]
}

var _ store.Rows = (*Rows)(nil)

// New makes the backend. It opens nothing: Run does.
func New(cfg Config, tel *telemetry.Telemetry) (*Rows, error) {
	queue, err := jobs.New(riversqlite.New(nil))
	if err != nil {
		return nil, err
	}
	return &Rows{path: cfg.Path, tel: tel, outbox: outboxsqlite.New(leadTimeout), jobs: queue}, nil
}

//go:embed migrations/*.sql
var embedded embed.FS

// Run implements [store.Rows].
func (r *Rows) Run(ctx context.Context) error {
	migrations, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return fmt.Errorf("find migrations: %w", err)
	}
	db, err := sqlite.Open(ctx, r.path, sqlite.Goose(migrations), func(err error, _ time.Duration) {
		r.tel.Log.WarnContext(ctx, "the media store cannot be opened; trying again", "path", r.path, "error", err.Error())
	})
	if err != nil {
		return nil //nolint:nilerr // ctx is done, and nothing is open
	}
	return r.serve(ctx, db)
}

func (r *Rows) serve(ctx context.Context, db *sqlite.DB) error {
	endMetrics := r.tel.Saturation("store_connections", "media", db.Connections)
	defer endMetrics()
	r.open.Store(db)
	<-ctx.Done()
	r.open.Store(nil)
	if err := db.Close(); err != nil {
		return fmt.Errorf("close media store: %w", err)
	}
	return nil
}

const upsertProbe = `INSERT INTO probe (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at`

// Ping implements [store.Rows].
func (r *Rows) Ping(ctx context.Context) error {
	return r.do("ping", func(db *sqlite.DB) error {
		_, err := db.Writer.ExecContext(ctx, upsertProbe, time.Now().UnixMicro())
		return err
	})
}

// RunJobs implements [store.Rows]. River uses the one connection that writes, as all else does.
func (r *Rows) RunJobs(ctx context.Context, cfg store.Jobs, worker store.Worker) error {
	var opened *sqlite.DB
	err := retry.Policy{First: 100 * time.Millisecond, Max: time.Second}.Do(ctx, func(context.Context) error {
		return r.do("do jobs", func(db *sqlite.DB) error {
			opened = db
			return nil
		})
	}, func(error, time.Duration) {})
	if err != nil {
		return nil //nolint:nilerr // ctx is done
	}
	return jobs.Run(ctx, riversqlite.New(opened.Writer), cfg, worker)
}

// Pending implements [outbox.Outbox].
func (r *Rows) Pending(ctx context.Context, rows []int64) (pending []int64, err error) {
	err = r.do("outbox_pending", func(db *sqlite.DB) error {
		pending, err = r.outbox.Pending(ctx, db, rows)
		return err
	})
	return pending, err
}

// Lead implements [outbox.Outbox].
func (r *Rows) Lead(ctx context.Context) (outbox.Lead, error) {
	db := r.open.Load()
	if db == nil {
		return nil, store.ErrUnavailable
	}
	lead, err := r.outbox.Lead(ctx, db)
	return lead, storeError("lead", err)
}

// do runs an operation.
func (r *Rows) do(operation string, work func(db *sqlite.DB) error) error {
	db := r.open.Load()
	if db == nil {
		return store.ErrUnavailable
	}
	return storeError(operation, work(db))
}

// storeError gives the store's error for one of the database: refusals and faults of the program as they are, what is about the values that are written as
// [store.ErrUnstorable], any other as [store.ErrUnavailable].
func storeError(doing string, err error) error {
	switch {
	case err == nil, store.IsRefusal(err):
		return err
	case sqlite.RefusesValue(err):
		return fmt.Errorf("%w: %s: %w", store.ErrUnstorable, doing, err)
	case sqlite.IsFault(err):
		return fmt.Errorf("%s: %w", doing, err)
	default:
		return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, doing, err)
	}
}

func fromMicros(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
