package bus

import (
	"context"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/servicetest"
)

// lags are what the metrics say of a group's lag, by partition of a topic.
func (w *world) lags(group, topic string) map[string]float64 {
	w.t.Helper()
	families, err := w.tel.Metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "ism_consumer_lag_records" {
			continue
		}
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if labels["group"] == group && labels["topic"] == topic {
				found[labels["partition"]] = metric.GetGauge().GetValue()
			}
		}
	}
	return found
}

func total(lags map[string]float64) (sum float64) {
	for _, records := range lags {
		sum += records
	}
	return sum
}

func TestLagIsWhatHasNotBeenHandled(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic, group := w.topic(2), w.group()
		release := make(chan struct{})
		consumer := run(t, w.consumer(ConsumerConfig{Group: group, Topics: []string{topic}, Handler: func(ctx context.Context, _ []Record) error {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return ctx.Err()
		}}))
		servicetest.Await(t, "nothing waits in either partition", func() bool {
			lags := w.lags(group, topic)
			return len(lags) == 2 && total(lags) == 0
		})
		w.write(w.producer(ProducerConfig{}), topic, 0, 10, oneKey)
		servicetest.Await(t, "ten records wait", func() bool { return total(w.lags(group, topic)) == 10 })
		close(release)
		servicetest.Await(t, "none waits", func() bool { return total(w.lags(group, topic)) == 0 })
		consumer.stop()
		if left := w.lags(group, topic); len(left) != 0 {
			t.Errorf("after the end there is %v", left)
		}
	})
}

func TestReadersHaveALag(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic := w.topic(2)
		reader, err := w.NewReader(ReaderConfig{
			Topics: []string{topic}, Since: time.UnixMilli(1), Handler: func(context.Context, []Record) error { return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		w.write(w.producer(ProducerConfig{}), topic, 0, 10, oneKey)
		running := run(t, reader)
		servicetest.Await(t, "both partitions are read to their ends", func() bool {
			lags := w.lags(readerGroup, topic)
			return len(lags) == 2 && total(lags) == 0
		})
		running.stop()
		if left := w.lags(readerGroup, topic); len(left) != 0 {
			t.Errorf("after the end there is %v", left)
		}
	})
}
