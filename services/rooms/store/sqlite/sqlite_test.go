package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return storetest.Start(t, New(Config{Path: filepath.Join(t.TempDir(), "rooms.db")}, telemetry.Discard(nil)))
	})
}

func open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dataSource(filepath.Join(t.TempDir(), "rooms.db")))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// schema is all that the migrations have made.
func schema(t *testing.T, db *sql.DB) string {
	t.Helper()
	var all sql.NullString
	err := db.QueryRowContext(t.Context(), `
		SELECT group_concat(sql, char(10)) FROM (
			SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' AND tbl_name <> 'goose_db_version' ORDER BY name)`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all.String
}

func TestMigrationsGoUpAndDown(t *testing.T) {
	db := open(t)
	provider, err := newMigrations(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	made := schema(t, db)
	for range provider.ListSources() {
		if _, err := provider.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if left := schema(t, db); left != "" {
		t.Errorf("going down leaves %s", left)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := schema(t, db); again != made {
		t.Errorf("going up again makes %s, the first time %s", again, made)
	}
}

func TestConnectionsAreDurable(t *testing.T) {
	opened, err := connect(t.Context(), filepath.Join(t.TempDir(), "rooms.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.close() // it has been looked at
	for name, db := range map[string]*sql.DB{"writer": opened.write, "reader": opened.read} {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "2000"} {
			var got string
			if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("the %s has %s %q, %v", name, pragma, got, err)
			}
		}
	}
	if _, err := opened.read.ExecContext(t.Context(), "DELETE FROM outbox"); err == nil {
		t.Error("a reader can write")
	}
}

func TestTheRoomListUsesIndexes(t *testing.T) {
	opened, err := connect(t.Context(), filepath.Join(t.TempDir(), "rooms.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.close() // it has been looked at
	user := uuid.New()
	rows, err := opened.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+selectRoomList, user[:])
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() // rows.Err says what went wrong
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(step, "SCAN") {
			t.Errorf("it scans: %s", step)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestAStoreThatIsNotOpenIsUnavailable(t *testing.T) {
	s := New(Config{Path: filepath.Join(t.TempDir(), "no such directory", "rooms.db")}, telemetry.Discard(nil))
	if _, err := s.Rooms(t.Context(), uuid.New()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("before Run: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("while it cannot be opened: %v", err)
	}
	if err := os.Mkdir(filepath.Dir(s.path), 0o700); err != nil {
		t.Fatal(err)
	}
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for s.Ping(deadline) != nil {
		select {
		case <-poll.C:
		case <-deadline.Done():
			t.Fatal("it is not opened when it can be")
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("behind the end: %v", err)
	}
}
