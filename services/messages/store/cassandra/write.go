package cassandra

import (
	"context"
	"slices"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	// A batch is one write of one partition, ten times as fast as its messages one by one (BenchmarkAppend). Its limits keep
	// it well below what a node takes in one write, half a commit log segment.
	maxBatchMessages = 64
	maxBatchBytes    = 128 << 10
	parallelBatches  = 16
	// maxAhead is how far a write time may be ahead: ScyllaDB refuses more than three days. Only a clock that is far off
	// makes a createdAt of that kind.
	maxAhead = 24 * time.Hour
)

// listing is a row of room_places.
type listing struct {
	room  uuid.UUID
	epoch int32
	span  int64
	slot  int
}

// at is a position in the listed span.
func (l listing) at(offset int64) roomPosition {
	return roomPosition{room: l.room, position: events.Position{Epoch: l.epoch, Offset: offset}}
}

// partition is the key of a partition: of messages by the slot, of what finds them by the bucket.
type partition struct {
	room uuid.UUID
	slot int
}

const (
	insertMessage = `
INSERT INTO messages (room_id, bucket, epoch, log_offset, message_id, sender_id, type, body, created_at, client_id, mentions)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?`
	insertTime = `
INSERT INTO message_times (room_id, bucket, created_at, epoch, log_offset)
VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?`
	insertID = `
INSERT INTO message_ids (room_id, bucket, message_id, epoch, log_offset, pace)
VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?`
	insertPositions = `INSERT INTO room_places (room_id, epoch, span, bucket) VALUES (?, ?, ?, ?)`
	insertBucket    = `INSERT INTO room_buckets (room_id, bucket) VALUES (?, ?)`
)

// Append implements [store.Store]. Partitions are listed before anything is written to them, so that a reader who sees a
// message through one list sees it through all. What is stored already is looked at meanwhile.
func (s *Store) Append(ctx context.Context, entries []store.Entry) error {
	session := s.session.Load()
	if session == nil {
		return unavailable("use the message store", errNotConnected)
	}
	entries = store.Lasting(entries, time.Now())
	writable, taken, err := s.prepareWrites(ctx, session, entries)
	if err != nil {
		return unavailable("prepare to write messages", err)
	}
	if slices.ContainsFunc(writable, appending.revises) {
		if err := s.listRevisions(ctx, session, writable); err != nil {
			return unavailable("list revisions", err)
		}
	}
	if err := s.writeAll(ctx, session, batches(writable)); err != nil {
		return unavailable("write messages", err)
	}
	return taken
}

// prepareWrites lists the partitions of entries and looks at what is stored already, at once where both ask the store. Of what a send
// writes, everything is mostly known.
func (s *Store) prepareWrites(ctx context.Context, session *gocql.Session, entries []store.Entry) (writable []appending, taken, err error) {
	unlisted, senders := s.unlisted(entries), s.unlistedSenders(entries)
	if len(unlisted)+len(senders) == 0 {
		return s.check(ctx, session, entries)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		writable, taken, err = s.check(ctx, session, entries)
		return err
	})
	group.Go(func() error { return s.list(ctx, session, unlisted) })
	group.Go(func() error { return s.listSenders(ctx, session, senders) })
	err = group.Wait()
	return writable, taken, err
}

// unlisted are the rows that say where the messages are, without those that are known to be there.
func (s *Store) unlisted(entries []store.Entry) map[listing]struct{} {
	return unknown(s.listed, entries, func(entry store.Entry) listing {
		return listing{
			room: entry.Message.RoomID, epoch: entry.Position.Epoch, span: entry.Position.Offset >> spanBits, slot: slotOf(entry),
		}
	})
}

// unknown gives the rows that entries need, without those that are known to be written.
func unknown[R comparable](known *lru.Cache[R, struct{}], entries []store.Entry, rowOf func(store.Entry) R) map[R]struct{} {
	var missing map[R]struct{}
	for _, entry := range entries {
		row := rowOf(entry)
		if _, written := known.Get(row); written {
			continue
		}
		if missing == nil {
			missing = map[R]struct{}{}
		}
		missing[row] = struct{}{}
	}
	return missing
}

// list writes rows that say where messages are.
func (s *Store) list(ctx context.Context, session *gocql.Session, rows map[listing]struct{}) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelBatches)
	for row := range rows {
		group.Go(func() error {
			ctx, cancel := s.limit(ctx)
			defer cancel()
			batch := session.NewBatch(gocql.UnloggedBatch).WithContext(ctx)
			room := gocql.UUID(row.room)
			batch.Entries = []gocql.BatchEntry{
				{Stmt: insertPositions, Args: []any{room, row.epoch, row.span, row.slot}, Idempotent: true},
				{Stmt: insertBucket, Args: []any{room, bucketIn(row.slot)}, Idempotent: true},
			}
			if err := session.ExecuteBatch(batch); err != nil {
				return err
			}
			s.listed.Add(row, struct{}{})
			return nil
		})
	}
	return group.Wait()
}

// writeAll writes batches, many at once. A single one, which is what a send writes, needs no goroutine.
func (s *Store) writeAll(ctx context.Context, session *gocql.Session, batches [][]appending) error {
	if len(batches) == 1 {
		return s.write(ctx, session, batches[0])
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelBatches)
	for _, batch := range batches {
		group.Go(func() error { return s.write(ctx, session, batch) })
	}
	return group.Wait()
}

// batches groups entries by partition, and cuts the groups to what one batch takes.
func batches(entries []appending) [][]appending {
	if len(entries) == 1 {
		return [][]appending{entries}
	}
	var (
		done [][]appending
		open = map[partition][]appending{}
		size = map[partition]int{}
	)
	for _, entry := range entries {
		key := partition{room: entry.Message.RoomID, slot: slotOf(entry.Entry)}
		if len(open[key]) == maxBatchMessages || len(open[key]) > 0 && size[key]+sizeOf(entry) > maxBatchBytes {
			done = append(done, open[key])
			open[key], size[key] = nil, 0
		}
		open[key] = append(open[key], entry)
		size[key] += sizeOf(entry)
	}
	for _, rest := range open {
		done = append(done, rest)
	}
	return done
}

func sizeOf(entry appending) int {
	return len(entry.Message.Body) + len(entry.Message.Mentions)*len(uuid.UUID{})
}

// write writes messages of one partition, all or none of them, and what finds them. That is in the same partition, unless they are in a slice: then one of
// the two may be written alone. Of named messages that must be the messages themselves, since [Store.FirstPositions] believes what finds them.
//
// An original has its message's createdAt as write time, and a revision a microsecond more. So the original's own body, however
// late it is written, never comes back to where a revision has replaced it. Only where both are cut to maxAhead it may, in the row:
// what is read is the revision.
func (s *Store) write(ctx context.Context, session *gocql.Session, entries []appending) error {
	messages, index := make([]gocql.BatchEntry, 0, 3*len(entries)), make([]gocql.BatchEntry, 0, 2*len(entries))
	now := time.Now()
	latest := now.Add(maxAhead).UnixMicro()
	for _, entry := range entries {
		var (
			m      = entry.Message
			room   = gocql.UUID(m.RoomID)
			id     = gocql.UUID(m.ID)
			micros = m.CreatedAt.UnixMicro()
			bucket = bucketOf(micros)
			at     = entry.Position
			// What an original and its revisions all write.
			written = min(micros, latest)
			ttl     = ttlOf(entry.Entry, now)
			byTime  = []any{room, bucket, micros, at.Epoch, at.Offset, written, ttl}
			byID    = []any{room, bucket, id, at.Epoch, at.Offset, paceOrUnset(entry.Pace), written, ttl}
		)
		if entry.Revision == (events.Position{}) {
			byPosition := []any{
				room, slotOf(entry.Entry), at.Epoch, at.Offset, id, gocql.UUID(m.SenderID), string(m.Type), string(m.Body), micros, orUnset(m.ClientID), mentionsOf(m), written, ttl,
			}
			messages = append(messages, gocql.BatchEntry{Stmt: insertMessage, Args: byPosition, Idempotent: true})
		} else {
			messages = append(messages, revise(entry.Entry, entry.superseded, writtenAt(entry.Entry), ttl)...)
		}
		index = append(index,
			gocql.BatchEntry{Stmt: insertTime, Args: byTime, Idempotent: true},
			gocql.BatchEntry{Stmt: insertID, Args: byID, Idempotent: true})
	}
	if isSlice(slotOf(entries[0].Entry)) && slices.ContainsFunc(entries, appending.named) {
		if err := s.execute(ctx, session, messages); err != nil {
			return err
		}
		messages = nil
	}
	return s.execute(ctx, session, append(messages, index...))
}

func (a appending) named() bool { return a.Message.ClientID != "" }

// execute writes statements of one room at once.
func (s *Store) execute(ctx context.Context, session *gocql.Session, statements []gocql.BatchEntry) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	batch := session.NewBatch(gocql.UnloggedBatch).WithContext(ctx)
	batch.Entries = statements
	return session.ExecuteBatch(batch)
}

// writtenAt is the write time of a revision.
func writtenAt(entry store.Entry) int64 {
	return min(entry.Message.CreatedAt.UnixMicro()+1, time.Now().Add(maxAhead).UnixMicro())
}

// orUnset writes nothing where there is nothing: a null would be a tombstone.
func orUnset(text string) any {
	if text == "" {
		return gocql.UnsetValue
	}
	return text
}

// paceOrUnset does the same with a pace.
func paceOrUnset(pace events.Pace) any {
	if pace == 0 {
		return gocql.UnsetValue
	}
	return int8(pace)
}
