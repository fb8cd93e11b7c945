package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return storetest.Start(t, New(Config{Path: filepath.Join(t.TempDir(), "rooms.db")}, telemetry.Discard(nil)))
	})
}

// open opens a new file that nothing has migrated.
func open(t *testing.T) *sql.DB {
	t.Helper()
	none := func(context.Context, *sql.DB) error { return nil }
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "rooms.db"), none, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db.Writer
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

func TestMigrationsGoUpAndDownWithRows(t *testing.T) {
	db := open(t)
	migrations, err := fs.Sub(embedded, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations)
	if err != nil {
		t.Fatal(err)
	}
	storetest.MigrationsKeepRows(t, storetest.Migrating{
		DB: db, Provider: provider, Rows: os.DirFS("testdata/rows"),
		Columns: `SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
			WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name <> 'goose_db_version' ORDER BY t.name, c.cid`,
		Dangling: "SELECT count(*) FROM pragma_foreign_key_check",
		Schema:   func() string { return schema(t, db) },
	})
}

func TestWhatIsReadUsesIndexes(t *testing.T) {
	opened := New(Config{Path: filepath.Join(t.TempDir(), "rooms.db")}, telemetry.Discard(nil))
	storetest.Start(t, opened)
	id := uuid.New()
	for statement, args := range map[string][]any{
		selectRoomList:       {id[:], 1, id[:], "Group", true, 50},
		selectRoom:           {id[:], id[:]},
		selectTotals:         {id[:]},
		selectTaken:          {id[:]},
		selectReader:         {id[:], id[:]},
		selectByID:           {id[:], id[:]},
		selectUpTo:           {id[:], 0, 1},
		selectOldest:         {id[:]},
		selectNewestOfOthers: {id[:], id[:]},
		countOwn:             {id[:], id[:], 0, 1},
		selectUntold:         {1, 1},
		selectToTell:         {id[:], id[:]},
		deletePositions:      {id[:], 1},
	} {
		for _, step := range planOf(t, opened, statement, args) {
			if strings.HasPrefix(step, "SCAN") && step != "SCAN (subquery-1)" && !strings.HasPrefix(step, "SCAN CONSTANT") {
				t.Errorf("it scans: %s in %s", step, statement)
			}
		}
	}
}

// Large rooms are found by their own index, however many others there are.
func TestLargeRoomsAreFoundAmongManyOthers(t *testing.T) {
	opened := New(Config{Path: filepath.Join(t.TempDir(), "rooms.db")}, telemetry.Discard(nil))
	storetest.Start(t, opened)
	id := uuid.New()
	for _, step := range planOf(t, opened, selectNextLarge, []any{id[:]}) {
		if !strings.Contains(step, "INDEX rooms_large") {
			t.Errorf("it reads by %s", step)
		}
	}
}

func planOf(t *testing.T, opened *Store, statement string, args []any) (steps []string) {
	t.Helper()
	rows, err := opened.open.Load().Readers.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+statement, args...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	defer rows.Close() // rows.Err says what went wrong
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

func TestAStoreThatIsNotOpenIsUnavailable(t *testing.T) {
	s := New(Config{Path: filepath.Join(t.TempDir(), "no such directory", "rooms.db")}, telemetry.Discard(nil))
	if _, err := s.Rooms(t.Context(), uuid.New(), store.RoomQuery{Limit: 1}); !errors.Is(err, store.ErrUnavailable) {
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

func TestUsersOfTheFirstSchemaTakeAnyToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rooms.db")
	user := uuid.New()
	db, err := sqlite.Open(t.Context(), path, func(ctx context.Context, writer *sql.DB) error {
		migrations, err := fs.Sub(embedded, "migrations")
		if err != nil {
			return err
		}
		provider, err := goose.NewProvider(goose.DialectSQLite3, writer, migrations)
		if err != nil {
			return err
		}
		if _, err := provider.UpTo(ctx, 1); err != nil {
			return err
		}
		_, err = writer.ExecContext(ctx, "INSERT INTO users (id, display_name) VALUES (?, 'alice')", user[:])
		return err
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	opened := storetest.Start(t, New(Config{Path: path}, telemetry.Discard(nil)))
	storetest.TakesAnyToken(t, opened, user)
}

// What was unread before it was counted stays so.
func TestWhatWasUnreadStaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rooms.db")
	var before storetest.BeforeCounts
	db, err := sqlite.Open(t.Context(), path, func(ctx context.Context, writer *sql.DB) error {
		migrations, err := fs.Sub(embedded, "migrations")
		if err != nil {
			return err
		}
		provider, err := goose.NewProvider(goose.DialectSQLite3, writer, migrations)
		if err != nil {
			return err
		}
		if _, err := provider.UpTo(ctx, 6); err != nil {
			return err
		}
		before = storetest.NewBeforeCounts()
		for _, user := range []uuid.UUID{before.Read, before.Unread, before.Never} {
			if _, err := writer.ExecContext(ctx, "INSERT INTO users (id, display_name) VALUES (?, 'somebody')", user[:]); err != nil {
				return err
			}
		}
		const insertRoom = "INSERT INTO rooms (id, type, created_by, created_at, latest_message, latest_epoch, latest_offset, preview) VALUES (?, 'Group', ?, 1, ?, ?, ?, ?)"
		if _, err := writer.ExecContext(ctx, insertRoom, before.Room[:], before.Read[:], 1000, 0, 41, `{"type":"New"}`); err != nil {
			return err
		}
		if _, err := writer.ExecContext(ctx, insertRoom, before.New[:], before.Read[:], 1, -1, -1, `{"type":"New"}`); err != nil {
			return err
		}
		for user, read := range map[uuid.UUID]any{before.Read: 1000, before.Unread: 999, before.Never: nil} {
			for _, room := range []uuid.UUID{before.Room, before.New} {
				_, err := writer.ExecContext(ctx, "INSERT INTO members (room_id, user_id, position, status, joined_at, last_read_at) VALUES (?, ?, 0, 'Joined', 1, ?)", room[:], user[:], read)
				if err != nil {
					return err
				}
			}
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before.Check(t, storetest.Start(t, New(Config{Path: path}, telemetry.Discard(nil))))
}
