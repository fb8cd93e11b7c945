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
	"go.opentelemetry.io/otel/propagation"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Config says where the database is and how it is used.
type Config struct {
	URL              config.Secret `envconfig:"URL" required:"true" desc:"the database, for example postgres://rooms:password@localhost:5432/rooms"`
	PoolSize         int32         `envconfig:"POOL_SIZE" default:"10" desc:"most connections for requests; the relay of the outbox has one more"`
	StatementTimeout time.Duration `envconfig:"STATEMENT_TIMEOUT" default:"3s" desc:"deadline of one operation, in the client and for each statement in the server"`
	Migrate          bool          `envconfig:"MIGRATE" default:"true" desc:"bring the schema up to date at start; false: wait until it is"`
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
	firstBackoff   = 100 * time.Millisecond
	maxBackoff     = 5 * time.Second
	attempts       = 3 // of a transaction that lost against others
)

// Store is a [store.Store] in a Postgres database.
type Store struct {
	cfg        Config
	conn       *pgx.ConnConfig
	tel        *telemetry.Telemetry
	propagator propagation.TextMapPropagator
	metrics    *telemetry.StoreMetrics
	open       atomic.Pointer[pgxpool.Pool]
}

var _ store.Store = (*Store)(nil)

// New makes the store. It reaches for nothing: Run does.
func New(cfg Config, tel *telemetry.Telemetry) (*Store, error) {
	conn, err := pgx.ParseConfig(cfg.URL.Reveal())
	if err != nil {
		return nil, errors.New("the address of the room store is no Postgres address")
	}
	conn.ConnectTimeout = connectTimeout
	conn.RuntimeParams["application_name"] = "ism-rooms"
	return &Store{cfg: cfg, conn: conn, tel: tel, propagator: tel.Propagator, metrics: store.NewMetrics(tel)}, nil
}

// Run implements [store.Store].
func (s *Store) Run(ctx context.Context) error {
	for delay := firstBackoff; ; delay = min(2*delay, maxBackoff) {
		pool, err := s.connect(ctx)
		if err == nil {
			s.serve(ctx, pool)
			return nil
		}
		if ctx.Err() == nil {
			s.tel.Log.WarnContext(ctx, "the room store is not there yet; trying again", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
		}
	}
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

// Ping implements [store.Store].
func (s *Store) Ping(ctx context.Context) error {
	return s.reading(ctx, "ping", func(ctx context.Context, pool *pgxpool.Pool) error { return pool.Ping(ctx) })
}

// reading runs an operation that only reads.
func (s *Store) reading(ctx context.Context, operation string, read func(ctx context.Context, pool *pgxpool.Pool) error) (err error) {
	defer s.metrics.Observe(operation)(&err)
	pool := s.open.Load()
	if pool == nil {
		return store.ErrUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StatementTimeout)
	defer cancel()
	return judged(operation, read(ctx, pool))
}

// writing runs an operation in one transaction, which is begun anew where it lost against others.
func (s *Store) writing(ctx context.Context, operation string, write func(ctx context.Context, tx pgx.Tx) error) (err error) {
	defer s.metrics.Observe(operation)(&err)
	pool := s.open.Load()
	if pool == nil {
		return store.ErrUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StatementTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return write(ctx, tx) })
		if attempt < attempts && lost(err) {
			continue
		}
		return judged(operation, err)
	}
}

// lost reports whether a transaction was undone for the sake of others: serialization failure, or deadlock.
func lost(err error) bool {
	var failed *pgconn.PgError
	return errors.As(err, &failed) && (failed.Code == "40001" || failed.Code == "40P01")
}

// judged tells the store's answers and the program's faults from a store that does not work.
func judged(operation string, err error) error {
	if err == nil || store.IsAnswer(err) {
		return err
	}
	var failed *pgconn.PgError
	if errors.As(err, &failed) && len(failed.Code) == 5 {
		switch failed.Code[:2] { // the class, see Postgres's appendix A
		case "21", "22", "23", "42": // cardinality, data, integrity, syntax or access rule
			return fmt.Errorf("%s: %w", operation, err)
		}
	}
	return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, operation, err)
}
