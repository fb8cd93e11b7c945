package postgres

import (
	"database/sql"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

// schema is all columns and indexes that the migrations have made.
func schema(t *testing.T, db *sql.DB) string {
	t.Helper()
	var all string
	err := db.QueryRowContext(t.Context(), `
		SELECT coalesce(string_agg(line, chr(10) ORDER BY line), '') FROM (
			SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)
			FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'goose_db_version'
			UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'goose_db_version'
			UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint
			WHERE connamespace = 'public'::regnamespace AND conrelid IS DISTINCT FROM to_regclass('goose_db_version')) AS made (line)`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestMigrationsGoUpAndDownWithRows(t *testing.T) {
	db := openSQL(t, enginetest.PostgresDatabase(t))
	provider, err := newProvider(db)
	if err != nil {
		t.Fatal(err)
	}
	storetest.MigrationsKeepRows(t, storetest.Migrating{
		DB: db, Provider: provider, Rows: os.DirFS("testdata/rows"),
		Columns: `SELECT table_name::text, column_name::text FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name <> 'goose_db_version' ORDER BY table_name, ordinal_position`,
		Dangling: "SELECT 0", // Postgres allows none
		Schema:   func() string { return schema(t, db) },
	})
}

func TestUsersOfTheFirstSchemaTakeAnyToken(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	db := openSQL(t, database)
	provider, err := newProvider(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	user := uuid.New()
	if _, err := db.ExecContext(t.Context(), "INSERT INTO users (id, display_name) VALUES ($1, 'alice')", user); err != nil {
		t.Fatal(err)
	}
	storetest.TakesAnyToken(t, storetest.Start(t, newStore(t, database)), user)
}

func TestSeveralProcessesMigrateOnce(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	var starting sync.WaitGroup
	for range 4 {
		starting.Go(func() {
			if err := newStore(t, database).migrate(t.Context()); err != nil {
				t.Errorf("migrate: %v", err)
			}
		})
	}
	starting.Wait()
}

func TestWithoutMigratingTheSchemaIsWaitedFor(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	db := openSQL(t, database)
	waiting := storeThat(t, MigrateCheck, database)
	if err := waiting.migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "00001_rooms.sql") {
		t.Errorf("without a schema it says %v", err)
	}
	if made := tables(t, db); made != 0 {
		t.Errorf("looking has made %d tables", made)
	}
	if err := newStore(t, database).migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	storetest.Start(t, waiting)
}

// Where migrating is off, the table that says which migrations are applied may be anything.
func TestTheSchemaIsNotLookedAt(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	db := openSQL(t, database)
	off := storeThat(t, MigrateOff, database)
	if err := off.migrate(t.Context()); err != nil || tables(t, db) != 0 {
		t.Errorf("without a schema: %v, %d tables", err, tables(t, db))
	}
	if err := newStore(t, database).migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "DROP TABLE goose_db_version"); err != nil {
		t.Fatal(err)
	}
	storetest.Start(t, off)
}

func storeThat(t *testing.T, migrates Migrate, database string) *Store {
	t.Helper()
	s, err := New(Config{URL: config.Secret(database), PoolSize: 2, StatementTimeout: 5 * time.Second}, migrates, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tables(t *testing.T, db *sql.DB) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
