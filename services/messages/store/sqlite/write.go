package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/services/messages/store"
)

// The order of contents is that of [store.Entry.Supersedes].
const upsertMessage = `
INSERT INTO messages (room_id, epoch, log_offset, message_id, sender_id, type, body, created_at,
	revision_epoch, revision_offset, edited_at, deleted_at, client_id, mentions, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (room_id, epoch, log_offset) DO UPDATE
SET body = excluded.body, revision_epoch = excluded.revision_epoch, revision_offset = excluded.revision_offset,
	edited_at = excluded.edited_at, deleted_at = excluded.deleted_at, mentions = excluded.mentions, expires_at = excluded.expires_at
WHERE message_id = excluded.message_id
	AND (excluded.deleted_at IS NOT NULL, excluded.revision_epoch, excluded.revision_offset)
		> (deleted_at IS NOT NULL, revision_epoch, revision_offset)`

const withdrawMessage = `
INSERT INTO messages (room_id, epoch, log_offset, message_id, sender_id, type, body, created_at, client_id, expires_at, withdrawn)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
ON CONFLICT (room_id, epoch, log_offset) DO UPDATE SET withdrawn = 1
WHERE message_id = excluded.message_id`

const insertReferredTo = `INSERT INTO referred_to (room_id, epoch, log_offset, user_id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`

const selectMessageAt = `SELECT message_id FROM messages WHERE room_id = ? AND epoch = ? AND log_offset = ?`

const upsertProbe = `INSERT INTO probe (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at`

// writeQueued is the writing goroutine, until ctx is done.
func (s *Store) writeQueued(ctx context.Context, db *sqlite.DB) {
	sweep := time.NewTimer(0)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			sweep.Reset(s.sweep(ctx, db))
		case first := <-s.queue:
			batch := s.gather(first)
			err := write(ctx, db, batch)
			for _, waiting := range batch {
				waiting.done <- cmp.Or(err, waiting.refused)
			}
		}
	}
}

// gather takes what is queued behind the first, up to one transaction's worth, leaving out what nobody waits for any more.
func (s *Store) gather(first *appending) []*appending {
	batch, size := []*appending{first}, first.size()
	for size < maxBatch {
		select {
		case next := <-s.queue:
			if next.ctx.Err() != nil {
				continue
			}
			batch, size = append(batch, next), size+next.size()
		default:
			return batch
		}
	}
	return batch
}

// write writes all of a batch or nothing, apart from entries that are refused. Without any message it still proves that the
// database takes a write.
func write(ctx context.Context, db *sqlite.DB, batch []*appending) error {
	ctx, cancel := context.WithTimeout(ctx, 2*sqlite.BusyTimeout)
	defer cancel()
	if err := db.Transact(ctx, func(tx *sql.Tx) error { return writeBatch(ctx, tx, batch) }); err != nil {
		return unavailable("write messages", err)
	}
	return nil
}

func writeBatch(ctx context.Context, tx *sql.Tx, batch []*appending) error {
	upsert, err := tx.PrepareContext(ctx, upsertMessage)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	written, now := 0, time.Now()
	for _, waiting := range batch {
		for _, entry := range waiting.withdrawn {
			if err := withdraw(ctx, tx, entry); err != nil {
				return err
			}
			written++
		}
		for _, entry := range store.Lasting(waiting.entries, now) {
			switch err := writeEntry(ctx, tx, upsert, entry); {
			case errors.Is(err, store.ErrPositionTaken):
				waiting.refused = errors.Join(waiting.refused, err)
			case sqlite.RefusesValue(err): // the statement is undone, the transaction goes on: the others may be somebody else's
				waiting.refused = errors.Join(waiting.refused, unstorable(entry, err))
			case err != nil:
				return err
			default:
				written++
			}
		}
	}
	if written > 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, upsertProbe, time.Now().UnixMicro()); err != nil {
		return fmt.Errorf("write probe: %w", err)
	}
	return nil
}

// writeEntry looks for another message at the position only where the upsert changed nothing.
func writeEntry(ctx context.Context, tx *sql.Tx, upsert *sql.Stmt, entry store.Entry) error {
	m, at := entry.Message, entry.Position
	result, err := upsert.ExecContext(ctx, m.RoomID[:], at.Epoch, at.Offset, m.ID[:], m.SenderID[:], string(m.Type), []byte(m.Body),
		m.CreatedAt.UnixMicro(), entry.Revision.Epoch, entry.Revision.Offset, micros(entry.EditedAt), micros(entry.DeletedAt), m.ClientID, joinIDs(m.Mentions), expiryOf(entry))
	if err != nil {
		return err
	}
	changed, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if changed > 0 {
		return refer(ctx, tx, entry)
	}
	var taker uuid.UUID
	if err := tx.QueryRowContext(ctx, selectMessageAt, m.RoomID[:], at.Epoch, at.Offset).Scan(&taker); err != nil {
		return err
	}
	if taker != m.ID {
		return store.PositionTaken(entry, taker)
	}
	return nil
}

// refer lists whom an entry quotes and mentions.
func refer(ctx context.Context, tx *sql.Tx, entry store.Entry) error {
	for _, user := range entry.ReferredTo() {
		if _, err := tx.ExecContext(ctx, insertReferredTo, entry.Message.RoomID[:], entry.Position.Epoch, entry.Position.Offset, user[:]); err != nil {
			return fmt.Errorf("list whom a message refers to: %w", err)
		}
	}
	return nil
}

func withdraw(ctx context.Context, tx *sql.Tx, entry store.Entry) error {
	m, at := entry.Message, entry.Position
	_, err := tx.ExecContext(ctx, withdrawMessage, m.RoomID[:], at.Epoch, at.Offset, m.ID[:], m.SenderID[:], string(m.Type), []byte(m.Body),
		m.CreatedAt.UnixMicro(), m.ClientID, expiryOf(entry))
	if err != nil {
		return fmt.Errorf("withdraw a message: %w", err)
	}
	return nil
}

func unstorable(entry store.Entry, err error) error {
	return fmt.Errorf("%w: message %s of room %s: %w", store.ErrUnstorable, entry.Message.ID, entry.Message.RoomID, err)
}

// micros is a time in microseconds since 1970, NULL for the zero time.
func micros(at time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: at.UnixMicro(), Valid: !at.IsZero()}
}
