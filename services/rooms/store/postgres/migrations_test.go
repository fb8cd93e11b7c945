package postgres

import (
	"database/sql"
	"os"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/enginetest"
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
	provider, err := Schema().Provider(db)
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
	provider, err := Schema().Provider(db)
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
