package bus

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
)

// remindEvery is how often it is logged that a partition waits.
const remindEvery = 30 * time.Second

// errPanicked marks the error of a handler that has panicked.
var errPanicked = errors.New("panic")

// handle handles a batch, in as many attempts as it takes, and stores its offsets. A batch that has a record at fault is handled one by one,
// and so is one that has failed for a while: what stands before the record that fails is done then. It reports false if the worker has to stop
// before all is handled.
func (w *worker) handle(batch []Record) bool {
	for attempt := 1; len(batch) > 1 && attempt <= w.consumer.cfg.Attempts; attempt++ {
		err := w.try(batch)
		if err == nil {
			w.handled(batch[len(batch)-1])
			return true
		}
		if w.stopped() {
			return false
		}
		if atFault(err) {
			break
		}
		w.consumer.metrics.retries.WithLabelValues(w.at.topic).Inc()
		if attempt == 1 {
			w.consumer.bus.tel.Log.WarnContext(w.ctx, "records cannot be handled; trying again", "group", w.consumer.cfg.Group, "topic", w.at.topic,
				"partition", w.at.partition, "offset", batch[0].Offset, "records", len(batch), "error", err.Error())
		}
		if !w.pause(attempt) {
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

// handleOne hands one record to the handler, again until it succeeds, however long that takes. Only a record that is rejected goes to the
// dead letters, or one whose handling panics again and again: a fault of the program. It reports false if the worker has to stop before that.
func (w *worker) handleOne(record Record) bool {
	log := w.consumer.bus.tel.Log.With("group", w.consumer.cfg.Group, "topic", record.Topic, "partition", record.Partition, "offset", record.Offset)
	defer w.consumer.metrics.waiting.set(w.at, 0)
	begun, panics := time.Now(), 0
	reminded := begun
	for attempt := 1; ; attempt++ {
		err := w.try([]Record{record})
		if err == nil {
			return true
		}
		if w.stopped() {
			return false
		}
		w.consumer.metrics.retries.WithLabelValues(record.Topic).Inc()
		w.consumer.metrics.waiting.set(w.at, time.Since(begun))
		if errors.Is(err, errPanicked) {
			panics++
		}
		if errors.Is(err, ErrRejected) || panics >= w.consumer.cfg.Attempts {
			return w.bury(record, err, attempt)
		}
		switch {
		case attempt == 1:
			log.WarnContext(w.ctx, "a record cannot be handled; trying again", "error", err.Error())
		case time.Since(reminded) >= remindEvery:
			reminded = time.Now()
			log.ErrorContext(w.ctx, "a record cannot be handled; its partition waits", "attempts", attempt, "since", begun, "error", err.Error())
		}
		if !w.pause(attempt) {
			return false
		}
	}
}

// waiting is for how long partitions have waited for a record that cannot be handled.
type waiting struct {
	group   string
	seconds *prometheus.GaugeVec // by group, topic and partition
}

func (b *Bus) newWaiting(group string) waiting {
	return waiting{group: group, seconds: telemetry.Register(b.tel.Metrics, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "ism_consumer_waiting_seconds", Help: "For how long an assigned partition has waited for a record that cannot be handled; the log says why.",
	}, []string{"group", "topic", "partition"}))}
}

func (w waiting) set(at topicPartition, waited time.Duration) {
	w.seconds.WithLabelValues(w.group, at.topic, partitionLabel(at.partition)).Set(waited.Seconds())
}

func (w waiting) end(at topicPartition) {
	w.seconds.DeleteLabelValues(w.group, at.topic, partitionLabel(at.partition))
}
