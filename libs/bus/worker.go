package bus

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// A partition is paused when its worker's queue has queueBatches batches, but no fewer than minQueue records, or maxQueueBytes.
	queueBatches  = 4
	minQueue      = 256 // half of it has to do until a partition that is resumed is fetched, see groupLongPoll
	maxQueueBytes = 4 << 20

	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// worker handles the records of one assigned partition, one batch after the other.
type worker struct {
	consumer *Consumer
	at       topicPartition
	ctx      context.Context // of its handler
	cancel   context.CancelFunc
	stopping chan struct{}
	done     chan struct{}
	next     atomic.Int64 // offset of the next record to be handled, -1 before the first has come
	member   *member

	mu      sync.Mutex
	offered int64  // offset behind the last record that has been queued, -1 before the first
	arrived int64  // the same, or where the log has been found to end
	signs   uint64 // see progress
	queue   []Record
	bytes   int           // of the values in queue
	full    bool          // the partition is paused, or about to be
	filled  chan struct{} // holds a token while there may be records in the queue
	limit   int
}

func (m *member) startWorker(at topicPartition) *worker {
	c := m.consumer
	ctx, cancel := context.WithCancel(c.work)
	w := &worker{
		consumer: c, member: m, at: at, ctx: ctx, cancel: cancel, offered: -1, arrived: -1,
		stopping: make(chan struct{}), done: make(chan struct{}), filled: make(chan struct{}, 1),
		limit: max(queueBatches*c.cfg.MaxBatch, minQueue),
	}
	w.next.Store(-1)
	if c.started != nil {
		c.started(w)
	}
	go w.run()
	return w
}

// offer queues a record. It reports false when this record has filled the queue: the partition is to be paused. Records that the
// client has fetched before the pause are queued as well; their number is bounded by the client's own queue.
func (w *worker) offer(record Record) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, record)
	w.bytes += len(record.Value)
	w.next.CompareAndSwap(-1, record.Offset)
	w.offered = record.Offset + 1
	w.arrived = w.offered
	w.signs++
	select {
	case w.filled <- struct{}{}:
	default:
	}
	if !w.full && (len(w.queue) >= w.limit || w.bytes >= maxQueueBytes) {
		w.full = true
		return false
	}
	return true
}

// reachedEnd notes where the log ends. That may lie behind the last record: transactions end with a mark that nobody is given.
func (w *worker) reachedEnd(offset int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrived = offset
	w.signs++
}

func (w *worker) progress() progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	handled := w.next.Load()
	if handled == w.offered {
		handled = w.arrived
	}
	return progress{arrived: w.arrived, handled: handled, signs: w.signs, waits: w.full || len(w.queue) > 0}
}

// drained reports, once, that a queue that was full is half empty.
func (w *worker) drained() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.full || len(w.queue) > w.limit/2 || w.bytes > maxQueueBytes/2 {
		return false
	}
	w.full = false
	return true
}

// paused reports whether the partition has been paused and not resumed.
func (w *worker) paused() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.full
}

// take gives the next batch, or nil if there is none yet.
func (w *worker) take() []Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), w.consumer.cfg.MaxBatch)
	if n == 0 {
		return nil
	}
	batch := append([]Record(nil), w.queue[:n]...)
	w.queue = w.queue[n:]
	for _, record := range batch {
		w.bytes -= len(record.Value)
	}
	if len(w.queue) == 0 {
		w.queue = nil // its memory with it
	}
	return batch
}

// stop asks the worker to end after the batch that it is at.
func (w *worker) stop() { close(w.stopping) }

func (w *worker) stopped() bool {
	select {
	case <-w.stopping:
		return true
	default:
		return w.ctx.Err() != nil
	}
}

func (w *worker) run() {
	defer close(w.done)
	defer w.cancel()
	defer w.report()()
	w.consumer.metrics.waiting.set(w.at, 0)
	defer w.consumer.metrics.waiting.end(w.at)
	if w.consumer.cfg.Assigned != nil {
		assigned := func() error { return w.consumer.cfg.Assigned(w.ctx, w.at.topic, w.at.partition) }
		if !w.retry("prepare the partition", func() error { return guard(assigned) }) {
			return
		}
	}
	for {
		batch := w.take()
		if batch == nil {
			select {
			case <-w.filled:
				continue
			case <-w.stopping:
				return
			case <-w.ctx.Done():
				return
			}
		}
		if !w.handle(batch) || w.stopped() {
			return
		}
	}
}

// report has metrics show how full the queue is, until the function that it returns is called.
func (w *worker) report() (end func()) {
	name := w.consumer.cfg.Group + " " + w.at.topic + " " + partitionLabel(w.at.partition)
	return w.consumer.bus.tel.Saturation("consumer_queue", name, func() (used, limit float64) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return float64(len(w.queue)), float64(w.limit)
	})
}

// retry calls do until it succeeds, and the partition is seen to wait meanwhile. It reports false if the worker has to stop before that.
func (w *worker) retry(what string, do func() error) bool {
	begun := time.Now()
	defer w.consumer.metrics.waiting.set(w.at, 0)
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil {
			return true
		}
		w.consumer.metrics.waiting.set(w.at, time.Since(begun).Seconds())
		if attempt == 1 || attempt%defaultAttempts == 0 {
			level := slog.LevelError
			if attempt == 1 {
				level = slog.LevelWarn // an engine that was slow once calls nobody
			}
			w.consumer.bus.tel.Log.Log(w.ctx, level, "cannot "+what+"; trying again", "group", w.consumer.cfg.Group,
				"topic", w.at.topic, "partition", w.at.partition, "error", err.Error())
		}
		if !w.pause(attempt) {
			return false
		}
	}
}

// pause waits longer with each attempt, jittered. It reports false if the worker has to stop.
func (w *worker) pause(attempt int) bool {
	backoff := min(firstBackoff<<min(attempt-1, 10), maxBackoff)
	timer := time.NewTimer(backoff/2 + rand.N(backoff/2)) //nolint:gosec // spreading load takes no secrets
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-w.stopping:
		return false
	case <-w.ctx.Done():
		return false
	}
}

func partitionLabel(partition int32) string { return strconv.Itoa(int(partition)) }
