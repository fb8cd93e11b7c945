package cassandra

import (
	"context"
	"errors"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

// maxRevisedSpans is how many spans [Store.Revised] looks at.
const maxRevisedSpans = 64

const (
	insertRevisedSpan = `INSERT INTO revised_spans (room_id, epoch, span) VALUES (?, ?, ?) USING TIMESTAMP ?`
	insertRevision    = `
INSERT INTO message_revisions (room_id, epoch, span, log_offset, message_id)
VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?`
	deleteRevision     = `DELETE FROM message_revisions USING TIMESTAMP ? WHERE room_id = ? AND epoch = ? AND span = ? AND log_offset = ?`
	selectRevisedSpans = `
SELECT epoch, span FROM revised_spans
WHERE room_id = ? AND (epoch, span) >= (?, ?) AND (epoch, span) <= (?, ?)
LIMIT ?`
	selectRevised = `
SELECT log_offset, message_id FROM message_revisions
WHERE room_id = ? AND epoch = ? AND span = ? AND log_offset >= ? AND log_offset < ?
LIMIT ?`
)

// listRevisions writes by which records messages are revised, before they are, and takes out the records whose revisions are superseded by that.
func (s *Store) listRevisions(ctx context.Context, session *gocql.Session, entries []appending) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelBatches)
	for _, entry := range entries {
		if entry.revises() {
			group.Go(func() error { return s.listRevision(ctx, session, entry) })
		}
	}
	return group.Wait()
}

func (s *Store) listRevision(ctx context.Context, session *gocql.Session, entry appending) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	room, by, written := gocql.UUID(entry.Message.RoomID), entry.Revision, writtenAt(entry.Entry)
	span := by.Offset >> spanBits
	batch := session.NewBatch(gocql.UnloggedBatch).WithContext(ctx)
	batch.Entries = []gocql.BatchEntry{
		{Stmt: insertRevisedSpan, Args: []any{room, by.Epoch, span, written}, Idempotent: true},
		{Stmt: insertRevision, Args: []any{room, by.Epoch, span, by.Offset, gocql.UUID(entry.Message.ID), written, ttlOf(entry.Entry, time.Now())}, Idempotent: true},
	}
	for _, key := range entry.superseded {
		batch.Entries = append(batch.Entries, gocql.BatchEntry{
			Stmt: deleteRevision, Args: []any{written, room, key.Epoch, key.Offset >> spanBits, key.Offset}, Idempotent: true,
		})
	}
	return session.ExecuteBatch(batch)
}

// revision is a record that has revised a message.
type revision struct {
	at      events.Position
	message uuid.UUID
}

// Revised implements [store.Store].
func (s *Store) Revised(ctx context.Context, room uuid.UUID, within store.Range, limit int) ([]store.Entry, events.Position, error) {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return nil, events.Position{}, err
	}
	defer cancel()
	found, end, err := listed(ctx, session, room, within, limit)
	if err != nil {
		return nil, events.Position{}, unavailable("list revisions", err)
	}
	newest := make([]store.Entry, len(found))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxWave)
	for i, one := range found {
		group.Go(func() (err error) {
			newest[i], err = s.findRevised(ctx, room, one.message)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, events.Position{}, err
	}
	entries := newest[:0]
	for i, entry := range newest {
		if entry.Revision == found[i].at { // else the message comes with a later record, or is one that the consumer group has yet to write
			entries = append(entries, entry)
		}
	}
	return entries, end, nil
}

// listed gives the first revisions of a range, and the position before which these are all.
func listed(ctx context.Context, session *gocql.Session, room uuid.UUID, within store.Range, limit int) (found []revision, end events.Position, err error) {
	spans := read(ctx, session, selectRevisedSpans, gocql.UUID(room), within.From.Epoch, within.From.Offset>>spanBits,
		within.Before.Epoch, within.Before.Offset>>spanBits, maxRevisedSpans)
	defer spans.Close() //nolint:errcheck // closed below where its error counts
	seen := 0
	var in span
	for ; len(found) < limit && spans.Scan(&in.epoch, &in.number); seen++ {
		if found, err = in.revisions(ctx, session, room, within, found, limit); err != nil {
			return nil, events.Position{}, err
		}
	}
	switch {
	case len(found) == limit:
		end = found[limit-1].at.Next()
	case seen == maxRevisedSpans:
		end = events.Position{Epoch: in.epoch, Offset: in.end()}
	default:
		end = within.Before
	}
	return found, end, spans.Close()
}

// revisions adds the revisions of a range that are in the span, up to so many in all.
func (s span) revisions(ctx context.Context, session *gocql.Session, room uuid.UUID, within store.Range, found []revision, limit int) ([]revision, error) {
	wanted := part{epoch: s.epoch, from: s.number << spanBits, before: s.end()}.in(within)
	rows := read(ctx, session, selectRevised, gocql.UUID(room), s.epoch, s.number, wanted.from, wanted.before, limit-len(found))
	var message gocql.UUID
	for at := (events.Position{Epoch: s.epoch}); rows.Scan(&at.Offset, &message); {
		found = append(found, revision{at: at, message: uuid.UUID(message)})
	}
	return found, rows.Close()
}

// findRevised gives a message, or an entry that is none where it is not there.
func (s *Store) findRevised(ctx context.Context, room, message uuid.UUID) (store.Entry, error) {
	entry, err := s.Find(ctx, room, message)
	if errors.Is(err, store.ErrMessageNotFound) {
		return store.Entry{}, nil
	}
	return entry, err
}
