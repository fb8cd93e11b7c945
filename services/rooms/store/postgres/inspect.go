package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"path"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// PendingMigrations gives the names of the migrations that the database lacks, oldest first. It changes nothing.
func PendingMigrations(ctx context.Context, connection *pgx.Conn) ([]string, error) {
	applied, err := appliedVersions(ctx, connection)
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("find migrations: %w", err)
	}
	var pending []string
	for _, file := range files {
		version, err := goose.NumericComponent(file)
		if err != nil {
			return nil, fmt.Errorf("read the version of %s: %w", file, err)
		}
		if !applied[version] {
			pending = append(pending, path.Base(file))
		}
	}
	return pending, nil
}

func appliedVersions(ctx context.Context, connection *pgx.Conn) (map[int64]bool, error) {
	var there bool
	if err := connection.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, goose.DefaultTablename).Scan(&there); err != nil {
		return nil, fmt.Errorf("look for the table of migrations: %w", err)
	}
	if !there {
		return nil, nil
	}
	rows, err := connection.Query(ctx, `SELECT version_id FROM `+goose.DefaultTablename+` WHERE is_applied`)
	if err != nil {
		return nil, fmt.Errorf("list the migrations: %w", err)
	}
	versions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("list the migrations: %w", err)
	}
	applied := make(map[int64]bool, len(versions))
	for _, version := range versions {
		applied[version] = true
	}
	return applied, nil
}
