package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/ism-chat/ism/libs/telemetry"
)

const (
	// A partition is paused when its worker's queue has queueBatches batches, but no fewer than minQueue records, or maxQueueBytes.
	queueBatches  = 4
	minQueue      = 256 // half of it has to do until a partition that is resumed is fetched, see groupLongPoll
	maxQueueBytes = 4 << 20

	remindEvery  = 30 * time.Second // how often it is logged that a partition waits
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 5 * time.Second
	probeTimeout = 3 * time.Second
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

// handle handles a batch, in as many attempts as it takes, and stores its offsets. It reports false if the worker has to stop before that.
func (w *worker) handle(batch []Record) bool {
	if len(batch) > 1 && w.try(batch) == nil {
		w.handled(batch[len(batch)-1])
		return true
	}
	for _, record := range batch {
		if !w.handleOne(record) {
			return false
		}
		w.handled(record)
	}
	return true
}

// try calls the handler, once.
func (w *worker) try(records []Record) error {
	observed := w.consumer.metrics.handled[w.at.topic].Begin()
	err := guard(func() error { return w.consumer.cfg.Handler(w.ctx, records) })
	observed(telemetry.Outcome(err))
	return err
}

// probe asks whether what the handler depends on works.
func (w *worker) probe() error {
	ctx, cancel := context.WithTimeout(w.ctx, probeTimeout)
	defer cancel()
	return guard(func() error { return w.consumer.cfg.Probe(ctx) })
}

// guard turns a panic into an error.
func guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

// handled stores the offset behind a record, to be committed.
func (w *worker) handled(record Record) {
	w.next.Store(record.Offset + 1)
	behind := w.at.kafka()
	behind.Offset = kafka.Offset(record.Offset + 1)
	if _, err := w.member.kafka.StoreOffsets([]kafka.TopicPartition{behind}); err != nil {
		// The partition has been revoked meanwhile: its next owner handles the record again.
		w.consumer.bus.tel.Log.Info("an offset cannot be stored", "topic", w.at.topic, "partition", w.at.partition, "error", err.Error())
	}
}

// handleOne hands one record to the handler, again until it succeeds, or writes it to the dead letters if the fault is the record's.
// It reports false if the worker has to stop before either.
func (w *worker) handleOne(record Record) bool {
	log := w.consumer.bus.tel.Log.With("group", w.consumer.cfg.Group, "topic", record.Topic, "partition", record.Partition, "offset", record.Offset)
	recordFaults := 0 // attempts in a row that failed while the probe succeeded: the fault was the record's
	var reminded time.Time
	for attempt := 1; ; attempt++ {
		err := w.try([]Record{record})
		if err == nil {
			return true
		}
		if w.stopped() {
			return false
		}
		w.consumer.metrics.retries.WithLabelValues(record.Topic).Inc()
		if errors.Is(err, ErrRejected) {
			return w.bury(record, err, attempt)
		}
		if attempt == 1 {
			log.WarnContext(w.ctx, "a record cannot be handled; trying again", "error", err.Error())
		}
		recordFaults++
		if down := w.probe(); down != nil {
			recordFaults = 0
			if time.Since(reminded) >= remindEvery {
				reminded = time.Now()
				log.ErrorContext(w.ctx, "a record cannot be handled because what that needs is down; its partition waits",
					"attempts", attempt, "error", err.Error(), "down", down.Error())
			}
		}
		if recordFaults >= w.consumer.cfg.Attempts {
			return w.bury(record, err, attempt)
		}
		if !w.pause(attempt) {
			return false
		}
	}
}

// retry calls do until it succeeds. It reports false if the worker has to stop before that.
func (w *worker) retry(what string, do func() error) bool {
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil {
			return true
		}
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
