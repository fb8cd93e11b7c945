// Package cassandra keeps timelines in Apache Cassandra or ScyllaDB.
//
// A room's messages are partitioned by (room, bucket), a bucket being ten days of createdAt, so that no partition grows for
// ever, and ordered by position within each. Clocks differ, so the positions of one bucket need not all stand before those of the
// next. The table room_places makes that harmless: for every span of 2^20 offsets it lists the buckets that hold any of the
// room's positions in it, nearly always one. A page goes through the spans downwards and merges, by position, the buckets of each.
//
// Every write is an upsert that carries its message's createdAt as write time: however often it is repeated, and however
// late, the same cells come out, and nothing that has been deleted since comes back.
package cassandra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"
	lru "github.com/hashicorp/golang-lru/v2"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	bucketWidth = 10 * 24 * time.Hour
	spanBits    = 20      // a span is 2^20 offsets
	maxListed   = 100_000 // rows of room_places that are known to be written
)

// Store is a [store.Store] in Cassandra.
type Store struct {
	cfg     Config
	log     *slog.Logger
	tracer  trace.Tracer
	session atomic.Pointer[gocql.Session] // nil until connected
	listed  *lru.Cache[listing, struct{}]
}

var _ store.Store = (*Store)(nil)

// New makes the store. It reaches for nothing: Run does.
func New(cfg Config, tel *telemetry.Telemetry) (*Store, error) {
	listed, err := lru.New[listing, struct{}](maxListed)
	if err != nil {
		return nil, fmt.Errorf("make memory of listed buckets: %w", err)
	}
	return &Store{
		cfg:    cfg,
		log:    tel.Log,
		tracer: tel.Tracer.Tracer("github.com/ism-chat/ism/services/messages/store/cassandra"),
		listed: listed,
	}, nil
}

// bucketOf is the number of the bucket of a time in microseconds since 1970.
func bucketOf(micros int64) int {
	width := bucketWidth.Microseconds()
	bucket := micros / width
	if micros%width < 0 {
		bucket--
	}
	return int(bucket)
}

// connected gives the session, and the context with the deadline of one query.
func (s *Store) connected(ctx context.Context) (*gocql.Session, context.Context, context.CancelFunc, error) {
	session := s.session.Load()
	if session == nil {
		return nil, nil, nil, unavailable("use the message store", errNotConnected)
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	return session, ctx, cancel, nil
}

const upsertProbe = `INSERT INTO probe (id, at) VALUES (1, ?)`

// Ping implements [store.Store]: it writes, at the configured consistency.
func (s *Store) Ping(ctx context.Context) error {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if err := session.Query(upsertProbe, time.Now().UnixMicro()).WithContext(ctx).Idempotent(true).Exec(); err != nil {
		return unavailable("write probe", err)
	}
	return nil
}

func unavailable(doing string, err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, doing, err)
}
