package postgres

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"

	"github.com/ism-chat/ism/libs/schema"
)

// Inspect gives this version's migrations, and those that the database has beside them, oldest first. It changes nothing, and needs no right
// but to read.
func (s Schema) Inspect(ctx context.Context, connection *pgx.Conn) ([]schema.Step, error) {
	applied, err := appliedVersions(ctx, connection)
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(s.Files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("find migrations: %w", err)
	}
	all := make([]schema.Step, 0, len(files))
	for _, file := range files {
		version, err := goose.NumericComponent(file)
		if err != nil {
			return nil, fmt.Errorf("read the version of %s: %w", file, err)
		}
		at, there := applied[version]
		all = append(all, schema.Step{Number: version, Name: file, Known: true, Applied: there, At: at})
		delete(applied, version)
	}
	for _, version := range slices.Sorted(maps.Keys(applied)) {
		all = append(all, schema.Step{Number: version, Applied: true, At: applied[version]})
	}
	slices.SortFunc(all, func(a, b schema.Step) int { return cmp.Compare(a.Number, b.Number) })
	return all, nil
}

// Pending gives the names of the migrations that the database lacks, oldest first. It changes nothing.
func (s Schema) Pending(ctx context.Context, connection *pgx.Conn) ([]string, error) {
	all, err := s.Inspect(ctx, connection)
	if err != nil {
		return nil, err
	}
	return names(schema.Pending(all)), nil
}

func names(all []schema.Step) []string {
	var names []string
	for _, step := range all {
		names = append(names, step.Name)
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
