package cassandra

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	selectPositionsOf = `
SELECT message_id, epoch, log_offset FROM message_ids
WHERE room_id = ? AND bucket = ? AND message_id IN ?`
	deleteMessage = `DELETE FROM messages USING TIMESTAMP ? WHERE room_id = ? AND bucket = ? AND epoch = ? AND log_offset = ?`
	deleteTime    = `DELETE FROM message_times USING TIMESTAMP ? WHERE room_id = ? AND bucket = ? AND created_at = ? AND epoch = ? AND log_offset = ?`
	deleteID      = `DELETE FROM message_ids USING TIMESTAMP ? WHERE room_id = ? AND bucket = ? AND message_id = ? AND epoch = ? AND log_offset = ?`
)

// FirstPositions implements [store.Store].
func (s *Store) FirstPositions(ctx context.Context, messages []store.Key) (map[store.Key]events.Position, error) {
	session := s.session.Load()
	if session == nil {
		return nil, unavailable("use the message store", errNotConnected)
	}
	byPartition := map[partition][]gocql.UUID{}
	for _, key := range messages {
		for _, bucket := range bucketsOf(key.Message) {
			in := partition{room: key.Room, slot: bucket}
			byPartition[in] = append(byPartition[in], gocql.UUID(key.Message))
		}
	}
	var mu sync.Mutex
	first := map[store.Key]events.Position{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelBatches)
	for in, ids := range byPartition {
		for some := range slices.Chunk(ids, maxBatchMessages) {
			group.Go(func() error {
				return s.readPositionsOf(ctx, session, in, some, func(message uuid.UUID, at events.Position) {
					mu.Lock()
					defer mu.Unlock()
					key := store.Key{Room: in.room, Message: message}
					if known, ok := first[key]; !ok || at.Compare(known) < 0 {
						first[key] = at
					}
				})
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, unavailable("look up messages by id", err)
	}
	return first, nil
}

// bucketsOf gives where [Store.FirstPositions] looks for a message. Buckets end with days, so all messages of one day are in one.
func bucketsOf(message uuid.UUID) []int {
	if at := timeIn(message); at.UnixMilli()%day.Milliseconds() == 0 {
		return []int{bucketOf(at.UnixMicro())}
	}
	return bucketsNear(message)
}

const day = 24 * time.Hour

func (s *Store) readPositionsOf(ctx context.Context, session *gocql.Session, in partition, ids []gocql.UUID, found func(message uuid.UUID, at events.Position)) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	rows := read(ctx, session, selectPositionsOf, gocql.UUID(in.room), in.slot, ids)
	var id gocql.UUID
	for at := (events.Position{}); rows.Scan(&id, &at.Epoch, &at.Offset); {
		found(uuid.UUID(id), at)
	}
	return rows.Close()
}

// Withdraw implements [store.Store]. What it writes is later by a microsecond than the message, so it wins over the message however late that is
// written. Cassandra forgets it after gc_grace_seconds, ten days as a rule, when no send writes the message any more; who reads the log again
// withdraws it again.
func (s *Store) Withdraw(ctx context.Context, entries []store.Entry) error {
	session := s.session.Load()
	if session == nil {
		return unavailable("use the message store", errNotConnected)
	}
	for _, entry := range entries {
		if err := s.withdraw(ctx, session, entry); err != nil {
			return unavailable("withdraw a message", err)
		}
	}
	return nil
}

func (s *Store) withdraw(ctx context.Context, session *gocql.Session, entry store.Entry) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	var (
		room    = gocql.UUID(entry.Message.RoomID)
		micros  = entry.Message.CreatedAt.UnixMicro()
		bucket  = bucketOf(micros)
		at      = entry.Position
		written = min(micros, time.Now().Add(maxAhead).UnixMicro()) + 1
	)
	batch := session.NewBatch(gocql.UnloggedBatch).WithContext(ctx)
	batch.Entries = []gocql.BatchEntry{
		{Stmt: deleteMessage, Args: []any{written, room, bucket, at.Epoch, at.Offset}, Idempotent: true},
		{Stmt: deleteTime, Args: []any{written, room, bucket, micros, at.Epoch, at.Offset}, Idempotent: true},
		{Stmt: deleteID, Args: []any{written, room, bucket, gocql.UUID(entry.Message.ID), at.Epoch, at.Offset}, Idempotent: true},
	}
	if slot := slotOf(entry); slot != bucket { // builds that know no slices write it to the bucket
		batch.Entries = append(batch.Entries, gocql.BatchEntry{
			Stmt: deleteMessage, Args: []any{written, room, slot, at.Epoch, at.Offset}, Idempotent: true,
		})
	}
	return session.ExecuteBatch(batch)
}
