// Package postgres keeps an outbox in a service's Postgres database: the SQL of the table, and the lead as an advisory lock.
//
// The lead lives and dies with one connection, which takes the lock, listens for rows, and does all that the lead allows. When the leader's
// machine vanishes without a word the server lets go of the lock after some 20 seconds. A pooler in between must pool sessions, not transactions.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ism-chat/ism/libs/outbox"
)

// Schema is the table, to be copied into a migration of the service. The outbox is short and changes all the time, so it is vacuumed by the
// number of dead rows, whatever its size.
const Schema = `
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      text NOT NULL,
    key        text NOT NULL,
    headers    jsonb NOT NULL, -- object of texts
    value      bytea NOT NULL,
    created_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`

// Config is what an outbox has for itself in the service's database.
type Config struct {
	// Connection says how one is made, for the lead, beside the service's pool; its ConnectTimeout should be set.
	Connection func() *pgx.ConnConfig
	Lock       int64         // advisory lock of the lead; nothing else in the database uses it
	Channel    string        // of NOTIFY; nothing else in the database uses it
	Timeout    time.Duration // of each operation of the lead
}

// Outbox is the outbox in one database. It is safe for concurrent use.
type Outbox struct {
	cfg Config
}

// New makes the outbox. It reaches for nothing.
func New(cfg Config) *Outbox { return &Outbox{cfg: cfg} }

// insertRow also wakes the leader when the transaction commits.
const insertRow = `
WITH added AS (
    INSERT INTO outbox (topic, key, headers, value, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING id
)
SELECT id FROM added, pg_notify($6, '')`

// Append adds a row, in the transaction of the change that it belongs to, and gives its id. The transaction has locked what the row's key names.
func (o *Outbox) Append(ctx context.Context, tx pgx.Tx, row outbox.Row) (id int64, err error) {
	err = tx.QueryRow(ctx, insertRow, row.Topic, row.Key, row.Headers, row.Value, row.At, o.cfg.Channel).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("append to the outbox: %w", err)
	}
	return id, nil
}

// Queue has a row added by a batch, of a transaction that has by then locked what the row's key names.
func (o *Outbox) Queue(batch *pgx.Batch, row outbox.Row) {
	batch.Queue(insertRow, row.Topic, row.Key, row.Headers, row.Value, row.At, o.cfg.Channel)
}

// Querier is a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const selectPending = `SELECT id FROM outbox WHERE id = ANY ($1)`

// Pending gives those of the rows that are still in the outbox.
func (o *Outbox) Pending(ctx context.Context, db Querier, rows []int64) ([]int64, error) {
	found, err := db.Query(ctx, selectPending, rows)
	if err != nil {
		return nil, fmt.Errorf("look for rows of the outbox: %w", err)
	}
	pending, err := pgx.CollectRows(found, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("look for rows of the outbox: %w", err)
	}
	return pending, nil
}

const (
	tryEvery     = 500 * time.Millisecond
	closeTimeout = 3 * time.Second
	tryLock      = `SELECT pg_try_advisory_lock($1)`
)

// Lead waits for the lead until ctx is done, see [outbox.Outbox].
func (o *Outbox) Lead(ctx context.Context) (outbox.Lead, error) {
	l, err := connect(ctx, o.cfg.Connection())
	if err != nil {
		return nil, fmt.Errorf("connect to lead: %w", err)
	}
	for {
		leading, err := o.tryToLead(ctx, l)
		if err != nil {
			l.Release()
			return nil, fmt.Errorf("try to lead: %w", err)
		}
		if leading {
			return outbox.Bounded(l, o.cfg.Timeout), nil
		}
		select {
		case <-ctx.Done():
			l.Release()
			return nil, ctx.Err()
		case <-time.After(tryEvery):
		}
	}
}

func (o *Outbox) tryToLead(ctx context.Context, l *lead) (leading bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.cfg.Timeout)
	defer cancel()
	if err := l.conn.QueryRow(ctx, tryLock, o.cfg.Lock).Scan(&leading); err != nil || !leading {
		return false, err
	}
	_, err = l.conn.Exec(ctx, "LISTEN "+pgx.Identifier{o.cfg.Channel}.Sanitize())
	return true, err
}

type lead struct {
	conn  *pgx.Conn
	added bool // rows have been committed since the last Oldest
}

func connect(ctx context.Context, connection *pgx.ConnConfig) (*lead, error) {
	l := &lead{}
	cfg := connection.Copy()
	cfg.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { l.added = true }
	cfg.RuntimeParams["tcp_keepalives_idle"] = "5"
	cfg.RuntimeParams["tcp_keepalives_interval"] = "5"
	cfg.RuntimeParams["tcp_keepalives_count"] = "3"
	cfg.RuntimeParams["tcp_user_timeout"] = "20000"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	l.conn = conn
	return l, err
}

// Release closes the connection, which gives up the lock.
func (l *lead) Release() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = l.conn.Close(ctx) // whatever comes of it, the connection is closed
}

// selectOldest adds up lengths, for which Postgres reads no value that it keeps outside of the table.
const selectOldest = `
SELECT id, topic, key, headers, value, created_at FROM outbox
WHERE id <= (
    SELECT max(id) FROM (
        SELECT id, row_number() OVER by_id AS ordinal, sum(length) OVER by_id AS bytes
        FROM (SELECT id, length(value) FROM outbox ORDER BY id LIMIT $1) AS oldest
        WINDOW by_id AS (ORDER BY id ROWS UNBOUNDED PRECEDING)
    ) AS added
    WHERE ordinal = 1 OR bytes <= $2
)
ORDER BY id`

func (l *lead) Oldest(ctx context.Context, rows, bytes int) ([]outbox.Row, error) {
	l.added = false
	found, err := l.conn.Query(ctx, selectOldest, rows, bytes)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	oldest, err := pgx.CollectRows(found, pgx.RowToStructByPos[outbox.Row])
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	for i := range oldest {
		oldest[i].At = oldest[i].At.UTC()
	}
	return oldest, nil
}

const countRows = `SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS counted`

func (l *lead) Count(ctx context.Context, limit int) (rows int, err error) {
	if err := l.conn.QueryRow(ctx, countRows, limit).Scan(&rows); err != nil {
		return 0, fmt.Errorf("count the outbox: %w", err)
	}
	return rows, nil
}

const deleteRows = `DELETE FROM outbox WHERE id = ANY ($1)`

func (l *lead) Delete(ctx context.Context, rows []int64) error {
	if _, err := l.conn.Exec(ctx, deleteRows, rows); err != nil {
		return fmt.Errorf("delete from the outbox: %w", err)
	}
	return nil
}

func (l *lead) Wait(ctx context.Context, timeout time.Duration) error {
	if l.added {
		return ctx.Err()
	}
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := l.conn.PgConn().WaitForNotification(waiting)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case l.conn.IsClosed():
		return fmt.Errorf("the leader's connection is lost: %w", err)
	case err == nil, errors.Is(err, context.DeadlineExceeded):
		return nil
	default:
		return fmt.Errorf("wait for notifications: %w", err)
	}
}
