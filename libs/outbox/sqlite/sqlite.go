// Package sqlite keeps an outbox in a service's SQLite file: the SQL of the table, and the lead within the one process that has the file.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/sqlite"
)

// Schema is the table, to be copied into a migration of the service. An id is never used a second time (AUTOINCREMENT), as a request may
// still wait for the row that had it.
const Schema = `
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    topic      TEXT NOT NULL,
    key        TEXT NOT NULL,
    headers    TEXT NOT NULL, -- JSON object
    value      BLOB NOT NULL,
    created_at INTEGER NOT NULL -- microseconds since 1970, UTC
) STRICT`

// Outbox is the outbox in one file. It is safe for concurrent use.
type Outbox struct {
	timeout time.Duration
	added   chan struct{} // rows have been committed since the last Oldest; one signal is kept
	vacant  chan struct{} // holds a token while nobody leads
}

// New makes the outbox. The timeout is that of each operation of the lead.
func New(timeout time.Duration) *Outbox {
	o := &Outbox{timeout: timeout, added: make(chan struct{}, 1), vacant: make(chan struct{}, 1)}
	o.vacant <- struct{}{}
	return o
}

const insertRow = `INSERT INTO outbox (topic, key, headers, value, created_at) VALUES (?, ?, ?, ?, ?)`

// Append adds a row, in the transaction of the change that it belongs to, and gives its id. Call Wake after the commit.
func (o *Outbox) Append(ctx context.Context, tx *sql.Tx, row outbox.Row) (int64, error) {
	headers, err := json.Marshal(row.Headers)
	if err != nil {
		return 0, fmt.Errorf("encode headers: %w", err)
	}
	result, err := tx.ExecContext(ctx, insertRow, row.Topic, row.Key, string(headers), row.Value, row.At.UnixMicro())
	if err != nil {
		return 0, fmt.Errorf("append to the outbox: %w", err)
	}
	return result.LastInsertId()
}

// Wake wakes the leader. It never blocks: one signal is as good as many.
func (o *Outbox) Wake() {
	select {
	case o.added <- struct{}{}:
	default:
	}
}

const selectPending = `SELECT id FROM outbox WHERE id IN (SELECT value FROM json_each(?))`

// Pending gives those of the rows that are still in the outbox.
func (o *Outbox) Pending(ctx context.Context, db *sqlite.DB, rows []int64) (pending []int64, err error) {
	ids, err := json.Marshal(rows)
	if err != nil {
		return nil, fmt.Errorf("encode rows: %w", err)
	}
	found, err := db.Readers.QueryContext(ctx, selectPending, string(ids))
	if err != nil {
		return nil, fmt.Errorf("look for rows of the outbox: %w", err)
	}
	defer found.Close() // found.Err says what went wrong
	for found.Next() {
		var row int64
		if err := found.Scan(&row); err != nil {
			return nil, fmt.Errorf("look for rows of the outbox: %w", err)
		}
		pending = append(pending, row)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("look for rows of the outbox: %w", err)
	}
	return pending, nil
}

// Lead waits for the lead until ctx is done, see [outbox.Outbox].
func (o *Outbox) Lead(ctx context.Context, db *sqlite.DB) (outbox.Lead, error) {
	select {
	case <-o.vacant:
		return outbox.Bounded(lead{o, db}, o.timeout), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type lead struct {
	outbox *Outbox
	db     *sqlite.DB
}

func (l lead) Release() { l.outbox.vacant <- struct{}{} }

func (l lead) Wait(ctx context.Context, timeout time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-l.outbox.added:
		l.outbox.Wake() // until the next Oldest
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// selectOldest adds up lengths, for which SQLite reads no value.
const selectOldest = `
SELECT id, topic, key, headers, value, created_at FROM outbox
WHERE id <= (
    SELECT max(id) FROM (
        SELECT id, row_number() OVER by_id AS ordinal, sum(length) OVER by_id AS bytes
        FROM (SELECT id, length(value) AS length FROM outbox ORDER BY id LIMIT ?1)
        WINDOW by_id AS (ORDER BY id ROWS UNBOUNDED PRECEDING)
    )
    WHERE ordinal = 1 OR bytes <= ?2
)
ORDER BY id`

func (l lead) Oldest(ctx context.Context, rows, bytes int) (oldest []outbox.Row, err error) {
	select {
	case <-l.outbox.added:
	default:
	}
	found, err := l.db.Readers.QueryContext(ctx, selectOldest, rows, bytes)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	defer found.Close() // found.Err says what went wrong
	for found.Next() {
		row, err := scanRow(found)
		if err != nil {
			return nil, err
		}
		oldest = append(oldest, row)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return oldest, nil
}

func scanRow(rows *sql.Rows) (row outbox.Row, err error) {
	var (
		headers []byte
		created int64
	)
	if err := rows.Scan(&row.ID, &row.Topic, &row.Key, &headers, &row.Value, &created); err != nil {
		return outbox.Row{}, fmt.Errorf("read the outbox: %w", err)
	}
	if err := json.Unmarshal(headers, &row.Headers); err != nil {
		return outbox.Row{}, fmt.Errorf("decode headers of row %d: %w", row.ID, err)
	}
	row.At = time.UnixMicro(created).UTC()
	return row, nil
}

const countRows = `SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?)`

func (l lead) Count(ctx context.Context, limit int) (rows int, err error) {
	if err := l.db.Readers.QueryRowContext(ctx, countRows, limit).Scan(&rows); err != nil {
		return 0, fmt.Errorf("count the outbox: %w", err)
	}
	return rows, nil
}

const deleteRows = `DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?))`

func (l lead) Delete(ctx context.Context, rows []int64) error {
	ids, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("encode rows: %w", err)
	}
	err = l.db.Transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, deleteRows, string(ids))
		return err
	})
	if err != nil {
		return fmt.Errorf("delete from the outbox: %w", err)
	}
	return nil
}
