package outbox

import (
	"context"
	"sync"
	"time"
)

const (
	patience  = time.Second
	firstLook = 10 * time.Millisecond
	lastLook  = 100 * time.Millisecond
)

// Await waits until the row is in the log, but no longer than a second: then it follows later. The relay of this process
// says so at once; if that of another one has the lead, looking shows it.
func (r *Relay) Await(ctx context.Context, row int64) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	relayed, leave := r.waiting.join(row)
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

// waiting are the requests that wait for their rows.
type waiting struct {
	mu   sync.Mutex
	rows map[int64]chan struct{} // one request changes one row
}

func (w *waiting) join(row int64) (relayed <-chan struct{}, leave func()) {
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

func (w *waiting) wake(rows []int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, row := range rows {
		if signal, ok := w.rows[row]; ok {
			close(signal)
			delete(w.rows, row)
		}
	}
}
