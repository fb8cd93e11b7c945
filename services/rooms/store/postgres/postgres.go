// Package postgres keeps rooms in a Postgres database of their own.
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/outbox"
	outboxpostgres "github.com/ism-chat/ism/libs/outbox/postgres"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
)

const (
	leadLock      = 0x69736d5f726f6f6d // "ism_room", of the advisory locks of this database
	outboxChannel = "ism_rooms_outbox"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is what rooms keeps in its database.
func Schema() postgres.Schema {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the name is no path
	}
	return postgres.Schema{Service: "rooms", Files: files}
}

// Store is a [store.Store] in a Postgres database.
type Store struct {
	db     *postgres.DB
	outbox *outboxpostgres.Outbox
}

var _ store.Store = (*Store)(nil)

// New makes the store. It reaches for nothing: Run does.
func New(cfg postgres.Config, migrates postgres.Migrate, tel *telemetry.Telemetry) (*Store, error) {
	db, err := postgres.New(Schema(), cfg, migrates, tel)
	if err != nil {
		return nil, err
	}
	rows := outboxpostgres.New(outboxpostgres.Config{
		Connection: db.Connection, Lock: leadLock, Channel: outboxChannel, Timeout: cfg.StatementTimeout,
	})
	return &Store{db: db, outbox: rows}, nil
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

// Pending implements [outbox.Outbox].
func (s *Store) Pending(ctx context.Context, rows []int64) (pending []int64, err error) {
	err = s.do(ctx, "outbox_pending", func(ctx context.Context, pool *pgxpool.Pool) error {
		pending, err = s.outbox.Pending(ctx, pool, rows)
		return err
	})
	return pending, err
}

// Lead implements [outbox.Outbox].
func (s *Store) Lead(ctx context.Context) (outbox.Lead, error) {
	if !s.db.Connected() {
		return nil, store.ErrUnavailable
	}
	lead, err := s.outbox.Lead(ctx)
	return lead, storeError("lead", err)
}

// storeError gives the store's error for one of the database: refusals and faults of the program as they are, what is about the values that
// are written as [store.ErrUnstorable], any other as [store.ErrUnavailable].
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

func orNotFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ErrRoomNotFound
	}
	return err
}
