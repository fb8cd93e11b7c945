package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// bounded begins transactions each step of which has a deadline of its own. One for the whole would never let a server take a transaction of
// many steps that answers each in time, least of all on a new connection, which a deadline that has passed leaves.
type bounded struct {
	pool    *pgxpool.Pool
	timeout time.Duration
}

func (b bounded) Begin(ctx context.Context) (pgx.Tx, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	begun, err := b.pool.Begin(ctx)
	return boundedTx{begun, b.timeout}, err
}

type boundedTx struct {
	pgx.Tx
	timeout time.Duration
}

func (t boundedTx) Commit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	return t.Tx.Commit(ctx)
}

func (t boundedTx) Rollback(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	return t.Tx.Rollback(ctx)
}

func (t boundedTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	return t.Tx.Exec(ctx, sql, args...)
}

func (t boundedTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	rows, err := t.Tx.Query(ctx, sql, args...)
	if err != nil {
		cancel()
		return nil, err
	}
	return boundedRows{rows, cancel}, nil
}

func (t boundedTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	return boundedRow{t.Tx.QueryRow(ctx, sql, args...), cancel}
}

func (t boundedTx) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	return boundedBatch{t.Tx.SendBatch(ctx, batch), cancel}
}

type boundedBatch struct {
	pgx.BatchResults
	cancel context.CancelFunc
}

func (b boundedBatch) Close() error {
	defer b.cancel()
	return b.BatchResults.Close()
}

type boundedRows struct {
	pgx.Rows
	cancel context.CancelFunc
}

func (r boundedRows) Close() {
	defer r.cancel()
	r.Rows.Close()
}

type boundedRow struct {
	pgx.Row
	cancel context.CancelFunc
}

func (r boundedRow) Scan(targets ...any) error {
	defer r.cancel()
	return r.Row.Scan(targets...)
}
