package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/ism-chat/ism/services/messages/store"
)

const insertMessage = `
INSERT INTO messages (room_id, epoch, log_offset, message_id, sender_id, type, body, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING`

const upsertProbe = `INSERT INTO probe (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at`

// writeQueued is the writing goroutine, until ctx is done.
func (s *Store) writeQueued(ctx context.Context, db *sql.DB) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-s.queue:
			batch := s.gather(first)
			err := write(ctx, db, batch)
			for _, waiting := range batch {
				waiting.done <- err
			}
		}
	}
}

// gather takes what is queued behind the first, up to one transaction's worth, leaving out what nobody waits for any more.
func (s *Store) gather(first appending) []appending {
	batch, size := []appending{first}, len(first.entries)
	for size < maxBatch {
		select {
		case next := <-s.queue:
			if next.ctx.Err() != nil {
				continue
			}
			batch, size = append(batch, next), size+len(next.entries)
		default:
			return batch
		}
	}
	return batch
}

// write writes all of a batch or nothing. Without any message it still proves that the database takes a write.
func write(ctx context.Context, db *sql.DB, batch []appending) error {
	ctx, cancel := context.WithTimeout(ctx, 2*busyTimeout)
	defer cancel()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return unavailable("begin to write messages", err)
	}
	defer tx.Rollback() //nolint:errcheck // after the commit it has nothing to do
	insert, err := tx.PrepareContext(ctx, insertMessage)
	if err != nil {
		return unavailable("prepare to write messages", err)
	}
	written := 0
	for _, waiting := range batch {
		for _, entry := range waiting.entries {
			if err := insertEntry(ctx, insert, entry); err != nil {
				return unavailable("write message", err)
			}
			written++
		}
	}
	if written == 0 {
		if _, err := tx.ExecContext(ctx, upsertProbe, time.Now().UnixMicro()); err != nil {
			return unavailable("write probe", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return unavailable("commit messages", err)
	}
	return nil
}

func insertEntry(ctx context.Context, insert *sql.Stmt, entry store.Entry) error {
	m := entry.Message
	_, err := insert.ExecContext(ctx, m.RoomID[:], entry.Position.Epoch, entry.Position.Offset, m.ID[:], m.SenderID[:],
		string(m.Type), []byte(m.Body), m.CreatedAt.UnixMicro())
	return err
}
