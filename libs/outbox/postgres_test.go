package outbox_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/servicetest"
)

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
	url := newDatabase(t)
	s, log := onPostgres(t, url), &journal{}
	run(t, newRelay(t, s), log)
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
	early, earlyRows := appendRows(t, s, 10)
	if earlyRows[0] <= lateRow {
		t.Fatalf("row %d was written before row %d", earlyRows[0], lateRow)
	}
	servicetest.Await(t, "the rows that have committed", func() bool { return slices.Equal(log.keys(), early) })
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	servicetest.Await(t, "the row that commits late", func() bool { return slices.Equal(log.keys(), append(early, lateKey)) })
}

// undeleting is an outbox whose leader does something behind the log's acknowledgement, before it deletes, once.
type undeleting struct {
	outbox.Outbox
	once sync.Once
	do   func()
}

func (u *undeleting) Lead(ctx context.Context) (outbox.Lead, error) {
	lead, err := u.Outbox.Lead(ctx)
	if err != nil {
		return nil, err
	}
	return undeletingLead{lead, u}, nil
}

type undeletingLead struct {
	outbox.Lead
	outbox *undeleting
}

func (l undeletingLead) Delete(ctx context.Context, rows []int64) error {
	l.outbox.once.Do(l.outbox.do)
	return l.Lead.Delete(ctx, rows)
}

func TestARelayThatLosesTheDatabaseBeforeDeletingWritesNothingAgain(t *testing.T) {
	url := newDatabase(t)
	s, log, conn := onPostgres(t, url), &journal{}, admin(t, url)
	ids, rows := appendRows(t, s, 5)
	r := newRelay(t, &undeleting{Outbox: s, do: func() { terminate(t, conn, leaders(t, conn)) }})
	run(t, r, log)
	awaitGone(t, s, rows...)
	more, moreRows := appendRows(t, s, 5)
	awaitGone(t, s, moreRows...)
	if got, want := log.keys(), slices.Concat(ids, more); !slices.Equal(got, want) {
		t.Fatalf("the log has %v, want %v", got, want)
	}
}

func TestARelayThatEndsBeforeDeletingIsFollowedByTheSameIDs(t *testing.T) {
	url := newDatabase(t)
	s, log, conn := onPostgres(t, url), &journal{}, admin(t, url)
	ids, rows := appendRows(t, s, 5)
	killed := make(chan struct{})
	dying := &undeleting{Outbox: &mortal{Outbox: s}, do: func() {
		terminate(t, conn, leaders(t, conn))
		close(killed)
	}}
	run(t, newRelay(t, dying), log)
	<-killed
	run(t, newRelay(t, s), log)
	awaitGone(t, s, rows...)
	if got, want := log.keys(), slices.Concat(ids, ids); !slices.Equal(got, want) {
		t.Fatalf("the log has %v, want %v", got, want)
	}
	if written := log.ids(); !slices.Equal(written[:5], written[5:10]) {
		t.Errorf("written again, the events have other ids: %v", written)
	}
}

// mortal is an outbox that gives the lead once.
type mortal struct {
	outbox.Outbox
	once sync.Once
}

func (m *mortal) Lead(ctx context.Context) (lead outbox.Lead, err error) {
	first := false
	m.once.Do(func() { first = true })
	if first {
		return m.Outbox.Lead(ctx)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestOneOfTwoRelaysLeadsAndTheOtherTakesOver(t *testing.T) {
	url := newDatabase(t)
	first, second := onPostgres(t, url), onPostgres(t, url)
	firstLog, secondLog, conn := &journal{}, &journal{}, admin(t, url)
	run(t, newRelay(t, &mortal{Outbox: first}), firstLog)
	servicetest.Await(t, "a leader", func() bool { return len(leaders(t, conn)) == 1 })
	follower := newRelay(t, second)
	run(t, follower, secondLog)
	before, rows := appendRows(t, second, 20)
	for _, row := range rows {
		follower.Await(t.Context(), row)
	}
	if !slices.Equal(firstLog.keys(), before) || len(secondLog.keys()) != 0 {
		t.Fatalf("the leader wrote %d rows, the other %d", len(firstLog.keys()), len(secondLog.keys()))
	}
	terminate(t, conn, leaders(t, conn))
	after, _ := appendRows(t, first, 20)
	servicetest.Await(t, "the rows behind the leader's end", func() bool { return slices.Equal(secondLog.keys(), after) })
	if len(leaders(t, conn)) != 1 || len(firstLog.keys()) != len(before) {
		t.Errorf("there are %d leaders, and the first wrote %d rows", len(leaders(t, conn)), len(firstLog.keys()))
	}
}

func TestManyRelaysWriteEachRowOnce(t *testing.T) {
	url := newDatabase(t)
	log := &journal{}
	var stores []outboxtest.Store
	for range 3 {
		s := onPostgres(t, url)
		stores = append(stores, s)
		run(t, newRelay(t, s), log)
	}
	var writing sync.WaitGroup
	written := make([][]string, len(stores))
	for i, s := range stores {
		writing.Go(func() { written[i], _ = appendRows(t, s, 60) })
	}
	writing.Wait()
	want := slices.Concat(written...)
	servicetest.Await(t, "all rows", func() bool { return len(log.keys()) >= len(want) })
	got := log.keys()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d rows were written as %d records", len(want), len(got))
	}
}
