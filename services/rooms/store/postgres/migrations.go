package postgres

import (
	"context"
	"database/sql"
	"embed"
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
)

//go:embed migrations/*.sql
var migrations embed.FS

// Errors of [Migrations.Newest] and [Migrations.Down].
var (
	ErrNothingApplied   = errors.New("no migration is applied")
	ErrUnknownMigration = errors.New("the newest migration is not one of this version's: undo it with the version that applied it")
)

// Migrations are the steps of the schema of one database.
type Migrations struct {
	conn *pgx.ConnConfig
}

// NewMigrations reaches for nothing: each method makes a connection of its own.
func NewMigrations(cfg Config) (*Migrations, error) {
	conn, err := connection(cfg)
	if err != nil {
		return nil, err
	}
	return &Migrations{conn: conn}, nil
}

// inspectTimeout is the deadline of what only reads which migrations are applied.
const inspectTimeout = 10 * time.Second

// List gives this version's migrations, and those that the database has beside them, oldest first. It changes nothing.
func (m *Migrations) List(ctx context.Context) ([]Migration, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	connection, err := pgx.ConnectConfig(ctx, m.conn)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // nothing was written
	return Inspect(ctx, connection)
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
	newest := Migration{}
	for _, migration := range all {
		if !migration.Applied.IsZero() {
			newest = migration
		}
	}
	switch {
	case newest.Version == 0:
		return "", "", ErrNothingApplied
	case newest.Name == "":
		return "", "", fmt.Errorf("%w: version %d", ErrUnknownMigration, newest.Version)
	}
	text, err := migrations.ReadFile(path.Join("migrations", newest.Name))
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
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	return do(provider)
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("find migrations: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, fmt.Errorf("prepare the migrations' lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return provider, nil
}
