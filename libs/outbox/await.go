package outbox

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	awaitTimeout = time.Second
	// A look follows the one before after firstLook if that has found something, and else after twice as long as that did, up to lastLook.
	firstLook = 10 * time.Millisecond
	lastLook  = 100 * time.Millisecond
	mostAsked = 1000 // rows of one look
)

// Await waits until the row is in the log, but no longer than a second: then the row follows later.
//
// A row that this process relays ends the wait at once. While another process leads, the outbox is asked every 10 to 100 ms, by one of those
// who wait for all of them.
func (r *Relay) Await(ctx context.Context, row int64) {
	ctx, cancel := context.WithTimeout(ctx, awaitTimeout)
	defer cancel()
	relayed, leave := r.waiters.join(row)
	defer leave()
	if r.acknowledged.Contains(row) { // before it was waited for
		return
	}
	for {
		select {
		case <-relayed:
			return
		case <-ctx.Done():
			return
		case <-r.waiters.turn:
			r.look(ctx, relayed)
			r.waiters.turn <- struct{}{}
		}
	}
}

// look waits until it is time, and asks the outbox which of the rows that are waited for have gone. It is for whoever has the turn.
func (r *Relay) look(ctx context.Context, relayed <-chan struct{}) {
	w := r.waiters
	select {
	case <-relayed:
		return
	case <-ctx.Done():
		return
	case <-time.After(time.Until(w.looked.Add(w.pause))):
	}
	idle := time.Since(w.looked) > 2*lastLook
	gone := r.findGone(ctx)
	w.looked = time.Now()
	if gone || idle {
		w.pause = firstLook
	} else {
		w.pause = min(2*w.pause, lastLook)
	}
}

// findGone wakes those whose rows are no longer in the outbox, and reports whether there were any. While this process leads its own relay
// wakes them.
func (r *Relay) findGone(ctx context.Context) bool {
	if r.leads.Load() {
		return false
	}
	asked := r.waiters.some(mostAsked)
	pending, err := r.outbox.Pending(ctx, asked)
	if err != nil {
		return false // whoever waits waits on
	}
	gone := slices.DeleteFunc(asked, func(row int64) bool { return slices.Contains(pending, row) })
	r.waiters.wake(gone)
	return len(gone) > 0
}

// waiters are the requests that wait for their rows.
type waiters struct {
	turn   chan struct{} // holds a token while nobody has the turn to look
	looked time.Time     // when it was last looked; with pause it is for whoever has the turn
	pause  time.Duration // until the next look

	mu   sync.Mutex
	rows map[int64]chan struct{} // one request waits for one row
}

func newWaiters() *waiters {
	turn := make(chan struct{}, 1)
	turn <- struct{}{}
	return &waiters{turn: turn, rows: map[int64]chan struct{}{}}
}

func (w *waiters) join(row int64) (relayed <-chan struct{}, leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	signal := make(chan struct{})
	w.rows[row] = signal
	return signal, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.rows, row)
	}
}

// some gives rows that are waited for, at most so many.
func (w *waiters) some(most int) []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	rows := make([]int64, 0, min(most, len(w.rows)))
	for row := range w.rows { // in no order, so that in time each is among them
		if len(rows) == most {
			break
		}
		rows = append(rows, row)
	}
	return rows
}

func (w *waiters) wake(rows []int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, row := range rows {
		if signal, ok := w.rows[row]; ok {
			close(signal)
			delete(w.rows, row)
		}
	}
}
