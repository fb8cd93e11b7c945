package outbox

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/postgres"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

// onPostgres runs a store on the database at url, as a process of its own would.
func onPostgres(t *testing.T, url string) store.Store {
	t.Helper()
	cfg := postgres.Config{URL: config.Secret(url), PoolSize: 5, StatementTimeout: 5 * time.Second, Migrate: true}
	s, err := postgres.New(cfg, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	return storetest.Start(t, s)
}

// admin is a connection of the test's own.
func admin(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// leaders are the connections that hold the lead.
func leaders(t *testing.T, conn *pgx.Conn) []int32 {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database
		WHERE locktype = 'advisory' AND granted AND datname = current_database()`)
	if err != nil {
		t.Fatal(err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		t.Fatal(err)
	}
	return pids
}

func terminate(t *testing.T, conn *pgx.Conn, pids []int32) {
	t.Helper()
	for _, pid := range pids {
		if _, err := conn.Exec(t.Context(), `SELECT pg_terminate_backend($1, 5000)`, pid); err != nil {
			t.Errorf("terminate a connection: %v", err)
		}
	}
}

func TestALateCommitIsNotSkipped(t *testing.T) {
	url := enginetest.PostgresDatabase(t)
	s, log := onPostgres(t, url), &journal{}
	run(t, New(s, telemetry.Discard(nil)), log)
	late := admin(t, url)
	tx, err := late.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var lateRow int64
	lateKey, lateID := uuid.NewString(), uuid.NewString()
	err = tx.QueryRow(t.Context(), `
		INSERT INTO outbox (topic, key, headers, value, created_at)
		VALUES ('ism.rooms', $1, jsonb_build_object('ce_id', $2::text), '{}', now()) RETURNING id`, lateKey, lateID).Scan(&lateRow)
	if err != nil {
		t.Fatal(err)
	}
	early, earlyRows := rooms(t, s, 10)
	if earlyRows[0] <= lateRow {
		t.Fatalf("row %d was written before row %d", earlyRows[0], lateRow)
	}
	await(t, "the rows that have committed", func() bool { return slices.Equal(log.keys(), early) })
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, "the row that commits late", func() bool { return slices.Equal(log.keys(), append(early, lateKey)) })
}

// dying is an outbox whose leader loses its connection behind the log's acknowledgement, before it can delete, once.
type dying struct {
	Outbox
	once sync.Once
	kill func()
}

func (d *dying) Lead(ctx context.Context) (store.Lead, error) {
	lead, err := d.Outbox.Lead(ctx)
	if err != nil {
		return nil, err
	}
	return dyingLead{lead, d}, nil
}

type dyingLead struct {
	store.Lead
	outbox *dying
}

func (l dyingLead) Delete(ctx context.Context, rows []int64) error {
	l.outbox.once.Do(l.outbox.kill)
	return l.Lead.Delete(ctx, rows)
}

func TestARelayThatDiesBeforeDeletingWritesAgainWithTheSameIDs(t *testing.T) {
	url := enginetest.PostgresDatabase(t)
	s, log, conn := onPostgres(t, url), &journal{}, admin(t, url)
	ids, rows := rooms(t, s, 5)
	killed := make(chan struct{})
	r := New(&dying{Outbox: s, kill: func() {
		terminate(t, conn, leaders(t, conn))
		close(killed)
	}}, telemetry.Discard(nil))
	run(t, r, log)
	<-killed
	more, moreRows := rooms(t, s, 5)
	for _, row := range append(rows, moreRows...) {
		r.Await(t.Context(), row)
	}
	await(t, "all rows gone", func() bool {
		pending, err := s.Pending(t.Context(), moreRows[4])
		return err == nil && !pending
	})
	if got, want := log.keys(), slices.Concat(ids, ids, more); !slices.Equal(got, want) {
		t.Fatalf("the log has %v, want %v", got, want)
	}
	if written := log.ids(); !slices.Equal(written[:5], written[5:10]) {
		t.Errorf("written again, the events have other ids: %v", written)
	}
}

// mortal is an outbox that gives the lead once.
type mortal struct {
	Outbox
	once sync.Once
}

func (m *mortal) Lead(ctx context.Context) (lead store.Lead, err error) {
	first := false
	m.once.Do(func() { first = true })
	if first {
		return m.Outbox.Lead(ctx)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestOneOfTwoRelaysLeadsAndTheOtherTakesOver(t *testing.T) {
	url := enginetest.PostgresDatabase(t)
	first, second := onPostgres(t, url), onPostgres(t, url)
	firstLog, secondLog, conn := &journal{}, &journal{}, admin(t, url)
	run(t, New(&mortal{Outbox: first}, telemetry.Discard(nil)), firstLog)
	await(t, "a leader", func() bool { return len(leaders(t, conn)) == 1 })
	follower := New(second, telemetry.Discard(nil))
	run(t, follower, secondLog)
	before, rows := rooms(t, second, 20)
	for _, row := range rows {
		follower.Await(t.Context(), row)
	}
	if !slices.Equal(firstLog.keys(), before) || len(secondLog.keys()) != 0 {
		t.Fatalf("the leader wrote %d rows, the other %d", len(firstLog.keys()), len(secondLog.keys()))
	}
	terminate(t, conn, leaders(t, conn))
	after, _ := rooms(t, first, 20)
	await(t, "the rows behind the leader's end", func() bool { return slices.Equal(secondLog.keys(), after) })
	if len(leaders(t, conn)) != 1 || len(firstLog.keys()) != len(before) {
		t.Errorf("there are %d leaders, and the first wrote %d rows", len(leaders(t, conn)), len(firstLog.keys()))
	}
}

func TestManyRelaysWriteEachRowOnce(t *testing.T) {
	url := enginetest.PostgresDatabase(t)
	log := &journal{}
	var stores []store.Store
	for range 3 {
		s := onPostgres(t, url)
		stores = append(stores, s)
		run(t, New(s, telemetry.Discard(nil)), log)
	}
	var writing sync.WaitGroup
	written := make([][]string, len(stores))
	for i, s := range stores {
		writing.Go(func() { written[i], _ = rooms(t, s, 60) })
	}
	writing.Wait()
	want := slices.Concat(written...)
	await(t, "all rows", func() bool { return len(log.keys()) >= len(want) })
	got := log.keys()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d rows were written as %d records", len(want), len(got))
	}
}
