// Package sqlite keeps what notifications has in one SQLite file, for a single process.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/jobs"
)

// Config says where the file is.
type Config struct {
	Path string // made where it is missing; its directory must exist
}

// Store is a [store.Store] in one SQLite file.
type Store struct {
	path string
	tel  *telemetry.Telemetry
	jobs *jobs.Queue[*sql.Tx] // of what is open
	open atomic.Pointer[sqlite.DB]

	prepared atomic.Pointer[prepared] // set before open is
}

var _ store.Store = (*Store)(nil)

// New makes the store. It opens nothing: Run does.
func New(cfg Config, tel *telemetry.Telemetry) *Store { return &Store{path: cfg.Path, tel: tel} }

//go:embed migrations/*.sql
var embedded embed.FS

// Run implements [store.Store].
func (s *Store) Run(ctx context.Context) error {
	queue, err := jobs.New(riversqlite.New(nil))
	if err != nil {
		return err
	}
	s.jobs = queue
	migrations, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return fmt.Errorf("find migrations: %w", err)
	}
	db, err := sqlite.Open(ctx, s.path, sqlite.Goose(migrations), func(err error, _ time.Duration) {
		s.tel.Log.WarnContext(ctx, "the notifications store cannot be opened; trying again", "path", s.path, "error", err.Error())
	})
	if err != nil {
		return nil //nolint:nilerr // ctx is done, and nothing is open
	}
	return s.serve(ctx, db)
}

func (s *Store) serve(ctx context.Context, db *sqlite.DB) error {
	endMetrics := s.tel.Saturation("store_connections", "notifications", db.Connections)
	defer endMetrics()
	statements, err := prepare(ctx, db.Writer)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	s.prepared.Store(&statements)
	s.open.Store(db)
	<-ctx.Done()
	s.open.Store(nil)
	if err := errors.Join(statements.close(), db.Close()); err != nil {
		return fmt.Errorf("close notifications store: %w", err)
	}
	return nil
}

const upsertProbe = `INSERT INTO probe (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at`

// Ping implements [store.Store].
func (s *Store) Ping(ctx context.Context) error {
	return s.do("ping", func(db *sqlite.DB) error {
		_, err := db.Writer.ExecContext(ctx, upsertProbe, time.Now().UnixMicro())
		return err
	})
}

// do runs an operation.
func (s *Store) do(operation string, work func(db *sqlite.DB) error) error {
	db := s.open.Load()
	if db == nil {
		return store.ErrUnavailable
	}
	return storeError(operation, work(db))
}

// storeError gives the store's error for one of the database: faults of the program as they are, what is about the values that are written as
// [store.ErrUnstorable], any other as [store.ErrUnavailable].
func storeError(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case sqlite.RefusesValue(err):
		return fmt.Errorf("%w: %s: %w", store.ErrUnstorable, doing, err)
	case sqlite.IsFault(err):
		return fmt.Errorf("%s: %w", doing, err)
	default:
		return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, doing, err)
	}
}

func fromMicros(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
