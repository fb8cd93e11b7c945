// Package postgres keeps rooms in a Postgres database of their own.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/outbox"
	outboxpostgres "github.com/ism-chat/ism/libs/outbox/postgres"
	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Config says where the database is and how it is used.
type Config struct {
	URL              config.Secret `envconfig:"URL" required:"true" desc:"the database, for example postgres://rooms:password@localhost:5432/rooms"`
	PoolSize         int32         `envconfig:"POOL_SIZE" default:"10" desc:"most connections for requests; the relay of the outbox has one more"`
	StatementTimeout time.Duration `envconfig:"STATEMENT_TIMEOUT" default:"3s" desc:"deadline of one statement, in the client and in the server"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.URL != "" {
		if _, err := pgx.ParseConfig(c.URL.Reveal()); err != nil {
			faults = append(faults, config.Fault{
				Variable: "URL", Problem: "is no Postgres address; allowed: postgres://user:password@host:port/database",
			})
		}
	}
	if c.PoolSize < 1 {
		faults = append(faults, config.Fault{Variable: "POOL_SIZE", Problem: fmt.Sprintf("%d is too small; allowed: 1 or above", c.PoolSize)})
	}
	if c.StatementTimeout < time.Millisecond {
		faults = append(faults, config.Fault{Variable: "STATEMENT_TIMEOUT", Problem: fmt.Sprintf("%s is too short; allowed: 1ms or above", c.StatementTimeout)})
	}
	return faults
}

const (
	connectTimeout = 3 * time.Second
	attempts       = 4                      // of a transaction that the database ends in favour of others
	meeting        = 100 * time.Millisecond // how long such a transaction is kept apart from the others at most, at first
	leadLock       = 0x69736d5f726f6f6d     // "ism_room", of the advisory locks of this database
	outboxChannel  = "ism_rooms_outbox"
)

// Store is a [store.Store] in a Postgres database.
type Store struct {
	cfg      Config
	migrates Migrate
	conn     *pgx.ConnConfig
	tel      *telemetry.Telemetry
	outbox   *outboxpostgres.Outbox
	open     atomic.Pointer[pgxpool.Pool]
}

var _ store.Store = (*Store)(nil)

// New makes the store. It reaches for nothing: Run does.
func New(cfg Config, migrates Migrate, tel *telemetry.Telemetry) (*Store, error) {
	conn, err := connection(cfg)
	if err != nil {
		return nil, err
	}
	rows := outboxpostgres.New(outboxpostgres.Config{
		Connection: conn, Lock: leadLock, Channel: outboxChannel, Timeout: cfg.StatementTimeout,
	})
	return &Store{cfg: cfg, migrates: migrates, conn: conn, tel: tel, outbox: rows}, nil
}

// connection is how connections are made. The address stands in no error: it may have a password.
func connection(cfg Config) (*pgx.ConnConfig, error) {
	conn, err := pgx.ParseConfig(cfg.URL.Reveal())
	if err != nil {
		return nil, errors.New("the address of the room store is no Postgres address")
	}
	conn.ConnectTimeout = connectTimeout
	conn.RuntimeParams["application_name"] = "ism-rooms"
	return conn, nil
}

// Run implements [store.Store].
func (s *Store) Run(ctx context.Context) error {
	var pool *pgxpool.Pool
	err := retry.Policy{First: 100 * time.Millisecond, Max: 5 * time.Second}.Do(ctx, func(ctx context.Context) (err error) {
		pool, err = s.connect(ctx)
		return err
	}, func(err error, _ time.Duration) {
		s.tel.Log.WarnContext(ctx, "the room store is not there yet; trying again", "error", err.Error())
	})
	if err == nil {
		s.serve(ctx, pool)
	}
	return nil // without a connection only the end of ctx ends it
}

func (s *Store) serve(ctx context.Context, pool *pgxpool.Pool) {
	endMetrics := s.tel.Saturation("store_connections", "rooms", func() (used, limit float64) {
		stat := pool.Stat()
		return float64(stat.AcquiredConns()), float64(stat.MaxConns())
	})
	defer endMetrics()
	s.open.Store(pool)
	s.tel.Log.InfoContext(ctx, "the room store is connected", "host", s.conn.Host, "database", s.conn.Database)
	<-ctx.Done()
	s.open.Store(nil)
	pool.Close()
}

func (s *Store) connect(ctx context.Context) (*pgxpool.Pool, error) {
	if err := s.migrate(ctx); err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(s.cfg.URL.Reveal())
	if err != nil {
		return nil, errors.New("the address of the room store is no Postgres address")
	}
	cfg.ConnConfig = s.conn.Copy()
	cfg.ConnConfig.RuntimeParams["statement_timeout"] = strconv.FormatInt(s.cfg.StatementTimeout.Milliseconds(), 10)
	cfg.ConnConfig.Tracer = otelpgx.NewTracer(
		otelpgx.WithTracerProvider(s.tel.Tracer),
		otelpgx.WithMeterProvider(noop.NewMeterProvider()),
	)
	cfg.MaxConns = s.cfg.PoolSize
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("make connection pool: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect: %w", err)
	}
	return pool, nil
}

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
	pool := s.open.Load()
	if pool == nil {
		return store.ErrUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StatementTimeout)
	defer cancel()
	return storeError(operation, work(ctx, pool))
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
	if s.open.Load() == nil {
		return nil, store.ErrUnavailable
	}
	lead, err := s.outbox.Lead(ctx)
	return lead, storeError("lead", err)
}

// isConflict reports whether the database ended a transaction in favour of others: serialization failure, or deadlock.
func isConflict(err error) bool {
	failed, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (failed.Code == "40001" || failed.Code == "40P01")
}

// storeError gives the store's error for one of the database: refusals and faults of the program as they are, what is about the values that
// are written as [store.ErrUnstorable], any other as [store.ErrUnavailable].
func storeError(doing string, err error) error {
	if err == nil || store.IsRefusal(err) {
		return err
	}
	if failed, ok := errors.AsType[*pgconn.PgError](err); ok && len(failed.Code) == 5 {
		switch class := failed.Code[:2]; { // see Postgres's appendix A
		case class == "22", class == "23": // data, integrity
			return fmt.Errorf("%w: %s: %w", store.ErrUnstorable, doing, err)
		case failed.Code == "42501": // the role may not: until somebody lets it
		case class == "21", class == "42": // cardinality, syntax or access rule
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
	return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, doing, err)
}

func orNotFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ErrRoomNotFound
	}
	return err
}
