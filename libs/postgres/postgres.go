// Package postgres opens the Postgres database of a service, brings its schema up to date, and runs what the service asks of it with deadlines.
//
// # State
//
// A [DB] has one pool of connections, once the database has been reached and has the schema. Before that, and at its end, whatever is asked of it is
// [ErrNotConnected] at once.
//
// # Failures
//
// [RefusesValue] tells errors of what is written, which no later attempt mends, and [IsFault] those of the program. All others are an outage: of the
// server, of the way to it, or of what its role may do.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/libs/telemetry"
)

// ErrNotConnected says that the database has not been reached yet, or that the service ends.
var ErrNotConnected = errors.New("the database is not connected")

const (
	connectTimeout = 3 * time.Second
	attempts       = 4                      // of a transaction that the database ends in favour of others
	meeting        = 100 * time.Millisecond // how long such a transaction is kept apart from the others at most, at first
)

// DB is a service's database. Run it once; all else is safe for concurrent use.
type DB struct {
	schema   Schema
	cfg      Config
	migrates Migrate
	conn     *pgx.ConnConfig
	secured  atomic.Pointer[pgx.ConnConfig] // whose TLS was used last
	tel      *telemetry.Telemetry
	open     atomic.Pointer[pgxpool.Pool]
}

// New makes a DB. It reaches for nothing: Run does.
func New(schema Schema, cfg Config, migrates Migrate, tel *telemetry.Telemetry) (*DB, error) {
	conn, err := cfg.connection(schema.Service)
	if err != nil {
		return nil, err
	}
	db := &DB{schema: schema, cfg: cfg, migrates: migrates, conn: conn, tel: tel}
	db.secured.Store(conn)
	if hosts := MaybeInPlain(conn); len(hosts) > 0 {
		tel.Log.Warn("connections to the "+schema.Service+" store may be made without TLS, and whoever is between reads passwords and all else; sslmode=verify-full in its address ends that",
			"hosts", hosts)
	}
	return db, nil
}

// Connection is how connections to the database are made by now, for who needs one beside the pool.
func (d *DB) Connection() *pgx.ConnConfig {
	conn := d.conn.Copy()
	d.renew(conn)
	return conn
}

// renew has a connection that is to be made sign in as the address says by now, and show and trust the certificates of now.
func (d *DB) renew(conn *pgx.ConnConfig) {
	if err := d.cfg.login(conn); err != nil {
		d.tel.Log.Warn("a connection to the "+d.schema.Service+" store is made with what the address was at the start", "error", err.Error())
	}
	secured, err := d.cfg.secured()
	if err != nil { // as while the files are replaced
		d.tel.Log.Warn("a connection to the "+d.schema.Service+" store is made with the certificates that were used last", "error", err.Error())
		secured = d.secured.Load()
	}
	d.secured.Store(secured)
	secured = secured.Copy()
	conn.TLSConfig, conn.Fallbacks = secured.TLSConfig, secured.Fallbacks
}

// Run connects, brings the schema up to date as it is told to, and serves until ctx is done. What fails is tried again.
func (d *DB) Run(ctx context.Context) error {
	var pool *pgxpool.Pool
	err := retry.Policy{First: 100 * time.Millisecond, Max: 5 * time.Second}.Do(ctx, func(ctx context.Context) (err error) {
		pool, err = d.connect(ctx)
		return err
	}, func(err error, _ time.Duration) {
		d.tel.Log.WarnContext(ctx, "the "+d.schema.Service+" store is not there yet; trying again", "error", err.Error())
	})
	if err == nil {
		d.serve(ctx, pool)
	}
	return nil // without a connection only the end of ctx ends it
}

func (d *DB) serve(ctx context.Context, pool *pgxpool.Pool) {
	endMetrics := d.tel.Saturation("store_connections", d.schema.Service, func() (used, limit float64) {
		stat := pool.Stat()
		return float64(stat.AcquiredConns()), float64(stat.MaxConns())
	})
	defer endMetrics()
	d.open.Store(pool)
	d.tel.Log.InfoContext(ctx, "the "+d.schema.Service+" store is connected", "host", d.conn.Host, "database", d.conn.Database)
	<-ctx.Done()
	d.open.Store(nil)
	pool.Close()
}

func (d *DB) connect(ctx context.Context) (*pgxpool.Pool, error) {
	if err := d.migrate(ctx); err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(d.cfg.URL.Reveal())
	if err != nil {
		return nil, errors.New("the address of the " + d.schema.Service + " store: " + Explain(err))
	}
	cfg.ConnConfig = d.conn.Copy()
	cfg.ConnConfig.RuntimeParams["statement_timeout"] = strconv.FormatInt(d.cfg.StatementTimeout.Milliseconds(), 10)
	cfg.ConnConfig.Tracer = otelpgx.NewTracer(
		otelpgx.WithTracerProvider(d.tel.Tracer),
		otelpgx.WithMeterProvider(noop.NewMeterProvider()),
	)
	cfg.BeforeConnect = func(_ context.Context, conn *pgx.ConnConfig) error {
		d.renew(conn)
		return nil
	}
	cfg.MaxConns = d.cfg.PoolSize
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

// Connected reports whether the database has been reached.
func (d *DB) Connected() bool { return d.open.Load() != nil }

// Use puts another pool in the place of the DB's own, for tests that need other connections. Whoever has made it closes it.
func (d *DB) Use(pool *pgxpool.Pool) { d.open.Store(pool) }

// Do runs work, which needs no transaction or one of its own, with the deadline of a statement. It gives work's error as it is.
func (d *DB) Do(ctx context.Context, work func(ctx context.Context, pool *pgxpool.Pool) error) error {
	pool := d.open.Load()
	if pool == nil {
		return ErrNotConnected
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.StatementTimeout)
	defer cancel()
	return work(ctx, pool)
}

// Transact runs change in one transaction, each statement of which has its deadline, and commits it if change gives nil. It gives change's error as it is.
// A transaction that the database ends in favour of others is begun anew some times: change must do nothing beside it that counts.
func (d *DB) Transact(ctx context.Context, change func(tx pgx.Tx) error) error {
	pool := d.open.Load()
	if pool == nil {
		return ErrNotConnected
	}
	for attempt := 1; ; attempt++ {
		err := pgx.BeginFunc(ctx, bounded{pool, d.cfg.StatementTimeout}, change)
		if attempt == attempts || !isConflict(err) {
			return err //nolint:wrapcheck // change's own, or of the transaction itself
		}
		apart(ctx, attempt)
	}
}

// apart waits a while, by chance, so that two transactions which have ended each other do not meet again.
func apart(ctx context.Context, attempt int) {
	select {
	case <-time.After(rand.N(time.Duration(attempt) * meeting)): //nolint:gosec // spreading load takes no secrets
	case <-ctx.Done():
	}
}
