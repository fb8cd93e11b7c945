package bus

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

// A partition that waits for long says so now and then, not with each attempt, and is done once what it needs is back.
func TestWaitingPartitionIsLoggedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const outage = 2 * time.Minute
		log := &servicetest.Log{}
		b := New(Config{Brokers: []string{"127.0.0.1:1"}, Replication: 1}, telemetry.Discard(slog.New(slog.NewTextHandler(log, nil))))
		begun, tried := time.Now(), 0
		down := func() error {
			if time.Since(begun) < outage {
				return errors.New("connection refused")
			}
			return nil
		}
		c, err := b.NewConsumer(ConsumerConfig{
			Group: "g", Topics: []string{"t"},
			Handler: func(context.Context, []Record) error { tried++; return down() },
		})
		if err != nil {
			t.Fatal(err)
		}
		w := &worker{consumer: c, at: topicPartition{topic: "t"}, ctx: t.Context(), stopping: make(chan struct{})}
		if !w.handleOne(Record{Topic: "t"}) {
			t.Error("the record has not been handled")
		}
		if said := strings.Count(log.String(), "its partition waits"); said != int(outage/remindEvery)-1 || tried < 5*said {
			t.Errorf("said %d times in %d attempts over %s", said, tried, outage)
		}
	})
}

// A partition also waits, and is seen to wait, while the dead letter of its record cannot be written.
func TestPartitionIsSeenToWaitForADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Brokers: []string{"127.0.0.1:1"}, Replication: 1}, telemetry.Discard(nil))
		c, err := b.NewConsumer(ConsumerConfig{Group: "g", Topics: []string{"t"}, Handler: func(context.Context, []Record) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		w := &worker{consumer: c, at: topicPartition{topic: "t"}, ctx: t.Context(), stopping: make(chan struct{})}
		waiting := func() float64 { return testutil.ToFloat64(c.metrics.waiting.values.WithLabelValues("g", "t", "0")) }
		const takes = 10 * time.Second // until the producer gives up
		attempts := 0
		written := w.retry("write a dead letter", func() error {
			if least := time.Duration(attempts) * takes; waiting() < least.Seconds() {
				t.Errorf("after %s it is seen to wait for %v seconds", least, waiting())
			}
			if attempts++; attempts == 3 {
				return nil
			}
			time.Sleep(takes)
			return errors.New("not enough replicas")
		})
		if !written || waiting() != 0 {
			t.Errorf("written: %t; it is seen to wait for %v seconds afterwards", written, waiting())
		}
	})
}

// A queue's metrics are there while its worker is.
func TestQueueIsReported(t *testing.T) {
	t.Parallel()
	b := New(Config{Brokers: []string{"127.0.0.1:1"}, Replication: 1}, telemetry.Discard(nil))
	w := &worker{
		consumer: &Consumer{bus: b, cfg: ConsumerConfig{Group: "g", MaxBatch: 1}}, at: topicPartition{topic: "t", partition: 3},
		limit: 10, filled: make(chan struct{}, 1),
	}
	end := w.report()
	w.offer(Record{})
	want := "# HELP ism_saturation_used How much of something bounded is in use.\n# TYPE ism_saturation_used gauge\n" +
		"ism_saturation_used{name=\"g t 3\",resource=\"consumer_queue\"} 1\n"
	if err := testutil.GatherAndCompare(b.tel.Metrics, strings.NewReader(want), "ism_saturation_used"); err != nil {
		t.Error(err)
	}
	end()
	if n, err := testutil.GatherAndCount(b.tel.Metrics, "ism_saturation_used"); n != 0 || err != nil {
		t.Errorf("%d queues after the end, %v", n, err)
	}
}
