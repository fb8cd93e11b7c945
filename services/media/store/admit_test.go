package store

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
)

// slow is a backend that takes a second for each statement, and admits everything.
type slow struct {
	Rows

	mu   sync.Mutex
	took []int // media by each statement
	err  error
}

func (s *slow) Admit(_ context.Context, media []Media, _ []Addition) (admitted []uuid.UUID, err error) {
	s.mu.Lock()
	s.took = append(s.took, len(media))
	s.mu.Unlock()
	time.Sleep(time.Second)
	for _, m := range media {
		admitted = append(admitted, m.ID)
	}
	return admitted, s.err
}

// statements gives how many media each statement has had.
func (s *slow) statements() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.took
}

func newMedium(room uuid.UUID) Media {
	return Media{ID: uuid.New(), Room: room, Uploader: uuid.New(), Size: 1}
}

func TestWhatComesMeanwhileIsWrittenTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &slow{}
		a := newAdmission(rows)
		room := uuid.New()
		begun := time.Now()
		admit := func() {
			if admitted, err := a.admit(t.Context(), newMedium(room), Quotas{}); err != nil || !admitted {
				t.Errorf("admitted: %t, %v", admitted, err)
			}
		}
		go admit()
		synctest.Wait()
		for range admittedAtOnce + 5 {
			go admit()
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if took := rows.statements(); len(took) != 3 || took[0] != 1 || took[1]+took[2] != admittedAtOnce+5 || took[1] != admittedAtOnce {
			t.Errorf("the statements had %v after %s", took, time.Since(begun))
		}
	})
}

func TestWhoGoesAwayHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &slow{}
		a := newAdmission(rows)
		room := uuid.New()
		ended, end := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { // it writes, and goes on doing so
			if admitted, err := a.admit(ended, newMedium(room), Quotas{}); err != nil || !admitted {
				t.Errorf("who writes: %t, %v", admitted, err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if _, err := a.admit(ended, newMedium(room), Quotas{}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
				t.Errorf("who waits: %v", err)
			}
		})
		synctest.Wait()
		end()
		all.Wait()
		if _, err := a.admit(ended, newMedium(room), Quotas{}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("who comes when it has ended: %v", err)
		}
		if admitted, err := a.admit(t.Context(), newMedium(room), Quotas{}); err != nil || !admitted {
			t.Errorf("who comes later: %t, %v", admitted, err)
		}
		if took := rows.statements(); len(took) != 2 || took[1] != 1 {
			t.Errorf("the statements had %v", took)
		}
	})
}

func TestAsManyWaitAsMay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &slow{err: ErrUnavailable}
		a := newAdmission(rows)
		room := uuid.New()
		for range 1 + maxWaiting {
			go func() {
				if _, err := a.admit(t.Context(), newMedium(room), Quotas{}); !errors.Is(err, ErrUnavailable) || errors.Is(err, errCrowded) {
					t.Errorf("who waits: %v", err)
				}
			}()
			synctest.Wait() // so that the first one writes alone
		}
		if _, err := a.admit(t.Context(), newMedium(room), Quotas{}); !errors.Is(err, errCrowded) {
			t.Errorf("one too many: %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if took := rows.statements(); len(took) != 1+maxWaiting/admittedAtOnce {
			t.Errorf("the statements had %v", took)
		}
	})
}

func TestWhatBelongsTogetherOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &slow{}
		a := newAdmission(rows)
		room := uuid.New()
		same := newMedium(room)
		for _, c := range []struct {
			medium Media
			quotas Quotas
		}{{newMedium(room), Quotas{}}, {same, Quotas{}}, {same, Quotas{}}, {newMedium(room), Quotas{UserMedia: 1}}, {newMedium(room), Quotas{}}} {
			go func() {
				if admitted, err := a.admit(t.Context(), c.medium, c.quotas); err != nil || !admitted {
					t.Errorf("admitted: %t, %v", admitted, err)
				}
			}()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		sum := 0
		for _, n := range rows.statements() {
			sum += n
		}
		if took := rows.statements(); sum != 5 || len(took) != 4 || took[1] != 2 {
			t.Errorf("the statements had %v", took)
		}
	})
}

func TestWhatCannotBeAddedUpIsNotTried(t *testing.T) {
	t.Parallel()
	huge := newMedium(uuid.New())
	more := huge
	huge.Size, more.Size = 1<<62, 1<<62
	if adds := additions([]Media{huge, more}, Quotas{}); adds != nil {
		t.Errorf("they add %+v", adds)
	}
	if adds := additions([]Media{huge}, Quotas{UserBytes: 1}); len(adds) != 2 || adds[1].MostBytes >= 0 || adds[0].MostBytes < 0 {
		t.Errorf("it adds %+v", adds)
	}
}
