package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

// TestLargeRoomsAreFoundAmongManyOthers looks at the plan before and after statistics are gathered, where no room is large and where a few are.
func TestLargeRoomsAreFoundAmongManyOthers(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	storetest.Start(t, newStore(t, database))
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) // nothing is lost with it
	for _, done := range []string{
		`INSERT INTO users VALUES ('0192d3a0-0000-7000-8000-00000000000a', 'somebody');
		 INSERT INTO rooms (id, type, created_by, created_at, latest_message, preview)
		 SELECT gen_random_uuid(), 'Group', '0192d3a0-0000-7000-8000-00000000000a', now(), now(), '{}' FROM generate_series(1, 20000)`,
		"ANALYZE",
		"UPDATE rooms SET large = true WHERE id IN (SELECT id FROM rooms LIMIT 20)",
		"ANALYZE",
	} {
		if _, err := conn.Exec(t.Context(), done); err != nil {
			t.Fatal(err)
		}
		rows, err := conn.Query(t.Context(), "EXPLAIN "+selectNextLarge, uuid.New())
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(plan, "\n"); !strings.Contains(text, "using rooms_large") || strings.Contains(text, "Filter") {
			t.Errorf("after %.20s it reads\n%s", done, text)
		}
	}
}
