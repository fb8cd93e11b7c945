package bus

import (
	"context"
	"errors"
	"testing"
	"time"
)

// stopLimit is how long a consumer may take to stop without a broker: to leave its group and to give up its dead letters, on a machine that is busy.
const stopLimit = leaveTimeout + drainTimeout + 20*time.Second

func TestNothingIsWrittenForACallerThatHasGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startBroker(t).addresses())
	topic, producer := w.topic(1), w.producer(ProducerConfig{})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	record := Record{Topic: topic, Key: "key", Partition: PartitionAny}
	for range 20 {
		if _, err := producer.Produce(gone, record); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Fatalf("for a caller that has gone: %v", err)
		}
	}
	if receipt, err := producer.Produce(within(t, timeout), record); err != nil || receipt.Offset != 0 {
		t.Errorf("the first record stands at %d: %v", receipt.Offset, err)
	}
}

// A member stops in bounded time while the brokers are away, however far a commit has got, and ends once they are back.
func TestConsumerStopsWhileTheBrokersAreAway(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]time.Duration{
		"just now": 0, "during a commit": 700 * time.Millisecond, "for a while": 3 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := startBroker(t)
			w := newWorld(t, broker.addresses())
			topic := w.topic(1)
			w.write(w.producer(ProducerConfig{}), topic, 0, 6, oneKey)
			entered, proceed := make(chan struct{}), make(chan struct{})
			consumer := w.consumer(ConsumerConfig{
				Group: w.group(), Topics: []string{topic},
				Handler: func(_ context.Context, records []Record) error {
					if valueOf(records[0]) == 5 {
						close(entered)
						<-proceed
					}
					return nil
				},
			})
			running := run(t, consumer)
			receive(t, "the last record", entered)
			broker.stop()
			close(proceed) // there is something to commit now
			<-time.After(outage)
			begun := time.Now()
			running.stop()
			if took := time.Since(begun); took > stopLimit {
				t.Errorf("stopping took %s", took)
			}
			broker.start()
			awaitClosed(t, consumer)
		})
	}
}
