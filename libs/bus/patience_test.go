package bus

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// A group with patience takes what was written one by one together, and loses nothing of it.
func TestPatientGroupTakesRecordsTogether(t *testing.T) {
	t.Parallel()
	onBothBrokers(t, func(t *testing.T, w *world) {
		const total = 30
		topic, producer := w.topic(1), w.producer(ProducerConfig{})
		var handled ledger
		var calls atomic.Int64
		run(t, w.consumer(ConsumerConfig{
			Group: w.group(), Topics: []string{topic}, MaxBatch: total, Patience: 2 * time.Second,
			Handler: func(_ context.Context, records []Record) error {
				calls.Add(1)
				handled.add(records...)
				return nil
			},
		}))
		w.write(producer, topic, 0, 1, oneKey)
		eventually(t, "the group works", func() bool { return handled.distinct() == 1 })
		calls.Store(0)
		for i := range total {
			w.write(producer, topic, 1+i, 2+i, oneKey) // returns when it is acknowledged
		}
		eventually(t, "all are handled", func() bool { return handled.distinct() == 1+total })
		expectOrder(t, handled.records(), 1+total)
		if calls.Load() > total/3 { // two, unless the machine was very busy
			t.Errorf("%d records were handled in %d calls", total, calls.Load())
		}
	})
}
