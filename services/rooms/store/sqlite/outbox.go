package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/rooms/store"
)

const insertOutgoing = `INSERT INTO outbox (topic, key, headers, value, created_at) VALUES (?, ?, ?, ?, ?)`

// append adds a row to the outbox, in the transaction of the change that it tells of. Signal after the commit.
func (s *Store) append(ctx context.Context, tx *sql.Tx, at time.Time, data events.Data) (int64, error) {
	outgoing, err := store.NewOutgoing(ctx, s.propagator, at, data)
	if err != nil {
		return 0, err
	}
	headers, err := json.Marshal(outgoing.Headers)
	if err != nil {
		return 0, fmt.Errorf("encode headers: %w", err)
	}
	result, err := tx.ExecContext(ctx, insertOutgoing, outgoing.Topic, outgoing.Key, string(headers), outgoing.Value, outgoing.At.UnixMicro())
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// signal wakes the relay. It never blocks: one signal is as good as many.
func (s *Store) signal() {
	select {
	case s.added <- struct{}{}:
	default:
	}
}

const existsOutgoing = `SELECT EXISTS (SELECT 1 FROM outbox WHERE id = ?)`

// Pending implements [store.Store].
func (s *Store) Pending(ctx context.Context, row int64) (pending bool, err error) {
	err = s.reading(ctx, "outbox_pending", func(db *sql.DB) error {
		return db.QueryRowContext(ctx, existsOutgoing, row).Scan(&pending)
	})
	return pending, err
}

// Lead implements [store.Store]: the file belongs to this process, so the lead is whose turn it is here.
func (s *Store) Lead(ctx context.Context) (store.Lead, error) {
	select {
	case <-s.lead:
		return lead{s}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type lead struct{ store *Store }

func (l lead) Release() { l.store.lead <- struct{}{} }

func (l lead) Wait(ctx context.Context, atMost time.Duration) error {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-l.store.added:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

const selectOldest = `SELECT id, topic, key, headers, value, created_at FROM outbox ORDER BY id LIMIT ?`

func (l lead) Oldest(ctx context.Context, limit int) ([]store.Outgoing, error) {
	var oldest []store.Outgoing
	err := l.store.reading(ctx, "outbox_oldest", func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, selectOldest, limit)
		if err != nil {
			return err
		}
		defer rows.Close() // rows.Err says what went wrong
		for rows.Next() {
			var (
				outgoing store.Outgoing
				headers  []byte
				created  int64
			)
			if err := rows.Scan(&outgoing.Row, &outgoing.Topic, &outgoing.Key, &headers, &outgoing.Value, &created); err != nil {
				return err
			}
			if err := json.Unmarshal(headers, &outgoing.Headers); err != nil {
				return fmt.Errorf("decode headers of row %d: %w", outgoing.Row, err)
			}
			outgoing.At = fromMicros(created)
			oldest = append(oldest, outgoing)
		}
		return rows.Err()
	})
	return oldest, err
}

const countOutgoing = `SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?)`

func (l lead) Count(ctx context.Context, atMost int) (rows int, err error) {
	err = l.store.reading(ctx, "outbox_count", func(db *sql.DB) error {
		return db.QueryRowContext(ctx, countOutgoing, atMost).Scan(&rows)
	})
	return rows, err
}

const deleteOutgoing = `DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?))`

func (l lead) Delete(ctx context.Context, rows []int64) error {
	ids, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("encode rows: %w", err)
	}
	return l.store.writing(ctx, "outbox_delete", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, deleteOutgoing, string(ids))
		return err
	})
}
