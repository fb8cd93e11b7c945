package cassandra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"github.com/ism-chat/ism/libs/retry"
)

const (
	migrateTimeout  = 30 * time.Second
	reconnectEvery  = time.Second
	connectTimeout  = 3 * time.Second
	maxRepeats      = 2   // of a query that failed, at other nodes
	defaultPageSize = 512 // rows
)

// Run implements [store.Store].
func (s *Store) Run(ctx context.Context) error {
	var session *gocql.Session
	connect := func(ctx context.Context) (err error) {
		session, err = s.connect(ctx)
		return err
	}
	err := retry.Policy{First: 200 * time.Millisecond, Max: 5 * time.Second}.Do(ctx, connect, func(err error, next time.Duration) {
		s.log.WarnContext(ctx, "message store does not connect; it is tried again",
			slog.Any("hosts", s.cfg.Hosts), slog.Duration("in", next), slog.Any("error", err))
	})
	if err != nil {
		return nil //nolint:nilerr // the store was told to end
	}
	s.log.InfoContext(ctx, "message store connected", slog.Any("hosts", s.cfg.Hosts), slog.String("keyspace", s.cfg.Keyspace))
	s.session.Store(session)
	<-ctx.Done()
	s.session.Store(nil)
	session.Close()
	return nil
}

// connect makes the schema where that is configured, on a session of its own, since a session is bound to a keyspace that
// must be there. Where it may not make it, it fails until somebody else has; where it must not look, it takes the schema as it is.
func (s *Store) connect(ctx context.Context) (*gocql.Session, error) {
	cfg := s.cfg
	if s.migrates == MigrateAuto || cfg.Datacenter == "" {
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
	if s.migrates == MigrateCheck {
		checking, cancel := context.WithTimeout(ctx, migrateTimeout)
		defer cancel()
		if err := (migration{session: session, keyspace: cfg.Keyspace, log: s.log}).check(checking); err != nil {
			session.Close()
			return nil, err
		}
	}
	return session, nil
}

// prepare finds out the datacenter where none is configured, and makes the schema.
func (s *Store) prepare(ctx context.Context, cfg *Config) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	session, err := schemaSession(*cfg, s.log)
	if err != nil {
		return err
	}
	defer session.Close()
	if cfg.Datacenter == "" {
		if cfg.Datacenter, err = localDatacenter(ctx, session); err != nil {
			return err
		}
	}
	if s.migrates != MigrateAuto {
		return nil
	}
	_, err = migration{session: session, keyspace: cfg.Keyspace, log: s.log}.run(ctx, *cfg)
	return err
}

// cluster is that of the store's own session, whose queries are seen in traces.
func (s *Store) cluster(cfg Config) (*gocql.ClusterConfig, error) {
	cluster, err := newCluster(cfg, s.log)
	if err != nil {
		return nil, err
	}
	observer := &observer{tracer: s.tracer, keyspace: cfg.Keyspace}
	cluster.QueryObserver, cluster.BatchObserver = observer, observer
	return cluster, nil
}

func newCluster(cfg Config, log *slog.Logger) (*gocql.ClusterConfig, error) {
	consistency, err := cfg.consistency()
	if err != nil {
		return nil, err
	}
	cluster := gocql.NewCluster(cfg.Hosts...)
	cluster.Logger = driverLog{log}
	cluster.ProtoVersion = 4 // spoken by Cassandra 5 and ScyllaDB; without it the driver tries several
	cluster.Consistency = consistency
	cluster.PageSize = defaultPageSize
	cluster.Timeout = cfg.Timeout / 2 // of one try: the deadline of the whole leaves room for another
	cluster.WriteTimeout = cfg.Timeout / 2
	cluster.ConnectTimeout = connectTimeout
	cluster.ReconnectInterval = reconnectEvery
	// The interval brings a node back; within one round one more try is enough.
	cluster.ReconnectionPolicy = &gocql.ConstantReconnectionPolicy{MaxRetries: 2, Interval: 50 * time.Millisecond}
	cluster.NumConns = cfg.Connections
	// A frame goes out at once. The default waits 200 µs for others to share a packet, which in effect is over a millisecond
	// on a connection that has little to do: an append takes 1.7 ms instead of 0.5. What it wins with 32 appends at once is
	// within the noise (BenchmarkAppend).
	cluster.WriteCoalesceWaitTime = 0
	cluster.RetryPolicy = &gocql.ExponentialBackoffRetryPolicy{NumRetries: maxRepeats, Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}
	fallback := gocql.RoundRobinHostPolicy()
	if cfg.Datacenter != "" {
		fallback = gocql.DCAwareRoundRobinPolicy(cfg.Datacenter)
	}
	cluster.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(anyRing{fallback}, gocql.ShuffleReplicas())
	if cfg.Username != "" {
		cluster.AuthProvider = signIn(cfg, log)
	}
	if cfg.CAFile != "" {
		cluster.HostDialer = newDialer(cfg, log)
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
