package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/rooms/store"
)

// insertOutgoing also wakes the relay when the transaction commits.
const insertOutgoing = `
WITH added AS (
    INSERT INTO outbox (topic, key, headers, value, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING id
)
SELECT id FROM added, pg_notify('ism_rooms_outbox', '')`

// append adds a row to the outbox, in the transaction of the change that it tells of. The room's row is locked by then.
func (s *Store) append(ctx context.Context, tx pgx.Tx, at time.Time, data events.Data) (row int64, err error) {
	outgoing, err := store.NewOutgoing(ctx, s.propagator, at, data)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, insertOutgoing, outgoing.Topic, outgoing.Key, outgoing.Headers, outgoing.Value, outgoing.At).Scan(&row)
	return row, err
}

const existsOutgoing = `SELECT EXISTS (SELECT FROM outbox WHERE id = $1)`

// Pending implements [store.Store].
func (s *Store) Pending(ctx context.Context, row int64) (pending bool, err error) {
	err = s.reading(ctx, "outbox_pending", func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.QueryRow(ctx, existsOutgoing, row).Scan(&pending)
	})
	return pending, err
}

const (
	leadLock  = 0x69736d5f726f6f6d // "ism_room", of the advisory locks of this database
	takeOver  = 500 * time.Millisecond
	tryToLead = `SELECT pg_try_advisory_lock($1)`
	listen    = `LISTEN ism_rooms_outbox`
)

// Lead implements [store.Store]. The lead is an advisory lock of a connection of its own, on which everything that the lead
// allows is done: when the connection goes, both go.
func (s *Store) Lead(ctx context.Context) (store.Lead, error) {
	if s.open.Load() == nil {
		return nil, store.ErrUnavailable
	}
	l := &lead{store: s}
	if err := l.connect(ctx); err != nil {
		return nil, judged("connect to lead", err)
	}
	for {
		leading, err := l.try(ctx)
		if err != nil {
			l.Release()
			return nil, judged("try to lead", err)
		}
		if leading {
			return l, nil
		}
		select {
		case <-ctx.Done():
			l.Release()
			return nil, ctx.Err()
		case <-time.After(takeOver):
		}
	}
}

type lead struct {
	store *Store
	conn  *pgx.Conn
	added bool // a notification has come in since the last look
}

func (l *lead) connect(ctx context.Context) (err error) {
	cfg := l.store.conn.Copy()
	cfg.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { l.added = true }
	// The server lets go of the lock of a leader whose machine has vanished after some 20 seconds, not hours.
	cfg.RuntimeParams["tcp_keepalives_idle"] = "5"
	cfg.RuntimeParams["tcp_keepalives_interval"] = "5"
	cfg.RuntimeParams["tcp_keepalives_count"] = "3"
	cfg.RuntimeParams["tcp_user_timeout"] = "20000"
	l.conn, err = pgx.ConnectConfig(ctx, cfg)
	return err
}

func (l *lead) try(ctx context.Context) (leading bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.store.cfg.StatementTimeout)
	defer cancel()
	if err := l.conn.QueryRow(ctx, tryToLead, int64(leadLock)).Scan(&leading); err != nil || !leading {
		return false, err
	}
	_, err = l.conn.Exec(ctx, listen)
	return true, err
}

// Release closes the connection, which gives up the lock.
func (l *lead) Release() {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	_ = l.conn.Close(ctx) // whatever comes of it, the connection is closed
}

const selectOldest = `SELECT id, topic, key, headers, value, created_at FROM outbox ORDER BY id LIMIT $1`

func (l *lead) Oldest(ctx context.Context, limit int) (oldest []store.Outgoing, err error) {
	defer l.store.metrics.Observe("outbox_oldest")(&err)
	ctx, cancel := context.WithTimeout(ctx, l.store.cfg.StatementTimeout)
	defer cancel()
	l.added = false
	rows, err := l.conn.Query(ctx, selectOldest, limit)
	if err != nil {
		return nil, judged("read the outbox", err)
	}
	oldest, err = pgx.CollectRows(rows, pgx.RowToStructByPos[store.Outgoing])
	if err != nil {
		return nil, judged("read the outbox", err)
	}
	return oldest, nil
}

const countOutgoing = `SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS counted`

func (l *lead) Count(ctx context.Context, atMost int) (rows int, err error) {
	defer l.store.metrics.Observe("outbox_count")(&err)
	ctx, cancel := context.WithTimeout(ctx, l.store.cfg.StatementTimeout)
	defer cancel()
	err = l.conn.QueryRow(ctx, countOutgoing, atMost).Scan(&rows)
	return rows, judged("count the outbox", err)
}

const deleteOutgoing = `DELETE FROM outbox WHERE id = ANY ($1)`

func (l *lead) Delete(ctx context.Context, rows []int64) (err error) {
	defer l.store.metrics.Observe("outbox_delete")(&err)
	ctx, cancel := context.WithTimeout(ctx, l.store.cfg.StatementTimeout)
	defer cancel()
	_, err = l.conn.Exec(ctx, deleteOutgoing, rows)
	return judged("delete from the outbox", err)
}

func (l *lead) Wait(ctx context.Context, atMost time.Duration) error {
	if l.added {
		return ctx.Err()
	}
	waiting, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	err := l.conn.PgConn().WaitForNotification(waiting)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case l.conn.IsClosed():
		return fmt.Errorf("%w: the leader's connection is lost: %w", store.ErrUnavailable, err)
	case err == nil, errors.Is(err, context.DeadlineExceeded):
		return nil
	default:
		return judged("wait for notifications", err)
	}
}
