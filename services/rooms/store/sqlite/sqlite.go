// Package sqlite keeps rooms in one SQLite file, for a single process.
//
// One connection writes, because SQLite takes one writer at a time and waiting for a connection is fairer than waiting for
// the file. Readers have connections of their own, which write-ahead logging lets read meanwhile.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	"go.opentelemetry.io/otel/propagation"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Config says where the file is.
type Config struct {
	Path string // made where it is missing; its directory must exist
}

const (
	readers      = 4
	busyTimeout  = 2 * time.Second
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// Store is a [store.Store] in one SQLite file.
type Store struct {
	path       string
	tel        *telemetry.Telemetry
	propagator propagation.TextMapPropagator
	metrics    *telemetry.StoreMetrics
	open       atomic.Pointer[connections]
	added      chan struct{} // rows have been added to the outbox; one signal is kept
	lead       chan struct{} // holds a token while nobody leads
}

var _ store.Store = (*Store)(nil)

type connections struct {
	write *sql.DB // one connection
	read  *sql.DB
}

func (c *connections) close() error { return errors.Join(c.read.Close(), c.write.Close()) }

// New makes the store. It opens nothing: Run does.
func New(cfg Config, tel *telemetry.Telemetry) *Store {
	s := &Store{
		path:       cfg.Path,
		tel:        tel,
		propagator: tel.Propagator,
		metrics:    store.NewMetrics(tel),
		added:      make(chan struct{}, 1),
		lead:       make(chan struct{}, 1),
	}
	s.lead <- struct{}{}
	return s
}

// Run implements [store.Store].
func (s *Store) Run(ctx context.Context) error {
	for delay := firstBackoff; ; delay = min(2*delay, maxBackoff) {
		opened, err := connect(ctx, s.path)
		if err == nil {
			return s.serve(ctx, opened)
		}
		if ctx.Err() == nil {
			s.tel.Log.WarnContext(ctx, "the room store cannot be opened; trying again", "path", s.path, "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
		}
	}
}

func (s *Store) serve(ctx context.Context, opened *connections) error {
	endMetrics := s.tel.Saturation("store_connections", "rooms", func() (used, limit float64) {
		return float64(opened.read.Stats().InUse + opened.write.Stats().InUse), readers + 1
	})
	defer endMetrics()
	s.open.Store(opened)
	<-ctx.Done()
	s.open.Store(nil)
	if err := opened.close(); err != nil {
		return fmt.Errorf("close room store: %w", err)
	}
	return nil
}

// dataSource has full synchronization, because the outbox must not lose an event whose request has been answered, and
// transactions that take the write lock at once, because one that upgrades later may fail as busy.
func dataSource(path string) string {
	query := url.Values{"_pragma": {
		"journal_mode(wal)", "synchronous(full)", "foreign_keys(on)",
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
	}, "_txlock": {"immediate"}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}).String()
}

func connect(ctx context.Context, path string) (*connections, error) {
	write, err := sql.Open("sqlite", dataSource(path))
	if err != nil {
		return nil, fmt.Errorf("open room store: %w", err)
	}
	write.SetMaxOpenConns(1)
	if err := migrate(ctx, write); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := sql.Open("sqlite", dataSource(path)+"&_pragma=query_only(on)")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open room store to read: %w", err), write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return &connections{write: write, read: read}, nil
}

//go:embed migrations/*.sql
var migrations embed.FS

func migrate(ctx context.Context, db *sql.DB) error {
	provider, err := newMigrations(db)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	return nil
}

func newMigrations(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("find migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return provider, nil
}

// Ping implements [store.Store].
func (s *Store) Ping(ctx context.Context) error {
	return s.reading(ctx, "ping", func(db *sql.DB) error {
		var one int
		return db.QueryRowContext(ctx, "SELECT 1 FROM goose_db_version LIMIT 1").Scan(&one)
	})
}

// reading runs an operation that only reads.
func (s *Store) reading(_ context.Context, operation string, read func(db *sql.DB) error) (err error) {
	defer s.metrics.Observe(operation)(&err)
	opened := s.open.Load()
	if opened == nil {
		return store.ErrUnavailable
	}
	return judged(operation, read(opened.read))
}

// writing runs an operation in one transaction of the one writer.
func (s *Store) writing(ctx context.Context, operation string, write func(tx *sql.Tx) error) (err error) {
	defer s.metrics.Observe(operation)(&err)
	opened := s.open.Load()
	if opened == nil {
		return store.ErrUnavailable
	}
	tx, err := opened.write.BeginTx(ctx, nil)
	if err != nil {
		return judged(operation, err)
	}
	defer tx.Rollback() //nolint:errcheck // after the commit it has nothing to do
	if err := write(tx); err != nil {
		return judged(operation, err)
	}
	return judged(operation, tx.Commit())
}

// judged tells the store's answers and the program's faults from a store that does not work.
func judged(operation string, err error) error {
	if err == nil || store.IsAnswer(err) {
		return err
	}
	var failed *sqlite.Error
	if errors.As(err, &failed) {
		switch failed.Code() & 0xff { // the primary result code, see https://sqlite.org/rescode.html
		case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE:
			return fmt.Errorf("%s: %w", operation, err)
		}
	}
	return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, operation, err)
}
