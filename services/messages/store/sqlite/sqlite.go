// Package sqlite keeps timelines in one SQLite file, for a single process.
//
// One goroutine writes. It takes what has queued up while it was busy into one transaction, so that many small appends
// share one sync to disk. Readers have connections of their own, which write-ahead logging lets read meanwhile.
//
// A message is one row, which a revision overwrites if it is newer. Whether a position is taken is part of the same upsert: only
// where that changes nothing, as in a replay, the row is looked at.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	queueLength = 1024
	maxBatch    = 512 // messages in one transaction
)

// Store is a [store.Store] in one SQLite file.
type Store struct {
	path  string
	log   *slog.Logger
	queue chan *appending
	open  atomic.Pointer[sqlite.DB]
}

var _ store.Store = (*Store)(nil)

// appending is one call of Append, of Withdraw, or of Ping with nothing, on its way to the writing goroutine.
type appending struct {
	ctx       context.Context
	entries   []store.Entry
	withdrawn []store.Entry
	refused   error        // what the writing goroutine could not write: positions that are taken, messages that cannot be stored
	done      chan<- error // has room for the one result
}

func (a *appending) size() int { return len(a.entries) + len(a.withdrawn) }

// New makes the store in the file at path, which Run creates where it is missing. It opens nothing.
func New(path string, log *slog.Logger) *Store {
	return &Store{path: path, log: log, queue: make(chan *appending, queueLength)}
}

// Run implements [store.Store].
func (s *Store) Run(ctx context.Context) error {
	opened, err := sqlite.Open(ctx, s.path, sqlite.UserVersion(migrations...), func(err error, next time.Duration) {
		s.log.WarnContext(ctx, "message store does not open; it is tried again",
			slog.String("path", s.path), slog.Duration("in", next), slog.Any("error", err))
	})
	if err != nil {
		return nil //nolint:nilerr // ctx is done, and nothing is open
	}
	return s.serve(ctx, opened)
}

func (s *Store) serve(ctx context.Context, opened *sqlite.DB) error {
	s.open.Store(opened)
	s.writeQueued(ctx, opened)
	s.open.Store(nil)
	for {
		select {
		case late := <-s.queue:
			late.done <- store.ErrUnavailable
		default:
			if err := opened.Close(); err != nil {
				return fmt.Errorf("close message store: %w", err)
			}
			return nil
		}
	}
}

// Ping implements [store.Store]: it goes through the writing goroutine, as an append does.
func (s *Store) Ping(ctx context.Context) error { return s.Append(ctx, nil) }

// Append implements [store.Store].
func (s *Store) Append(ctx context.Context, entries []store.Entry) error {
	return s.write(ctx, &appending{entries: entries})
}

// Withdraw implements [store.Store]. The row stays, so that a late append finds it.
func (s *Store) Withdraw(ctx context.Context, entries []store.Entry) error {
	return s.write(ctx, &appending{withdrawn: entries})
}

// write hands something to the writing goroutine and waits for it.
func (s *Store) write(ctx context.Context, what *appending) error {
	if s.open.Load() == nil {
		return store.ErrUnavailable
	}
	done := make(chan error, 1)
	what.ctx, what.done = ctx, done
	select {
	case s.queue <- what:
	case <-ctx.Done():
		return unavailable("queue messages", ctx.Err())
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return unavailable("write messages", ctx.Err())
	}
}

const entryColumns = `
epoch, log_offset, message_id, sender_id, type, body, created_at, revision_epoch, revision_offset, edited_at, deleted_at, client_id, mentions
FROM messages`

const selectEntries = `SELECT` + entryColumns

const (
	inRange       = ` WHERE room_id = ? AND (epoch, log_offset) >= (?, ?) AND (epoch, log_offset) < (?, ?) AND` + live
	createdBefore = ` AND created_at < ?`
	newest        = ` ORDER BY epoch DESC, log_offset DESC LIMIT ?`
	oldest        = ` ORDER BY epoch, log_offset LIMIT ?`
)

// pageOf gives the statement of a page, and its arguments.
func pageOf(room uuid.UUID, within store.Range, limit int) (statement string, args []any) {
	statement = selectEntries + inRange
	args = []any{room[:], within.From.Epoch, within.From.Offset, within.Before.Epoch, within.Before.Offset}
	if !within.CreatedBefore.IsZero() {
		statement += createdBefore
		args = append(args, within.CreatedBefore.UnixMicro())
	}
	if within.Oldest {
		return statement + oldest, append(args, limit)
	}
	return statement + newest, append(args, limit)
}

// Page implements [store.Store].
func (s *Store) Page(ctx context.Context, room uuid.UUID, within store.Range, limit int) ([]store.Entry, error) {
	statement, args := pageOf(room, within, limit)
	entries, err := s.entries(ctx, room, limit, statement, args...)
	if within.Oldest {
		slices.Reverse(entries)
	}
	return entries, err
}

// entries reads entries of a room, about limit of them.
func (s *Store) entries(ctx context.Context, room uuid.UUID, limit int, statement string, args ...any) ([]store.Entry, error) {
	opened := s.open.Load()
	if opened == nil {
		return nil, store.ErrUnavailable
	}
	rows, err := opened.Readers.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, unavailable("read timeline", err)
	}
	defer rows.Close()
	entries := make([]store.Entry, 0, limit)
	for rows.Next() {
		entry, err := scanEntry(rows, room)
		if err != nil {
			return nil, unavailable("read message", err)
		}
		entries = append(entries, entry)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable("read timeline", err)
	}
	return entries, nil
}

const selectByID = selectEntries + `
WHERE room_id = ? AND message_id = ? AND` + live + `
ORDER BY epoch, log_offset
LIMIT 1`

const selectFirstPosition = `
SELECT epoch, log_offset FROM messages
WHERE room_id = ? AND message_id = ? AND` + live + `
ORDER BY epoch, log_offset
LIMIT 1`

// Find implements [store.Store].
func (s *Store) Find(ctx context.Context, room, message uuid.UUID) (store.Entry, error) {
	opened := s.open.Load()
	if opened == nil {
		return store.Entry{}, store.ErrUnavailable
	}
	entry, err := scanEntry(opened.Readers.QueryRowContext(ctx, selectByID, room[:], message[:]), room)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return store.Entry{}, store.ErrMessageNotFound
	case err != nil:
		return store.Entry{}, unavailable("find message by id", err)
	}
	return entry, nil
}

// FirstPositions implements [store.Store].
func (s *Store) FirstPositions(ctx context.Context, messages []store.Key) (map[store.Key]events.Position, error) {
	opened := s.open.Load()
	if opened == nil {
		return nil, store.ErrUnavailable
	}
	found := map[store.Key]events.Position{}
	for _, key := range messages {
		var at events.Position
		err := opened.Readers.QueryRowContext(ctx, selectFirstPosition, key.Room[:], key.Message[:]).Scan(&at.Epoch, &at.Offset)
		switch {
		case err == nil:
			found[key] = at
		case !errors.Is(err, sql.ErrNoRows):
			return nil, unavailable("find messages by id", err)
		}
	}
	return found, nil
}

func scanEntry(row interface{ Scan(into ...any) error }, room uuid.UUID) (store.Entry, error) {
	var (
		entry           = store.Entry{Message: wire.Message{RoomID: room}}
		body, mentions  []byte
		created         int64
		edited, deleted sql.NullInt64
	)
	err := row.Scan(&entry.Position.Epoch, &entry.Position.Offset, &entry.Message.ID, &entry.Message.SenderID, &entry.Message.Type,
		&body, &created, &entry.Revision.Epoch, &entry.Revision.Offset, &edited, &deleted, &entry.Message.ClientID, &mentions)
	if err != nil {
		return store.Entry{}, err
	}
	entry.Message.Body = body
	entry.Message.CreatedAt = wire.At(time.UnixMicro(created))
	if entry.Message.Mentions, err = splitIDs(mentions); err != nil {
		return store.Entry{}, err
	}
	if edited.Valid {
		entry.EditedAt = time.UnixMicro(edited.Int64).UTC()
	}
	if deleted.Valid {
		entry.DeletedAt = time.UnixMicro(deleted.Int64).UTC()
	}
	return entry, nil
}

const selectPositionAt = `
SELECT epoch, log_offset FROM messages
WHERE room_id = ? AND created_at = ? AND` + live + `
ORDER BY epoch DESC, log_offset DESC
LIMIT 1`

const selectPositionBefore = `
SELECT epoch, log_offset FROM (
	SELECT epoch, log_offset FROM messages
	WHERE room_id = ? AND created_at < ? AND` + live + `
	ORDER BY created_at DESC, epoch DESC, log_offset DESC
	LIMIT ?
)
ORDER BY epoch DESC, log_offset DESC
LIMIT 1`

// Locate implements [store.Store].
func (s *Store) Locate(ctx context.Context, room uuid.UUID, at time.Time) (store.Range, error) {
	opened := s.open.Load()
	if opened == nil {
		return store.Range{}, store.ErrUnavailable
	}
	var position events.Position
	err := opened.Readers.QueryRowContext(ctx, selectPositionAt, room[:], at.UnixMicro()).Scan(&position.Epoch, &position.Offset)
	switch {
	case err == nil:
		return store.Range{Before: position}, nil
	case !errors.Is(err, sql.ErrNoRows):
		return store.Range{}, unavailable("find message by time", err)
	}
	err = opened.Readers.QueryRowContext(ctx, selectPositionBefore, room[:], at.UnixMicro(), store.LocateWindow).
		Scan(&position.Epoch, &position.Offset)
	switch {
	case err == nil:
		return store.Range{Before: position.Next(), CreatedBefore: at}, nil
	case errors.Is(err, sql.ErrNoRows):
		return store.Range{CreatedBefore: at}, nil
	default:
		return store.Range{}, unavailable("find messages before a time", err)
	}
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, doing, err)
}
