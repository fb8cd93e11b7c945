package outbox_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/servicetest"
)

func TestRowsAreRelayedInOrder(t *testing.T) {
	s, log := onSQLite(t), &journal{}
	want, _ := appendRows(t, s, outbox.BatchSize+50)
	run(t, newRelay(s), log)
	more, _ := appendRows(t, s, 20)
	want = append(want, more...)
	servicetest.Await(t, "all rows", func() bool { return len(log.keys()) >= len(want) })
	if got := log.keys(); !slices.Equal(got, want) {
		t.Errorf("%d records are not the %d rows in their order", len(got), len(want))
	}
}

func TestAwaitEndsWhenTheRowIsInTheLog(t *testing.T) {
	s, log := onSQLite(t), &journal{}
	r := newRelay(s)
	run(t, r, log)
	quickest := outbox.AwaitTimeout // the machine may be busy now and then
	for range 50 {
		ids, rows := appendRows(t, s, 1)
		began := time.Now()
		r.Await(t.Context(), rows[0])
		waited := time.Since(began)
		quickest = min(quickest, waited)
		if keys := log.keys(); waited < outbox.AwaitTimeout && keys[len(keys)-1] != ids[0] {
			t.Fatal("it ended before the row was in the log")
		}
	}
	if quickest >= outbox.AwaitTimeout {
		t.Error("it always took until it gave up")
	}
	if left := r.Waiting(); left != 0 {
		t.Errorf("%d rows are still waited for", left)
	}
}

func TestAwaitOfAnotherRelaysRow(t *testing.T) {
	s, log := onSQLite(t), &journal{}
	run(t, newRelay(s), log)
	follower := newRelay(s)
	quickest := outbox.AwaitTimeout // the machine may be busy now and then
	for range 5 {
		ids, rows := appendRows(t, s, 1)
		began := time.Now()
		follower.Await(t.Context(), rows[0])
		waited := time.Since(began)
		quickest = min(quickest, waited)
		if keys := log.keys(); waited < outbox.AwaitTimeout && !slices.Equal(keys[max(0, len(keys)-1):], ids) {
			t.Error("it ended before the row was in the log")
		}
	}
	if quickest >= outbox.AwaitTimeout {
		t.Error("it always took until it gave up")
	}
}

func TestAwaitGivesUpWhileTheLogIsDown(t *testing.T) {
	s, log := onSQLite(t), &journal{down: true}
	r := newRelay(s)
	run(t, r, log)
	ids, rows := appendRows(t, s, 3)
	began := time.Now()
	r.Await(t.Context(), rows[2])
	if waited := time.Since(began); waited < outbox.AwaitTimeout || waited > 20*outbox.AwaitTimeout {
		t.Errorf("it waited for %s", waited)
	}
	if len(log.keys()) != 0 {
		t.Error("the log is not down")
	}
	log.set(false)
	servicetest.Await(t, "the rows when the log is back", func() bool { return slices.Equal(log.keys(), ids) })
}

func TestRowsOfALaterStartAreRelayed(t *testing.T) {
	s, log := onSQLite(t), &journal{}
	first := run(t, newRelay(s), log)
	ids, rows := appendRows(t, s, 1)
	servicetest.Await(t, "the first row", func() bool {
		pending, err := s.Pending(t.Context(), rows[0])
		return err == nil && !pending
	})
	first()
	between, _ := appendRows(t, s, 2)
	run(t, newRelay(s), log)
	servicetest.Await(t, "the rows of the time without a relay", func() bool { return slices.Equal(log.keys(), append(ids, between...)) })
}

func TestAgeIsThatOfTheOldestRow(t *testing.T) {
	s, log := onSQLite(t), &journal{down: true}
	r := newRelay(s)
	if age := r.Age(); age != 0 {
		t.Errorf("without rows the age is %v", age)
	}
	run(t, r, log)
	appendRows(t, s, 1)
	servicetest.Await(t, "an age", func() bool { return r.Age() > 0.05 })
	log.set(false)
	servicetest.Await(t, "no age", func() bool { return r.Age() == 0 && len(log.keys()) == 1 })
}

func TestRowsThatWaitAreCounted(t *testing.T) {
	s, log := onSQLite(t), &journal{down: true}
	r := newRelay(s)
	run(t, r, log)
	appendRows(t, s, 3)
	servicetest.Await(t, "three rows", func() bool { return r.Found() == 3 })
	appendRows(t, s, outbox.BatchSize)
	servicetest.Await(t, "more rows than a batch has", func() bool { return r.Found() == outbox.BatchSize+3 })
	log.set(false)
	servicetest.Await(t, "no rows", func() bool { return r.Found() == 0 && len(log.keys()) == outbox.BatchSize+3 })
}
