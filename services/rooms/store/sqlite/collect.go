package sqlite

import (
	"context"
	"database/sql"
)

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// collect runs a query, and gives what each row is. Where there are none the list is empty, which is no null in an event or an answer.
func collect[T any](ctx context.Context, db querier, row func(scan func(targets ...any) error) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() // rows.Err says what went wrong
	all := []T{}
	for rows.Next() {
		one, err := row(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
