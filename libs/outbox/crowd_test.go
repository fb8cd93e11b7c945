package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/servicetest"
)

var errGivenUp = errors.New("the change is given up")

// crowd is a table of things that clients change, each change with its number among those of the thing.
const crowd = `CREATE TABLE things (key text PRIMARY KEY, changes integer NOT NULL DEFAULT 0)`

// change changes a thing in one transaction: it takes as long as it is told, appends several rows, and commits unless it is given up.
func change(ctx context.Context, s postgresStore, key string, rows int, milliseconds float64, giveUp bool) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for range rows {
			var number int
			if err := tx.QueryRow(ctx, `UPDATE things SET changes = changes + 1 WHERE key = $1 RETURNING changes`, key).Scan(&number); err != nil {
				return err
			}
			row := outboxtest.Row(key)
			row.Headers["ce_id"] = fmt.Sprintf("%s/%d", key, number)
			if _, err := s.Append(ctx, tx, row); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `SELECT pg_sleep($1 / 1000.0)`, milliseconds); err != nil {
			return err
		}
		if giveUp {
			return errGivenUp
		}
		return nil
	})
}

// TestACrowdOfClientsAndRelaysThatAreKilled lets 64 clients change 16 things, in transactions of mixed length of which some are given up, while two
// processes relay and each leader's connection is killed after a while. Each thing's committed events come in their order, and none is missing.
func TestACrowdOfClientsAndRelaysThatAreKilled(t *testing.T) {
	const clients, things, changes, kills = 64, 16, 25, 5
	url := newDatabase(t)
	conn := admin(t, url)
	if _, err := conn.Exec(t.Context(), crowd); err != nil {
		t.Fatal(err)
	}
	keys := make([]string, things)
	for i := range keys {
		keys[i] = fmt.Sprint("thing ", i)
		if _, err := conn.Exec(t.Context(), `INSERT INTO things (key) VALUES ($1)`, keys[i]); err != nil {
			t.Fatal(err)
		}
	}
	log := &journal{}
	processes := []outboxtest.Store{onPostgres(t, url+"&pool_max_conns=16"), onPostgres(t, url+"&pool_max_conns=16")}
	for _, s := range processes {
		run(t, newRelay(t, s), log)
	}

	var done atomic.Int64
	var working sync.WaitGroup
	for client := range clients {
		working.Go(func() {
			random := rand.New(rand.NewPCG(uint64(client), 1))
			for range changes {
				giveUp := random.IntN(10) == 0
				err := change(t.Context(), processes[client%2].(postgresStore), keys[random.IntN(things)], 1+random.IntN(4), random.ExpFloat64()*5, giveUp)
				if err != nil && (!giveUp || !errors.Is(err, errGivenUp)) {
					t.Errorf("a change: %v", err)
				}
				done.Add(1)
			}
		})
	}
	killed := 0
	for kill := range kills {
		servicetest.Await(t, "some changes", func() bool { return done.Load() >= clients*changes*int64(kill+1)/(kills+1) })
		leading := leaders(t, conn)
		terminate(t, conn, leading)
		killed += len(leading)
	}
	working.Wait()
	servicetest.Await(t, "an empty outbox", func() bool {
		var rows int
		err := conn.QueryRow(t.Context(), `SELECT count(*) FROM outbox`).Scan(&rows)
		return err == nil && rows == 0
	})
	if killed == 0 {
		t.Error("no leader was killed")
	}
	expectEachInOrder(t, conn, log)
}

// expectEachInOrder fails the test where the log misses an event of a thing, or has it, for the first time, elsewhere than in its order.
func expectEachInOrder(t *testing.T, conn *pgx.Conn, log *journal) {
	t.Helper()
	came := map[string]bool{}
	next := map[string]int{}
	keys, again := log.keys(), 0
	for i, id := range log.ids() {
		if came[id] {
			again++
			continue
		}
		came[id] = true
		next[keys[i]]++
		if want := fmt.Sprintf("%s/%d", keys[i], next[keys[i]]); id != want {
			t.Fatalf("event %s comes where %s belongs", id, want)
		}
	}
	rows, err := conn.Query(t.Context(), `SELECT key, changes FROM things`)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	var key string
	var changes int
	if _, err := pgx.ForEachRow(rows, []any{&key, &changes}, func() error {
		total += changes
		if next[key] != changes {
			t.Errorf("%s was changed %d times, of which the log has %d", key, changes, next[key])
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events, %d of them written again", total, again)
}
