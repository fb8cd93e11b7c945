package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/enginetest"
)

// TestALookIsCheapHoweverMuchIsPending lets 10,000 rows of 5 KB wait: a look reads those that it gives, and of the values no more than that.
func TestALookIsCheapHoweverMuchIsPending(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), enginetest.PostgresDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) // nothing is lost with it
	_, err = conn.Exec(t.Context(), Schema+`;
		ALTER TABLE outbox ALTER COLUMN value SET STORAGE EXTERNAL; -- not compressed, as texts of clients hardly are
		INSERT INTO outbox (topic, key, headers, value, created_at)
		SELECT 'ism.rooms', n::text, '{}', decode(repeat('07', 5000), 'hex'), now() FROM generate_series(1, 10000) AS n;
		ANALYZE outbox`)
	if err != nil {
		t.Fatal(err)
	}
	lead := &lead{conn: conn}
	if rows, err := lead.Oldest(t.Context(), 500, 200_000); err != nil || len(rows) != 40 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	var plan []struct {
		Plan struct {
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		}
	}
	if err := conn.QueryRow(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "+selectOldest, 500, 200_000).Scan(&plan); err != nil {
		t.Fatal(err)
	}
	// 500 rows are in 10 blocks of 8 KiB and in their index; the 40 values of 5 KB that are given are not among the blocks of the plan.
	if read := plan[0].Plan.Hit + plan[0].Plan.Read; read > 200 {
		t.Errorf("it reads %d blocks", read)
	}
	rows, err := conn.Query(t.Context(), "EXPLAIN "+selectOldest, 500, 200_000)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(lines, "\n"); strings.Contains(text, "Seq Scan") || strings.Contains(text, "Sort") {
		t.Errorf("it scans or sorts:\n%s", text)
	}
}
