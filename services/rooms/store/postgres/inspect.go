package postgres

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// Migration is a step of the schema, as a database has it.
type Migration struct {
	Version int64
	Name    string    // of its file; empty: this version has no such migration, another has applied it
	Applied time.Time // zero: it is pending
}

// Inspect gives this version's migrations, and those that the database has beside them, oldest first. It changes nothing, and needs no right
// but to read.
func Inspect(ctx context.Context, connection *pgx.Conn) ([]Migration, error) {
	applied, err := appliedVersions(ctx, connection)
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("find migrations: %w", err)
	}
	all := make([]Migration, 0, len(files))
	for _, file := range files {
		version, err := goose.NumericComponent(file)
		if err != nil {
			return nil, fmt.Errorf("read the version of %s: %w", file, err)
		}
		all = append(all, Migration{Version: version, Name: path.Base(file), Applied: applied[version]})
		delete(applied, version)
	}
	for _, version := range slices.Sorted(maps.Keys(applied)) {
		all = append(all, Migration{Version: version, Applied: applied[version]})
	}
	slices.SortFunc(all, func(a, b Migration) int { return cmp.Compare(a.Version, b.Version) })
	return all, nil
}

// Pending are those of the migrations that the database lacks.
func Pending(all []Migration) []Migration {
	return slices.DeleteFunc(slices.Clone(all), func(m Migration) bool { return !m.Applied.IsZero() })
}

// PendingMigrations gives the names of the migrations that the database lacks, oldest first. It changes nothing.
func PendingMigrations(ctx context.Context, connection *pgx.Conn) ([]string, error) {
	all, err := Inspect(ctx, connection)
	if err != nil {
		return nil, err
	}
	return names(Pending(all)), nil
}

func names(all []Migration) []string {
	var names []string
	for _, migration := range all {
		names = append(names, migration.Name)
	}
	return names
}

// selectApplied leaves out version 0, with which the table begins.
const selectApplied = `SELECT version_id, max(tstamp)::timestamptz FROM ` + goose.DefaultTablename + ` WHERE is_applied AND version_id > 0 GROUP BY version_id`

func appliedVersions(ctx context.Context, connection *pgx.Conn) (map[int64]time.Time, error) {
	var there bool
	if err := connection.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, goose.DefaultTablename).Scan(&there); err != nil {
		return nil, fmt.Errorf("look for the table of migrations: %w", err)
	}
	if !there {
		return nil, nil
	}
	rows, err := connection.Query(ctx, selectApplied)
	if err != nil {
		return nil, fmt.Errorf("list the migrations: %w", err)
	}
	applied := map[int64]time.Time{}
	var version int64
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&version, &at}, func() error { applied[version] = at; return nil })
	if err != nil {
		return nil, fmt.Errorf("list the migrations: %w", err)
	}
	return applied, nil
}
