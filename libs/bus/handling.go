package bus

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/ism-chat/ism/libs/telemetry"
)

// remindEvery is how often it is logged that a partition waits.
const remindEvery = 30 * time.Second

var (
	errPanicked = errors.New("panic") // marks the error of a handler that has panicked
	errStopped  = errors.New("the worker has been stopped")
)

// handle handles a batch, in as many attempts as it takes, and stores its offsets. If there is a record at fault, it is handled one by one. It
// reports false if the worker has to stop before all is handled.
func (w *worker) handle(batch []Record) bool {
	if len(batch) > 1 {
		switch _, err := w.attempt(batch); {
		case err == nil:
			w.handled(batch[len(batch)-1])
			return true
		case !atFault(err):
			return false
		}
	}
	for _, record := range batch {
		if !w.handleOne(record) {
			return false
		}
		w.handled(record)
	}
	return true
}

// handleOne hands one record to the handler until it succeeds, or writes it to the dead letters if it is at fault. It reports false if the worker
// has to stop before that.
func (w *worker) handleOne(record Record) bool {
	panics := 0
	for attempts := 0; ; {
		n, err := w.attempt([]Record{record})
		attempts += n
		switch {
		case err == nil:
			return true
		case !atFault(err):
			return false
		case errors.Is(err, errPanicked):
			if panics++; panics < w.consumer.cfg.Attempts { // a fault of the program, which may depend on more than the record
				if !w.pause(panics) {
					return false
				}
				continue
			}
		}
		return w.bury(record, err, attempts)
	}
}

// attempt hands records to the handler, again until it succeeds, however long that takes, or there is a fault of a record or of the program. The
// error is that fault, or [errStopped] if the worker has to stop before.
func (w *worker) attempt(records []Record) (attempts int, err error) {
	defer w.consumer.metrics.waiting.set(w.at, 0)
	begun := time.Now()
	reminded := begun
	log := w.consumer.bus.tel.Log.With("group", w.consumer.cfg.Group, "topic", w.at.topic, "partition", w.at.partition,
		"offset", records[0].Offset, "records", len(records))
	for attempts = 1; ; attempts++ {
		err := w.try(records)
		if err == nil {
			return attempts, nil
		}
		if w.stopped() {
			return attempts, errStopped
		}
		w.consumer.metrics.retries.WithLabelValues(w.at.topic).Inc()
		w.consumer.metrics.waiting.set(w.at, time.Since(begun).Seconds())
		if atFault(err) {
			return attempts, err
		}
		switch {
		case attempts == 1:
			log.WarnContext(w.ctx, "a record cannot be handled; trying again", "error", err.Error())
		case time.Since(reminded) >= remindEvery:
			reminded = time.Now()
			log.ErrorContext(w.ctx, "a record cannot be handled; its partition waits", "attempts", attempts, "since", begun, "error", err.Error())
		}
		if !w.pause(attempts) {
			return attempts, errStopped
		}
	}
}

// atFault reports whether the error is a record's own, or the program's.
func atFault(err error) bool { return errors.Is(err, ErrRejected) || errors.Is(err, errPanicked) }

// try calls the handler, once.
func (w *worker) try(records []Record) error {
	observed := w.consumer.metrics.handled[w.at.topic].Begin()
	err := guard(func() error { return w.consumer.cfg.Handler(w.ctx, records) })
	observed(telemetry.Outcome(err))
	return err
}

// guard turns a panic into an error.
func guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanicked, p, debug.Stack())
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
