package cassandra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/gocql/gocql"
)

const (
	firstBackoff    = 200 * time.Millisecond
	maxBackoff      = 5 * time.Second
	migrateTimeout  = 30 * time.Second
	reconnectEvery  = time.Second
	connectTimeout  = 3 * time.Second
	speculateAfter  = 150 * time.Millisecond // about ten times a page's p99
	maxTries        = 2                      // repeats of a query that failed
	defaultPageSize = 512                    // rows
)

// Run implements [store.Store].
func (s *Store) Run(ctx context.Context) error {
	for delay := firstBackoff; ; delay = min(2*delay, maxBackoff) {
		session, err := s.connect(ctx)
		if err == nil {
			s.log.InfoContext(ctx, "message store connected", slog.Any("hosts", s.cfg.Hosts), slog.String("keyspace", s.cfg.Keyspace))
			s.session.Store(session)
			<-ctx.Done()
			s.session.Store(nil)
			session.Close()
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
		s.log.WarnContext(ctx, "message store does not connect; it is tried again",
			slog.Any("hosts", s.cfg.Hosts), slog.Duration("in", delay), slog.Any("error", err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
		}
	}
}

// connect makes the schema where that is configured, on a session of its own, since a session is bound to a keyspace that
// must be there.
func (s *Store) connect(ctx context.Context) (*gocql.Session, error) {
	cfg := s.cfg
	if cfg.Migrate || cfg.Datacenter == "" {
		if err := s.prepare(ctx, &cfg); err != nil {
			return nil, err
		}
	}
	cluster, err := s.cluster(cfg)
	if err != nil {
		return nil, err
	}
	cluster.Keyspace = cfg.Keyspace
	session, err := cluster.CreateSession()
	if err != nil {
		return nil, fmt.Errorf("connect to keyspace %s: %w", cfg.Keyspace, err)
	}
	return session, nil
}

// prepare finds out the datacenter where none is configured, and makes the schema.
func (s *Store) prepare(ctx context.Context, cfg *Config) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	cluster, err := s.cluster(*cfg)
	if err != nil {
		return err
	}
	cluster.NumConns = 1
	cluster.Timeout = migrateTimeout // a change of schema takes longer than a query may
	cluster.QueryObserver, cluster.BatchObserver = nil, nil
	session, err := cluster.CreateSession()
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer session.Close()
	if cfg.Datacenter == "" {
		err := session.Query(`SELECT data_center FROM system.local`).WithContext(ctx).Scan(&cfg.Datacenter)
		if err != nil {
			return fmt.Errorf("find out the datacenter: %w", err)
		}
	}
	if !cfg.Migrate {
		return nil
	}
	return migrate(ctx, session, *cfg)
}

func (s *Store) cluster(cfg Config) (*gocql.ClusterConfig, error) {
	consistency, err := cfg.consistency()
	if err != nil {
		return nil, err
	}
	cluster := gocql.NewCluster(cfg.Hosts...)
	cluster.Logger = driverLog{s.log}
	cluster.ProtoVersion = 4 // spoken by Cassandra 5 and ScyllaDB; without it the driver tries several
	cluster.Consistency = consistency
	cluster.PageSize = defaultPageSize
	cluster.Timeout = cfg.Timeout / 2 // of one try: the deadline of the whole leaves room for another
	cluster.WriteTimeout = cfg.Timeout / 2
	cluster.ConnectTimeout = connectTimeout
	cluster.ReconnectInterval = reconnectEvery
	cluster.NumConns = cfg.Connections
	// A frame goes out at once: the default of 200 µs waits for others to share a packet, which costs every single query
	// that time and wins nothing before tens of thousands of queries a second (BenchmarkAppend).
	cluster.WriteCoalesceWaitTime = 0
	cluster.RetryPolicy = &gocql.ExponentialBackoffRetryPolicy{NumRetries: maxTries, Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}
	fallback := gocql.RoundRobinHostPolicy()
	if cfg.Datacenter != "" {
		fallback = gocql.DCAwareRoundRobinPolicy(cfg.Datacenter)
	}
	cluster.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(fallback, gocql.ShuffleReplicas())
	observer := &observer{tracer: s.tracer, keyspace: cfg.Keyspace}
	cluster.QueryObserver, cluster.BatchObserver = observer, observer
	if cfg.Username != "" {
		cluster.Authenticator = gocql.PasswordAuthenticator{Username: cfg.Username, Password: cfg.Password.Reveal()}
	}
	if cfg.CAFile != "" {
		cluster.SslOpts = &gocql.SslOptions{CaPath: cfg.CAFile, EnableHostVerification: true}
	}
	return cluster, nil
}

// driverLog carries the driver's own lines into ours, where they explain what the store reports itself.
type driverLog struct{ log *slog.Logger }

func (d driverLog) Print(v ...any)                 { d.write(fmt.Sprint(v...)) }
func (d driverLog) Println(v ...any)               { d.write(fmt.Sprintln(v...)) }
func (d driverLog) Printf(format string, v ...any) { d.write(fmt.Sprintf(format, v...)) }

func (d driverLog) write(line string) {
	d.log.Debug("cassandra driver: " + strings.TrimSpace(line))
}

var errNotConnected = errors.New("not connected yet")
