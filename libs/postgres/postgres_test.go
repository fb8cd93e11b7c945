package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

var notes = postgres.Schema{Service: "notes", Files: fstest.MapFS{
	"00001_notes.sql": {Data: []byte("-- +goose Up\nCREATE TABLE notes (text text NOT NULL);\n\n-- +goose Down\nDROP TABLE notes;\n")},
	"00002_times.sql": {Data: []byte("-- +goose Up\nALTER TABLE notes ADD at timestamptz;\n\n-- +goose Down\nALTER TABLE notes DROP at;\n")},
}}

func configOf(address string) postgres.Config {
	return postgres.Config{URL: config.Secret(address), PoolSize: 2, StatementTimeout: 5 * time.Second}
}

// start runs a DB for the rest of the test.
func start(t *testing.T, address string, migrates postgres.Migrate) *postgres.DB {
	t.Helper()
	db, err := postgres.New(notes, configOf(address), migrates, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- db.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := write(context.WithoutCancel(ctx), db, "Soup?"); !errors.Is(err, postgres.ErrNotConnected) {
			t.Errorf("when it has ended, a write gives %v", err)
		}
	})
	return db
}

func connected(t *testing.T, db *postgres.DB) {
	t.Helper()
	servicetest.Await(t, "the database is connected", db.Connected)
}

func write(ctx context.Context, db *postgres.DB, text string) error {
	return db.Do(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		_, err := pool.Exec(ctx, "INSERT INTO notes (text) VALUES ($1)", text)
		return err
	})
}

func migrations(t *testing.T, address string) *postgres.Migrations {
	t.Helper()
	m, err := postgres.NewMigrations(notes, configOf(address))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSeveralProcessesMigrateOnce(t *testing.T) {
	address := enginetest.PostgresDatabase(t)
	var starting sync.WaitGroup
	for range 4 {
		db := start(t, address, postgres.MigrateAuto)
		starting.Go(func() { connected(t, db) })
	}
	starting.Wait()
	if made, err := migrations(t, address).Up(t.Context()); err != nil || len(made) != 0 {
		t.Errorf("afterwards there was %v to make, %v", made, err)
	}
}

func TestWithoutMigratingTheSchemaIsWaitedFor(t *testing.T) {
	address := enginetest.PostgresDatabase(t)
	waiting := start(t, address, postgres.MigrateCheck)
	if err := write(t.Context(), waiting, "Soup?"); !errors.Is(err, postgres.ErrNotConnected) {
		t.Errorf("without a schema a write gives %v", err)
	}
	if steps, err := migrations(t, address).List(t.Context()); err != nil || len(steps) != 2 || steps[0].Applied {
		t.Errorf("it has %v, %v", steps, err)
	}
	if made, err := migrations(t, address).Up(t.Context()); err != nil || len(made) != 2 || made[0] != "00001_notes.sql" {
		t.Fatalf("made %v, %v", made, err)
	}
	connected(t, waiting)
	if err := write(t.Context(), waiting, "Soup?"); err != nil {
		t.Error(err)
	}
}

// Where migrating is off, the table that says which migrations are applied may be anything.
func TestTheSchemaIsNotLookedAt(t *testing.T) {
	db := start(t, enginetest.PostgresDatabase(t), postgres.MigrateOff)
	connected(t, db)
	if err := write(t.Context(), db, "Soup?"); !postgres.IsFault(err) || postgres.RefusesValue(err) {
		t.Errorf("without its table a write gives %v", err)
	}
}

func TestATransactionIsWholeOrNot(t *testing.T) {
	db := start(t, enginetest.PostgresDatabase(t), postgres.MigrateAuto)
	connected(t, db)
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		change func(tx pgx.Tx) error
		says   func(err error) bool
	}{
		"what the change says": {func(pgx.Tx) error { return refused }, func(err error) bool { return errors.Is(err, refused) }},
		"a value": {func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO notes (text) VALUES (NULL)")
			return err
		}, postgres.RefusesValue},
		"a statement without end": {func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), "SET LOCAL statement_timeout = 1; SELECT pg_sleep(60)")
			return err
		}, func(err error) bool {
			return err != nil && !postgres.RefusesValue(err) && !postgres.IsFault(err) && strings.Contains(err.Error(), "57014")
		}},
	} {
		err := db.Transact(t.Context(), func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "INSERT INTO notes (text) VALUES ('Soup?')"); err != nil {
				return err
			}
			return c.change(tx)
		})
		if !c.says(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var rows int
	err := db.Transact(t.Context(), func(tx pgx.Tx) error {
		return tx.QueryRow(t.Context(), "SELECT count(*) FROM notes").Scan(&rows)
	})
	if err != nil || rows != 0 {
		t.Errorf("%d rows are left, %v", rows, err)
	}
}

// The address has a password, and may be wrong in a way that a parser repeats.
func TestAnAddressIsNotRepeated(t *testing.T) {
	_, err := postgres.New(notes, configOf("postgres://notes:hush-hush@host:no-port/notes"), postgres.MigrateAuto, telemetry.Discard(nil))
	if err == nil || strings.Contains(err.Error(), "hush-hush") {
		t.Errorf("it says %v", err)
	}
}
