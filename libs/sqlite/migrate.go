package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Migrate brings the schema of a file up to date, with its one writing connection. Each file keeps the way that it began with: the two do
// not know of each other's versions.
type Migrate func(ctx context.Context, writer *sql.DB) error

// Goose applies goose's migrations, the *.sql in files, up and down, and remembers them in the table goose_db_version. It is the way of a new
// service, as Postgres's migrations are written like this too.
func Goose(files fs.FS) Migrate {
	return func(ctx context.Context, writer *sql.DB) error {
		provider, err := goose.NewProvider(goose.DialectSQLite3, writer, files)
		if err != nil {
			return fmt.Errorf("read migrations: %w", err)
		}
		if _, err := provider.Up(ctx); err != nil {
			return fmt.Errorf("bring the schema up to date: %w", err)
		}
		return nil
	}
}

// UserVersion applies steps, each of them SQL that brings the schema one version further, and counts them in PRAGMA user_version. It is the
// way of files that began with it. Only ever append to the steps. A file of a later version than there are steps is left alone, with an error.
func UserVersion(steps ...string) Migrate {
	return func(ctx context.Context, writer *sql.DB) error {
		return (&DB{Writer: writer}).Transact(ctx, func(tx *sql.Tx) error { return applySteps(ctx, tx, steps) })
	}
}

func applySteps(ctx context.Context, tx *sql.Tx, steps []string) error {
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if version > len(steps) {
		return fmt.Errorf("the schema has version %d, newer than this build's %d", version, len(steps))
	}
	for i, step := range steps[version:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("bring the schema to version %d: %w", version+i+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(steps))); err != nil {
		return fmt.Errorf("write the schema's version: %w", err)
	}
	return nil
}
