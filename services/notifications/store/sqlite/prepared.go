package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// often are the statements of each webhook. SQLite would take longer to parse them than to do what they say.
var often = []string{
	lockEndpoint, updateHealth, selectSecrets,
	insertEvent, insertDelivery, advance, selectLanes, selectWaits, selectWaiting, claim, lockDelivery, updateDelivery, insertAttempt,
}

// prepared are statements of the connection that writes.
type prepared map[string]*sql.Stmt

func prepare(ctx context.Context, writer *sql.DB) (prepared, error) {
	all := prepared{}
	for _, text := range often {
		statement, err := writer.PrepareContext(ctx, text) //nolint:sqlclosecheck // they end with the store
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare a statement: %w", err), all.close())
		}
		all[text] = statement
	}
	return all, nil
}

func (p prepared) close() error {
	var errs []error
	for _, statement := range p {
		errs = append(errs, statement.Close())
	}
	return errors.Join(errs...)
}

// in gives the statements for a transaction, with which they end.
func (p prepared) in(tx *sql.Tx) preparedTx { return preparedTx{tx, p, map[string]*sql.Stmt{}} }

// preparedTx does statements in a transaction, those that are prepared without parsing them.
type preparedTx struct {
	tx   *sql.Tx
	all  prepared
	used map[string]*sql.Stmt // in the transaction
}

func (p preparedTx) statement(ctx context.Context, text string) *sql.Stmt {
	statement := p.used[text]
	if of, is := p.all[text]; is && statement == nil {
		statement = p.tx.StmtContext(ctx, of)
		p.used[text] = statement
	}
	return statement
}

func (p preparedTx) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if statement := p.statement(ctx, text); statement != nil { //nolint:sqlclosecheck // it ends with the transaction
		return statement.ExecContext(ctx, args...)
	}
	return p.tx.ExecContext(ctx, text, args...)
}

func (p preparedTx) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if statement := p.statement(ctx, text); statement != nil { //nolint:sqlclosecheck // it ends with the transaction
		return statement.QueryContext(ctx, args...)
	}
	return p.tx.QueryContext(ctx, text, args...)
}
