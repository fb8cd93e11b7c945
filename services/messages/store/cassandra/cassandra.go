// Package cassandra keeps timelines in Apache Cassandra or ScyllaDB.
//
// # Partitions
//
// A room's messages are partitioned by (room, bucket), a bucket being ten days of createdAt, so that no partition grows for
// ever, and ordered by position within each. Clocks differ, so the positions of one bucket need not all stand before those of the
// next. The table room_places makes that harmless: for every span of 2^20 offsets it lists the slots, buckets and slices of them, that hold any of
// the room's positions in it, nearly always one. A page goes through the spans one after the other and merges, by position, the slots of each.
//
// # Slices
//
// A bucket of a busy room is divided further, by offsets: a message that has a pace, see [events.Pace], is in the slice of 2^pace offsets that its
// position is in. So where a message is follows from its record in the log alone, whoever writes it. A slice has what 8,192 messages and up to eight
// times as many take, the narrowest at most the 131,072 messages that it has offsets for; the bucket itself keeps what has no pace: up to 8,192 messages
// for each start of a process, what is sent at less than one message in 8,192 of the log, and who joins and leaves. A slice's number, in the column
// bucket, says which offsets it has, so a page passes over the slices that have none of its own, though their span lists them.
//
// message_times and message_ids are not divided: a look-up does not know the position. They take some 30 and 45 bytes a message, so of a million
// messages 29 and 42 MiB, and reach the 100 MB at which Cassandra warns of a partition with 2.3 million messages of one room in ten days.
// Of a slice they are in another partition, so they are in the same batch but not written with it or not at all; what that takes is in write.
//
// # Writes
//
// Every write is an upsert that carries its message's createdAt as write time: however often it is repeated, and however
// late, the same cells come out, and nothing that has been deleted since comes back.
//
// # Revisions
//
// Clocks do not decide which content of a message is the newest, and neither do write times: they would have to order positions,
// which do not fit in one. A revision is an element of a map in the message's row, under the position of the record that made
// it, and the reader takes the element that no other supersedes. So revisions may come in any order, also before the original,
// and a page still reads one row a message. Write times only get rid of what is superseded. The row's own body is overwritten
// with a placeholder, a microsecond above the original's write time, and the elements that are superseded are removed; two
// revisions that are written at the same instant may leave both elements until one of them is replayed.
//
// # Positions that are taken
//
// A plain upsert would overwrite another message at its position. A lightweight transaction would not, but takes four round trips
// between replicas, and must not be mixed with plain writes of the same row. With the message id in the key both messages would
// stay, but the key of a table cannot be altered, and a second table would have to be written beside the first for as long as
// builds run that read that one. So Append reads before it writes, where something may be there. Where that is, it knows from the
// room's frontier: the position behind everything stored, read when the process first writes to the room, and then raised by its
// own writes. An entry behind the frontier, as every send is and nearly every record that the consumer group comes to, costs no
// read. An entry before it is a replay, a revision, or two sends overtaking each other: what is stored at its position is read, in
// every slot of its span that may have it, for many entries at once.
//
// To read before every write would double the time of an append (BenchmarkAppend, best of six: 0.90 ms instead of 0.42 one by
// one; 218 µs instead of 105 with 32 at once). What the frontier cannot know is what other processes have stored behind it since. That is
// of the same log, and so at positions of its own, unless the log lost records while this
// process was running. Then a message can be overwritten that another process had stored; [Store.Find] gives
// [store.ErrPositionTaken] for it.
//
// # Look-up by id
//
// message_ids is partitioned by buckets, as messages is but for slices, so its row goes into the same batch: it adds nothing to a send that can be
// measured, and a quarter to the batches of a replay. It has the pace, which says in which slice the message is. A table partitioned by id would need no bucket to find a message, but a write of its
// own for each, ten times the work of a batch. The bucket comes from the time in an id of version 7; for other ids all buckets of
// the room are asked, 37 a year. What builds before this table have stored is found among the messages of the second of its id,
// and by its id alone once it has been replayed.
package cassandra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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
	cfg      Config
	migrates Migrate
	log      *slog.Logger
	tracer   trace.Tracer
	session  atomic.Pointer[gocql.Session] // nil until connected
	listed   *lru.Cache[listing, struct{}]
	senders  *lru.Cache[senderPartition, struct{}]

	frontiers *frontiers
}

var _ store.Store = (*Store)(nil)

// New makes the store. It reaches for nothing: Run does.
func New(cfg Config, migrates Migrate, tel *telemetry.Telemetry) (*Store, error) {
	listed, err := lru.New[listing, struct{}](maxListed)
	if err != nil {
		return nil, fmt.Errorf("make memory of listed slots: %w", err)
	}
	senders, err := lru.New[senderPartition, struct{}](maxSenders)
	if err != nil {
		return nil, fmt.Errorf("make memory of listed senders: %w", err)
	}
	frontiers, err := newFrontiers()
	if err != nil {
		return nil, fmt.Errorf("make memory of rooms' frontiers: %w", err)
	}
	return &Store{
		cfg:       cfg,
		migrates:  migrates,
		log:       tel.Log,
		tracer:    tel.Tracer.Tracer("github.com/ism-chat/ism/services/messages/store/cassandra"),
		listed:    listed,
		senders:   senders,
		frontiers: frontiers,
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

// connected gives the session, and the context with the deadline of what a request asks for.
func (s *Store) connected(ctx context.Context) (*gocql.Session, context.Context, context.CancelFunc, error) {
	session := s.session.Load()
	if session == nil {
		return nil, nil, nil, unavailable("use the message store", errNotConnected)
	}
	ctx, cancel := s.limit(ctx)
	return session, ctx, cancel, nil
}

// limit gives the deadline of one query.
func (s *Store) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.cfg.Timeout)
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
	if refusesValue(err) {
		return fmt.Errorf("%w: %s: %w", store.ErrUnstorable, doing, err)
	}
	return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, doing, err)
}

// refusesValue reports whether the nodes refuse a value, whenever it comes. They have one code for that and for a table that is missing,
// which is an outage: what they say of values decides, Cassandra's words and ScyllaDB's. Whatever else they say is an outage, too.
func refusesValue(err error) bool {
	var refused gocql.RequestError
	if !errors.As(err, &refused) || refused.Code() != gocql.ErrCodeInvalid {
		return false
	}
	for _, said := range []string{"didn't validate", "marshaling error", "too big", "too large"} {
		if strings.Contains(refused.Message(), said) {
			return true
		}
	}
	return false
}
