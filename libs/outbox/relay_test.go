package outbox_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/servicetest"
)

func TestRowsAreRelayedInOrder(t *testing.T) {
	s, log := onSQLite(t), &journal{}
	want, _ := appendRows(t, s, outbox.BatchSize+50)
	run(t, newRelay(t, s), log)
	more, _ := appendRows(t, s, 20)
	want = append(want, more...)
	servicetest.Await(t, "all rows", func() bool { return len(log.keys()) >= len(want) })
	if got := log.keys(); !slices.Equal(got, want) {
		t.Errorf("%d records are not the %d rows in their order", len(got), len(want))
	}
}

// stubborn is an outbox that deletes nothing until it is told to.
type stubborn struct {
	outboxtest.Store
	mu      sync.Mutex
	refused int
	yields  bool
}

func (s *stubborn) Lead(ctx context.Context) (outbox.Lead, error) {
	lead, err := s.Store.Lead(ctx)
	return stubbornLead{lead, s}, err
}

// yield lets rows be deleted from now on.
func (s *stubborn) yield() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.yields = true
}

// rounds is how often rows should have been deleted and were not.
func (s *stubborn) rounds() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

type stubbornLead struct {
	outbox.Lead
	outbox *stubborn
}

func (l stubbornLead) Delete(ctx context.Context, rows []int64) error {
	l.outbox.mu.Lock()
	defer l.outbox.mu.Unlock()
	if !l.outbox.yields {
		l.outbox.refused++
		return errors.New("the database does not answer")
	}
	return l.Lead.Delete(ctx, rows)
}

func TestWhatCannotBeDeletedIsWrittenOnce(t *testing.T) {
	s, log := &stubborn{Store: onSQLite(t)}, &journal{}
	r := newRelay(t, s)
	run(t, r, log)
	ids, rows := appendRows(t, s, 3)
	servicetest.Await(t, "some rounds", func() bool { return s.rounds() >= 3 })
	r.Await(t.Context(), rows[2]) // it is in the log
	more, moreRows := appendRows(t, s, 3)
	s.yield()
	awaitGone(t, s, append(rows, moreRows...)...)
	if got, want := log.keys(), slices.Concat(ids, more); !slices.Equal(got, want) {
		t.Errorf("the log has %v, want %v", got, want)
	}
}

// TestARowWithAnEarlierRowsIDIsWritten makes of a database one that has lost its last commits: it gives the ids of lost rows again.
func TestARowWithAnEarlierRowsIDIsWritten(t *testing.T) {
	s, log := &stubborn{Store: onSQLite(t)}, &journal{}
	ids, rows := appendRows(t, s, 3)
	run(t, newRelay(t, s), log)
	servicetest.Await(t, "a round", func() bool { return s.rounds() >= 1 })
	loseAll(t, s.Store)
	again, againRows := appendRows(t, s, 2)
	if againRows[0] != rows[0] {
		t.Fatalf("the rows are %v, and were %v", againRows, rows)
	}
	s.yield()
	awaitGone(t, s, againRows...)
	if got, want := log.keys(), slices.Concat(ids, again); !slices.Equal(got, want) {
		t.Errorf("the log has %v, want %v", got, want)
	}
}

func TestRowsOfALaterStartAreRelayed(t *testing.T) {
	s, log := onSQLite(t), &journal{}
	first := run(t, newRelay(t, s), log)
	ids, rows := appendRows(t, s, 1)
	awaitGone(t, s, rows...)
	first()
	between, _ := appendRows(t, s, 2)
	run(t, newRelay(t, s), log)
	servicetest.Await(t, "the rows of the time without a relay", func() bool { return slices.Equal(log.keys(), append(ids, between...)) })
}

func TestAgeIsThatOfTheOldestRow(t *testing.T) {
	s, log := onSQLite(t), &journal{down: true}
	r := newRelay(t, s)
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
	r := newRelay(t, s)
	run(t, r, log)
	appendRows(t, s, 3)
	servicetest.Await(t, "three rows", func() bool { return r.Found() == 3 })
	appendRows(t, s, outbox.BatchSize)
	servicetest.Await(t, "more rows than a batch has", func() bool { return r.Found() == outbox.BatchSize+3 })
	log.set(false)
	servicetest.Await(t, "no rows", func() bool { return r.Found() == 0 && len(log.keys()) == outbox.BatchSize+3 })
}
