package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/ism-chat/ism/libs/schema"
)

// Errors of [Migrations.Newest] and [Migrations.Down].
var (
	ErrNothingApplied   = errors.New("no migration is applied")
	ErrUnknownMigration = errors.New("the newest migration is not one of this version's: undo it with the version that applied it")
)

// Migrations are the steps of the schema of one database.
type Migrations struct {
	schema Schema
	conn   *pgx.ConnConfig
}

// NewMigrations reaches for nothing: each method makes a connection of its own.
func NewMigrations(schema Schema, cfg Config) (*Migrations, error) {
	conn, err := cfg.connection(schema.Service)
	if err != nil {
		return nil, err
	}
	return &Migrations{schema: schema, conn: conn}, nil
}

// inspectTimeout is the deadline of what only reads which migrations are applied.
const inspectTimeout = 10 * time.Second

// List gives this version's migrations, and those that the database has beside them, oldest first. It changes nothing.
func (m *Migrations) List(ctx context.Context) ([]schema.Step, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	connection, err := pgx.ConnectConfig(ctx, m.conn)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // nothing was written
	return m.schema.Inspect(ctx, connection)
}

// Up applies all that are pending, each in a transaction of its own, and gives the names of those that it has applied, also with an error.
// It has no deadline but its caller's: how long a change of a table takes follows from its rows. Of several processes one applies them, the
// others wait.
func (m *Migrations) Up(ctx context.Context) (applied []string, err error) {
	err = m.with(func(provider *goose.Provider) error {
		results, err := provider.Up(ctx)
		if partly, ok := errors.AsType[*goose.PartialError](err); ok {
			results = partly.Applied
		}
		for _, result := range results {
			applied = append(applied, path.Base(result.Source.Path))
		}
		if err != nil {
			return fmt.Errorf("bring the schema up to date: %w", err)
		}
		return nil
	})
	return applied, err
}

// Newest gives the migration that [Migrations.Down] undoes, and the SQL that does it. It changes nothing.
func (m *Migrations) Newest(ctx context.Context) (name, undo string, err error) {
	all, err := m.List(ctx)
	if err != nil {
		return "", "", err
	}
	newest := schema.Step{}
	for _, migration := range all {
		if migration.Applied {
			newest = migration
		}
	}
	switch {
	case !newest.Applied:
		return "", "", ErrNothingApplied
	case !newest.Known:
		return "", "", fmt.Errorf("%w: version %d", ErrUnknownMigration, newest.Number)
	}
	text, err := fs.ReadFile(m.schema.Files, newest.Name)
	if err != nil {
		return "", "", fmt.Errorf("read migration: %w", err)
	}
	_, undo, _ = strings.Cut(string(text), "-- +goose Down\n")
	return newest.Name, undo, nil
}

// Down undoes the newest migration, with all that only it has room for, and gives its name. Like Up it has no deadline of its own.
func (m *Migrations) Down(ctx context.Context) (undone string, err error) {
	if _, _, err := m.Newest(ctx); err != nil {
		return "", err
	}
	err = m.with(func(provider *goose.Provider) error {
		result, err := provider.Down(ctx)
		if err != nil {
			return fmt.Errorf("undo a migration: %w", err)
		}
		undone = path.Base(result.Source.Path)
		return nil
	})
	return undone, err
}

func (m *Migrations) with(do func(provider *goose.Provider) error) (err error) {
	db := stdlib.OpenDB(*m.conn)
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := m.schema.Provider(db)
	if err != nil {
		return err
	}
	return do(provider)
}

// Provider gives goose's own means to change the schema, for what [Migrations] has no method.
func (s Schema) Provider(db *sql.DB) (*goose.Provider, error) {
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, fmt.Errorf("prepare the migrations' lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, s.Files, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return provider, nil
}
