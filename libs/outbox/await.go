package outbox

import (
	"context"
	"sync"
	"time"
)

const (
	awaitTimeout = time.Second
	firstLook    = 10 * time.Millisecond
	lastLook     = 100 * time.Millisecond
)

// Await waits until the row is in the log, but no longer than a second: then the row follows later. A row that this process relays ends the
// wait at once; for one that another process relays the outbox is asked every 10 to 100 ms.
func (r *Relay) Await(ctx context.Context, row int64) {
	ctx, cancel := context.WithTimeout(ctx, awaitTimeout)
	defer cancel()
	relayed, leave := r.waiters.join(row)
	defer leave()
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		if pending, err := r.outbox.Pending(ctx, row); err == nil && !pending {
			return
		}
		select {
		case <-relayed:
			return
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// waiters are the requests that wait for their rows.
type waiters struct {
	mu   sync.Mutex
	rows map[int64]chan struct{} // one request waits for one row
}

func (w *waiters) join(row int64) (relayed <-chan struct{}, leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rows == nil {
		w.rows = map[int64]chan struct{}{}
	}
	signal := make(chan struct{})
	w.rows[row] = signal
	return signal, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.rows, row)
	}
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
