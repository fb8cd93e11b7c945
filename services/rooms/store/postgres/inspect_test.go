package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/enginetest"
)

func TestPendingMigrationsAreThoseThatTheDatabaseLacks(t *testing.T) {
	address := enginetest.PostgresDatabase(t)
	connection, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close(t.Context()) }()
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	pending, err := Schema().Pending(t.Context(), connection)
	if err != nil || len(pending) != len(files) || pending[0] != files[0].Name() {
		t.Fatalf("an empty database lacks %v, %v", pending, err)
	}
	var table *string
	if err := connection.QueryRow(t.Context(), `SELECT to_regclass('goose_db_version')::text`).Scan(&table); err != nil || table != nil {
		t.Errorf("looking has made a table: %v, %v", table, err)
	}
}
