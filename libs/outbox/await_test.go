package outbox_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/servicetest"
)

func TestAwaitEndsWhenTheRowIsInTheLog(t *testing.T) {
	s, log := onSQLite(t), &journal{}
	r := newRelay(t, s)
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
	run(t, newRelay(t, s), log)
	follower := newRelay(t, s)
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
	r := newRelay(t, s)
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

// asked is an outbox that counts how often it is asked for rows, and how often at once.
type asked struct {
	outbox.Outbox
	times, now, most atomic.Int64
	hangs            chan struct{} // if set, it answers nobody until that is closed
}

func (a *asked) Pending(ctx context.Context, rows []int64) ([]int64, error) {
	a.times.Add(1)
	if now := a.now.Add(1); now > a.most.Load() {
		a.most.Store(now)
	}
	defer a.now.Add(-1)
	if a.hangs != nil {
		select {
		case <-a.hangs:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return a.Outbox.Pending(ctx, rows)
}

// TestManyWhoWaitAskTogether lets 100 requests wait while nothing is relayed, in a process that does not lead.
func TestManyWhoWaitAskTogether(t *testing.T) {
	for name, hangs := range map[string]chan struct{}{"the log is down": nil, "the database hangs": make(chan struct{})} {
		t.Run(name, func(t *testing.T) {
			s := onSQLite(t)
			counted := &asked{Outbox: s, hangs: hangs}
			r := newRelay(t, counted)
			_, rows := appendRows(t, s, 100)
			began := time.Now()
			var waiting sync.WaitGroup
			for _, row := range rows {
				waiting.Go(func() { r.Await(t.Context(), row) })
			}
			waiting.Wait()
			took := time.Since(began)
			// Looks are 10, 20, 40, 80 and then 100 ms apart, on a busy machine more.
			if times, most := counted.times.Load(), 6+int64(took/outbox.LastLook); times == 0 || times > most || counted.most.Load() != 1 {
				t.Errorf("in %s the outbox is asked %d times, %d at once; want one at once and at most %d", took, times, counted.most.Load(), most)
			}
			if left := r.Waiting(); left != 0 {
				t.Errorf("%d rows are still waited for", left)
			}
		})
	}
}

// TestAllWhoWaitAreToldByOneLook lets 100 requests wait for rows that another process then relays.
func TestAllWhoWaitAreToldByOneLook(t *testing.T) {
	s := onSQLite(t)
	counted := &asked{Outbox: s, hangs: make(chan struct{})}
	r := newRelay(t, counted)
	_, rows := appendRows(t, s, 100)
	var waiting sync.WaitGroup
	for _, row := range rows {
		waiting.Go(func() { r.Await(t.Context(), row) })
	}
	servicetest.Await(t, "all waiting", func() bool { return r.Waiting() == len(rows) || r.Waiting() == 0 })
	run(t, newRelay(t, s), &journal{})
	awaitGone(t, s, rows...)
	close(counted.hangs)
	waiting.Wait()
	if most := counted.most.Load(); most != 1 {
		t.Errorf("the outbox is asked %d times at once", most)
	}
}

// TestWhoLeadsDoesNotAsk lets requests wait in the process whose own relay brings their rows to the log.
func TestWhoLeadsDoesNotAsk(t *testing.T) {
	s := onSQLite(t)
	counted := &asked{Outbox: s}
	r := newRelay(t, counted)
	run(t, r, &journal{})
	servicetest.Await(t, "the lead", r.Leads)
	for range 20 {
		_, rows := appendRows(t, s, 1)
		r.Await(t.Context(), rows[0])
	}
	if times := counted.times.Load(); times != 0 {
		t.Errorf("the outbox is asked %d times", times)
	}
}

// TestARowThatWasRelayedBeforeItIsWaitedForIsNotWaitedFor has a row in the log before its request begins to wait.
func TestARowThatWasRelayedBeforeItIsWaitedForIsNotWaitedFor(t *testing.T) {
	s := onSQLite(t)
	r := newRelay(t, s)
	run(t, r, &journal{})
	quickest := outbox.AwaitTimeout // the machine may be busy now and then
	for range 10 {
		_, rows := appendRows(t, s, 1)
		awaitGone(t, s, rows...)
		began := time.Now()
		r.Await(t.Context(), rows[0])
		quickest = min(quickest, time.Since(began))
	}
	if quickest >= outbox.AwaitTimeout {
		t.Error("it always took until it gave up")
	}
}
