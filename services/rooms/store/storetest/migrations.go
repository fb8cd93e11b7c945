package storetest

import (
	"database/sql"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"
)

// Migrating is an empty database of a backend, and what its migrations are tried with.
type Migrating struct {
	DB       *sql.DB
	Provider *goose.Provider

	// Rows has a file of the same name for each migration. Its SQL inserts into every table that the migration makes or changes, and fills every
	// column that it adds. It inserts only: rows that are there stay as they are.
	Rows fs.FS
	// Columns is SQL that gives table and name of each column, without the table of migrations.
	Columns string
	// Dangling is SQL that counts references to rows that are not there.
	Dangling string
	// Schema is all that the migrations have made, as text; "" when all are undone.
	Schema func() string
}

// state is what a database has as of a migration.
type state struct {
	schema  string
	columns map[string][]string // by table
	rows    map[string][]string // by table, each row as text
}

// MigrationsKeepRows goes through all migrations with rows in the database: up, where each gets rows that use what it adds, then down, and at
// each step up and down once more. Every row that was there before a migration must be there when it is undone.
func MigrationsKeepRows(t *testing.T, m Migrating) {
	t.Helper()
	sources := m.Provider.ListSources()
	m.rowsHaveAMigration(t, sources)
	states := []state{m.state(t)}
	for i, source := range sources {
		m.up(t, source, states[i])
		m.insertRows(t, source, states[i])
		states = append(states, m.state(t))
	}
	for i, source := range slices.Backward(sources) {
		before, behind := states[i], states[i+1]
		m.down(t, source, before)
		m.up(t, source, before)
		if schema := m.Schema(); schema != behind.schema {
			t.Errorf("going up again with %s makes\n%s\nthe first time it made\n%s", source.Path, schema, behind.schema)
		}
		m.down(t, source, before)
	}
	if left := m.Schema(); left != "" {
		t.Errorf("going down leaves %s", left)
	}
}

// up applies the next migration, which must keep the rows.
func (m Migrating) up(t *testing.T, source *goose.Source, before state) {
	t.Helper()
	if _, err := m.Provider.UpByOne(t.Context()); err != nil {
		t.Fatalf("%s: %v", source.Path, err)
	}
	m.keeps(t, "up with "+source.Path, before)
}

// down undoes the newest migration, which must leave the schema and the rows that there were before it.
func (m Migrating) down(t *testing.T, source *goose.Source, before state) {
	t.Helper()
	undone, err := m.Provider.Down(t.Context())
	if err != nil {
		t.Fatalf("undo %s: %v", source.Path, err)
	}
	if undone.Source.Version != source.Version {
		t.Fatalf("%s is undone, not %s", undone.Source.Path, source.Path)
	}
	if schema := m.Schema(); schema != before.schema {
		t.Errorf("undoing %s leaves\n%s\nbefore it there was\n%s", source.Path, schema, before.schema)
	}
	m.keeps(t, "down from "+source.Path, before)
}

func (m Migrating) keeps(t *testing.T, step string, before state) {
	t.Helper()
	now := m.rows(t, before.columns)
	for table, rows := range before.rows {
		for _, row := range rows {
			if !slices.Contains(now[table], row) {
				t.Errorf("%s loses of %s the row %s; there are %q", step, table, row, now[table])
			}
		}
	}
	if dangling := m.count(t, m.Dangling); dangling > 0 {
		t.Errorf("%s leaves %d references to rows that are not there", step, dangling)
	}
}

// insertRows inserts a migration's rows, which must use what it has made.
func (m Migrating) insertRows(t *testing.T, source *goose.Source, before state) {
	t.Helper()
	name := path.Base(source.Path)
	statements, err := fs.ReadFile(m.Rows, name)
	if err != nil {
		t.Fatalf("the migration %s is not tested: there must be a file of that name with rows that use what it adds: %v", name, err)
	}
	if _, err := m.DB.ExecContext(t.Context(), string(statements)); err != nil {
		t.Fatalf("insert the rows of %s: %v", name, err)
	}
	m.keeps(t, "inserting the rows of "+name, before)
	inserted := false
	for table, columns := range m.columns(t) {
		more := m.count(t, "SELECT count(*) FROM "+table) > len(before.rows[table])
		inserted = inserted || more
		for _, column := range columns {
			if slices.Contains(before.columns[table], column) {
				continue
			}
			if !more || m.count(t, "SELECT count("+column+") FROM "+table) == 0 {
				t.Errorf("the rows of %s do not fill %s.%s, which it adds", name, table, column)
			}
		}
	}
	if !inserted {
		t.Errorf("the rows of %s are none", name)
	}
}

func (m Migrating) rowsHaveAMigration(t *testing.T, sources []*goose.Source) {
	t.Helper()
	files, err := fs.ReadDir(m.Rows, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !slices.ContainsFunc(sources, func(source *goose.Source) bool { return path.Base(source.Path) == file.Name() }) {
			t.Errorf("there are rows for %s, and no such migration", file.Name())
		}
	}
}

func (m Migrating) state(t *testing.T) state {
	t.Helper()
	columns := m.columns(t)
	return state{schema: m.Schema(), columns: columns, rows: m.rows(t, columns)}
}

func (m Migrating) columns(t *testing.T) map[string][]string {
	t.Helper()
	columns := map[string][]string{}
	for _, row := range m.query(t, m.Columns) {
		table, column := fmt.Sprint(row[0]), fmt.Sprint(row[1])
		columns[table] = append(columns[table], column)
	}
	return columns
}

func (m Migrating) rows(t *testing.T, columns map[string][]string) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	for _, table := range slices.Sorted(maps.Keys(columns)) {
		for _, row := range m.query(t, "SELECT "+strings.Join(columns[table], ", ")+" FROM "+table) {
			rows[table] = append(rows[table], fmt.Sprintf("%v", row))
		}
	}
	return rows
}

func (m Migrating) count(t *testing.T, query string) int {
	t.Helper()
	var n int
	if err := m.DB.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (m Migrating) query(t *testing.T, query string) [][]any {
	t.Helper()
	rows, err := m.DB.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close() // rows.Err says what went wrong
	columns, err := rows.Columns()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var all [][]any
	for rows.Next() {
		row, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			targets[i] = &row[i]
		}
		if err := rows.Scan(targets...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return all
}
