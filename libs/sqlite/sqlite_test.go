package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/sqlite"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

const table = `CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT`

// open opens a file for the rest of the test. Opening must succeed at once.
func open(t *testing.T, path string, migrate sqlite.Migrate) *sqlite.DB {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	db, err := sqlite.Open(ctx, path, migrate, func(err error, _ time.Duration) { cancel(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestAnyPathWillDo(t *testing.T) {
	for _, name := range []string{"notes.db", "with a space", "what?", "50%", "#1", "ä&b=c;d"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		open(t, path, sqlite.UserVersion(table))
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	t.Chdir(t.TempDir())
	open(t, "relative.db", sqlite.UserVersion(table))
	if _, err := os.Stat("relative.db"); err != nil {
		t.Error(err)
	}
}

func TestConnectionsAreDurable(t *testing.T) {
	opened := open(t, filepath.Join(t.TempDir(), "notes.db"), sqlite.UserVersion(table))
	for name, db := range map[string]*sql.DB{"writer": opened.Writer, "reader": opened.Readers} {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "2000"} {
			var got string
			if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("the %s has %s %q, %v", name, pragma, got, err)
			}
		}
	}
	if _, err := opened.Readers.ExecContext(t.Context(), "DELETE FROM notes"); err == nil {
		t.Error("a reader can write")
	}
}

func TestReadersSeeTheLastCommitWhileSomebodyWrites(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "notes.db"), sqlite.UserVersion(table))
	count := func() (n int) {
		t.Helper()
		tx, err := db.Readers.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		if err := tx.QueryRowContext(t.Context(), "SELECT count(*) FROM notes").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	err := db.Transact(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(t.Context(), "INSERT INTO notes (text) VALUES ('milk')"); err != nil {
			return err
		}
		if n := count(); n != 0 {
			t.Errorf("before the commit a reader sees %d rows", n)
		}
		return nil
	})
	if err != nil || count() != 1 {
		t.Errorf("after the commit a reader sees %d rows, %v", count(), err)
	}
	undone := errors.New("undone")
	err = db.Transact(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(t.Context(), "DELETE FROM notes"); err != nil {
			return err
		}
		return undone
	})
	if !errors.Is(err, undone) || count() != 1 {
		t.Errorf("after a change that failed a reader sees %d rows, %v", count(), err)
	}
	if used, limit := db.Connections(); used != 0 || limit != 5 {
		t.Errorf("%v of %v connections are in use", used, limit)
	}
}

// What is not waited for is there, and what comes after it is waited for again, whatever has become of it.
func TestATransactionNeedNotBeFlushed(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "notes.db"), sqlite.UserVersion(table))
	undone := errors.New("undone")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx   context.Context
		gives error
	}{{t.Context(), nil}, {t.Context(), undone}, {canceled, context.Canceled}} {
		err := db.TransactUnflushed(c.ctx, func(tx *sql.Tx) error {
			var level int
			if err := tx.QueryRowContext(c.ctx, "PRAGMA synchronous").Scan(&level); err != nil || level != 1 {
				t.Errorf("it is committed with synchronous %d, %v", level, err)
			}
			_, err := tx.ExecContext(c.ctx, "INSERT INTO notes (text) VALUES ('milk')")
			return errors.Join(err, c.gives)
		})
		if !errors.Is(err, c.gives) {
			t.Errorf("it gives %v, want %v", err, c.gives)
		}
		var level, rows int
		err = errors.Join(
			db.Writer.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&level), db.Readers.QueryRowContext(t.Context(), "SELECT count(*) FROM notes").Scan(&rows),
		)
		if err != nil || level != 2 || rows != 1 {
			t.Errorf("then there are %d rows, and synchronous is %d, %v", rows, level, err)
		}
	}
}

func TestADirectoryThatComesLaterIsUsed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mounted later")
	attempts := 0
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "notes.db"), sqlite.UserVersion(table), func(error, time.Duration) {
		if attempts++; attempts == 2 {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil || attempts != 2 {
		t.Fatalf("after %d attempts that failed: %v", attempts, err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheEndOfTheContextEndsOpening(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "never", "notes.db"), sqlite.UserVersion(table), func(error, time.Duration) { stop() })
	if !errors.Is(err, context.Canceled) || db != nil {
		t.Errorf("opened %v, %v", db, err)
	}
}

func TestStepsAreAppliedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.db")
	first, second := table, `ALTER TABLE notes ADD COLUMN done INTEGER NOT NULL DEFAULT 0`
	for _, steps := range [][]string{{first}, {first}, {first, second}, {first, second}} {
		db := open(t, path, sqlite.UserVersion(steps...))
		var version int
		if err := db.Readers.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version); err != nil || version != len(steps) {
			t.Errorf("version %d, %v, want %d", version, err, len(steps))
		}
		if _, err := db.Writer.ExecContext(t.Context(), "INSERT INTO notes (text) VALUES ('kept')"); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := sqlite.Open(ctx, path, sqlite.UserVersion(first), func(err error, _ time.Duration) { cancel(err) })
	if err == nil || !strings.Contains(err.Error(), "newer than this build's 1") {
		t.Errorf("a file of a newer build: %v", err)
	}
}

func TestAStepThatFailsLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.db")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := sqlite.Open(ctx, path, sqlite.UserVersion(table, "CREATE TABEL more"), func(err error, _ time.Duration) { cancel(err) })
	if err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("a wrong step: %v", err)
	}
	open(t, path, sqlite.UserVersion(table))
}

func TestFaultsOfTheProgramAreTold(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "notes.db"), sqlite.UserVersion(table))
	for statement, want := range map[string]bool{
		"SELEKT 1":                                     true,
		"INSERT INTO notes (text) VALUES (NULL)":       true,
		"INSERT INTO notes (id, text) VALUES ('', '')": true,
	} {
		_, err := db.Writer.ExecContext(t.Context(), statement)
		if err == nil || sqlite.IsFault(fmt.Errorf("do: %w", err)) != want {
			t.Errorf("%s: %v", statement, err)
		}
		if aboutValue := statement != "SELEKT 1"; sqlite.RefusesValue(fmt.Errorf("do: %w", err)) != aboutValue {
			t.Errorf("%s: %v is about a value: %v", statement, err, !aboutValue)
		}
	}
	// More than SQLite's limit of a value, 1,000,000,000 bytes, without as much memory.
	if _, err := db.Writer.ExecContext(t.Context(), "INSERT INTO notes (text) VALUES (zeroblob(1000000001))"); !sqlite.RefusesValue(err) {
		t.Errorf("what is too large: %v", err)
	}
	if _, err := db.Readers.ExecContext(t.Context(), "DELETE FROM notes"); err == nil || sqlite.IsFault(err) || sqlite.RefusesValue(err) {
		t.Errorf("a file that is read only: %v", err)
	}
	if sqlite.IsFault(context.Canceled) || sqlite.IsFault(nil) || sqlite.RefusesValue(context.Canceled) || sqlite.RefusesValue(nil) {
		t.Error("what SQLite has not said is its fault")
	}
}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	migrations := fstest.MapFS{ // a service embeds its folder of migrations
		"00001_notes.sql": {Data: []byte("-- +goose Up\nCREATE TABLE notes (text TEXT NOT NULL) STRICT;\n-- +goose Down\nDROP TABLE notes;")},
	}
	ctx := context.Background()
	db, err := sqlite.Open(ctx, filepath.Join(dir, "notes.db"), sqlite.Goose(migrations), func(err error, next time.Duration) {
		log.Printf("the file cannot be opened; trying again in %s: %v", next, err)
	})
	if err != nil {
		panic(err) // ctx is done
	}
	defer db.Close()
	err = db.Transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO notes (text) VALUES (?)", "milk")
		return err
	})
	if err != nil {
		panic(err)
	}
	var text string
	if err := db.Readers.QueryRowContext(ctx, "SELECT text FROM notes").Scan(&text); err != nil {
		panic(err)
	}
	fmt.Println(text)
	// Output: milk
}
