package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
)

// expectOrder checks that each partition's records have been handled from the first on, none left out. A record may have
// been handled again, with what follows it.
func expectOrder(t *testing.T, handled []Record, total int) {
	t.Helper()
	next := map[int32]int64{}
	for _, record := range handled {
		if record.Offset > next[record.Partition] {
			t.Fatalf("partition %d: offset %d has been handled before %d", record.Partition, record.Offset, next[record.Partition])
		}
		next[record.Partition] = max(next[record.Partition], record.Offset+1)
	}
	sum := int64(0)
	for _, end := range next {
		sum += end
	}
	if sum != int64(total) {
		t.Errorf("%d records of %d have been handled", sum, total)
	}
}

// deadLetters are the dead letters of a topic's records.
func (w *world) deadLetters(topic string) []Record {
	w.t.Helper()
	var found []Record
	for _, records := range w.read(events.TopicDeadLetters) {
		for _, record := range records {
			if record.Headers[headerTopic] == topic {
				found = append(found, record)
			}
		}
	}
	return found
}

// Members come and go, one without having committed what it got: every record is handled, in its partition's order. On Kafka alone:
// the one process has one member in each group, and its broker makes members that come and go at once wait for up to a minute.
func TestNothingIsLostAcrossRebalances(t *testing.T) {
	onKafka(t, func(t *testing.T, w *world) {
		const partitions, total, phase = 6, 3000, 1000
		topic, group := w.topic(partitions), w.group()
		producer := w.producer(ProducerConfig{})
		var handled ledger
		cfg := ConsumerConfig{
			Group: group, Topics: []string{topic}, MaxBatch: 10,
			Handler: func(_ context.Context, records []Record) error {
				handled.add(records...)
				return nil
			},
		}
		first := run(t, w.consumer(cfg))
		w.write(producer, topic, 0, phase, strconv.Itoa)
		servicetest.Await(t, "the first member works", func() bool { return handled.distinct() > 0 })

		second := w.consumer(cfg)
		secondRuns := run(t, second)
		servicetest.Await(t, "the second member has partitions", func() bool {
			return strings.Count(w.log.String(), "partitions revoked") > 0
		})
		w.write(producer, topic, phase, 2*phase, strconv.Itoa)

		deserter := w.deserter(group, topic)
		secondRuns.stop()
		w.write(producer, topic, 2*phase, total, strconv.Itoa)
		servicetest.Await(t, "the deserter has got records", deserter.poll)
		deserter.leave()
		servicetest.Await(t, "all is handled", func() bool { return handled.distinct() == total })
		first.stop()
		expectOrder(t, handled.records(), total)
	})
}

// deserter is a member that takes records and leaves without committing them.
type deserter struct {
	t        *testing.T
	consumer *kafka.Consumer
}

func (w *world) deserter(group, topic string) *deserter {
	w.t.Helper()
	consumer, err := kafka.NewConsumer(w.clientConfig(kafka.ConfigMap{
		"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": false,
		"partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
	}))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := consumer.Subscribe(topic, nil); err != nil {
		w.t.Fatal(err)
	}
	return &deserter{w.t, consumer}
}

func (d *deserter) poll() bool {
	_, got := d.consumer.Poll(10).(*kafka.Message)
	return got
}

func (d *deserter) leave() {
	d.t.Helper()
	if err := d.consumer.Close(); err != nil {
		d.t.Fatal(err)
	}
}

// A member that is stopped in the middle of a batch commits what it has handled of it, and no more.
func TestOnlyHandledRecordsAreCommitted(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		const total, stuck = 20, 7
		topic, group := w.topic(1), w.group()
		w.write(w.producer(ProducerConfig{}), topic, 0, total, oneKey)
		var handled ledger
		reached := make(chan struct{})
		interrupted := w.consumer(ConsumerConfig{
			Group: group, Topics: []string{topic}, MaxBatch: 10,
			Handler: func(ctx context.Context, records []Record) error {
				if len(records) > 1 {
					return fmt.Errorf("%w: one by one, please", ErrRejected)
				}
				if valueOf(records[0]) == stuck {
					close(reached)
					<-ctx.Done()
					return ctx.Err()
				}
				handled.add(records...)
				return nil
			},
		})
		interrupted.drain = 200 * time.Millisecond
		running := run(t, interrupted)
		receive(t, "the record in the middle", reached)
		running.stop()

		var again ledger
		consumer := run(t, w.consumer(ConsumerConfig{
			Group: group, Topics: []string{topic}, MaxBatch: 10,
			Handler: func(_ context.Context, records []Record) error {
				again.add(records...)
				return nil
			},
		}))
		servicetest.Await(t, "the rest is handled", func() bool { return len(again.records()) >= total-stuck })
		consumer.stop()
		if got := fmt.Sprint(handled.values()); got != "[0 1 2 3 4 5 6]" {
			t.Errorf("first: %s", got)
		}
		if got := again.values(); len(got) != total-stuck || got[0] != stuck {
			t.Errorf("then: %v", got)
		}
		if letters := w.deadLetters(topic); len(letters) > 0 {
			t.Errorf("dead letters: %v", letters)
		}
	})
}

func TestRejectedRecordsGoToTheDeadLetters(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		const total = 12
		topic, group := w.topic(1), w.group()
		producer := w.producer(ProducerConfig{})
		w.write(producer, topic, 0, total-1, oneKey)
		// As large as a record may be: with the headers of a dead letter it is larger still.
		large := Record{
			Topic: topic, Key: "large", Value: make([]byte, 998_000), Partition: PartitionAny, Headers: map[string]string{"kept": "yes"},
		}
		if _, err := producer.Produce(within(t, timeout), large); err != nil {
			t.Fatal(err)
		}
		var handled ledger
		var tried atomic.Int32
		consumer := run(t, w.consumer(ConsumerConfig{
			Group: group, Topics: []string{topic}, MaxBatch: 5, Attempts: 2,
			Handler: func(_ context.Context, records []Record) error {
				for _, record := range records {
					switch {
					case record.Key == "large":
						return fmt.Errorf("%w: %s", ErrRejected, strings.Repeat("ö", maxReason))
					case valueOf(record) == 3:
						return fmt.Errorf("%w: of no use", ErrRejected)
					case valueOf(record) == 6:
						panic("cannot be handled")
					case valueOf(record) == 9:
						if tried.Add(1) < 8 { // more than it has attempts
							return errors.New("it fails for another reason")
						}
					}
				}
				handled.add(records...) // one by one behind a batch that failed, else as they were fetched
				return nil
			},
		}))
		servicetest.Await(t, "all is handled or buried", func() bool {
			return len(handled.records()) == 9 && strings.Count(w.log.String(), "went to the dead letters") == 3
		})
		consumer.stop()
		if got := fmt.Sprint(handled.values()); got != "[0 1 2 4 5 7 8 9 10]" {
			t.Errorf("handled: %s", got)
		}
		letters := w.deadLetters(topic)
		if len(letters) != 3 {
			t.Fatalf("%d dead letters", len(letters))
		}
		for i, want := range []struct {
			offset, attempts, reason string
		}{
			{"3", "1", "of no use"},
			{"6", "2", "panic: cannot be handled"},
			{"11", "1", "öööö"},
		} {
			got := letters[i].Headers
			if got[headerOffset] != want.offset || got[headerAttempts] != want.attempts || !strings.Contains(got[headerReason], want.reason) ||
				got[headerTopic] != topic || got[headerPartition] != "0" || got[headerGroup] != group {
				t.Errorf("dead letter %d: %v", i, got)
			}
			if at, err := time.Parse(time.RFC3339, got[headerFailedAt]); err != nil || wire.At(at).String() != got[headerFailedAt] {
				t.Errorf("it failed at %q, %v", got[headerFailedAt], err)
			}
		}
		if string(letters[0].Value) != "3" || letters[0].Key != "key" {
			t.Errorf("the letter is not the record: %q %q", letters[0].Key, letters[0].Value)
		}
		if last := letters[2]; len(last.Value) != len(large.Value) || last.Headers["kept"] != "yes" {
			t.Errorf("the large one has %d bytes, headers %v", len(last.Value), last.Headers)
		}
		if got := testutil.ToFloat64(w.consumer(ConsumerConfig{Group: group, Topics: []string{topic}, Handler: func(context.Context, []Record) error { return nil }}).metrics.deadLetters.WithLabelValues(topic)); got != 3 {
			t.Errorf("%v dead letters counted", got)
		}
	})
}

// Whatever a handler fails with, the partition waits until it succeeds: nothing is given up that is not rejected.
func TestPartitionWaitsForItsDependencies(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		const total = 30
		topic := w.topic(2)
		w.write(w.producer(ProducerConfig{}), topic, 0, total, strconv.Itoa)
		var handled ledger
		var failed [2]atomic.Int32
		consumer := run(t, w.consumer(ConsumerConfig{
			Group: w.group(), Topics: []string{topic}, MaxBatch: 5, Attempts: 2,
			Handler: func(_ context.Context, records []Record) error {
				if failed[records[0].Partition].Add(1) < 8 { // far more than it has attempts
					return errors.New("the table is read-only")
				}
				handled.add(records...)
				return nil
			},
		}))
		servicetest.Await(t, "all is handled", func() bool { return handled.distinct() == total })
		consumer.stop()
		expectOrder(t, handled.records(), total)
		if letters := w.deadLetters(topic); len(letters) > 0 {
			t.Errorf("dead letters: %v", letters)
		}
		if n, err := testutil.GatherAndCount(w.tel.Metrics, "ism_consumer_waiting_seconds"); n != 0 || err != nil {
			t.Errorf("%d partitions wait at the end, %v", n, err)
		}
	})
}

// A member that is told to stop finishes its batch and commits it. Neither it nor a retry without end holds up the stop.
func TestShutdownDrainsAndCommits(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		const total, batch = 40, 10
		topic, group := w.topic(1), w.group()
		w.write(w.producer(ProducerConfig{}), topic, 0, total, oneKey)
		entered, proceed := make(chan struct{}, total), make(chan struct{})
		var handled ledger
		workers := make(chan *worker, 3)
		member := func(handler Handler) *running {
			c := w.consumer(ConsumerConfig{Group: group, Topics: []string{topic}, MaxBatch: batch, Handler: handler})
			c.started = func(started *worker) { workers <- started }
			return run(t, c)
		}
		first := member(func(ctx context.Context, records []Record) error {
			entered <- struct{}{}
			<-proceed
			if ctx.Err() == nil {
				handled.add(records...)
			}
			return ctx.Err()
		})
		receive(t, "a batch under way", entered)
		first.cancel()
		servicetest.Await(t, "the worker is told to stop", receive(t, "a worker", workers).stopped)
		close(proceed)
		first.stop()
		done := len(handled.records())
		if done == 0 || done > batch {
			t.Errorf("%d records were handled after the stop", done)
		}

		second := member(func(context.Context, []Record) error {
			entered <- struct{}{}
			return errors.New("no")
		})
		receive(t, "the retries", entered)
		begun := time.Now()
		second.stop()
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("stopping took %s", took)
		}

		third := member(func(_ context.Context, records []Record) error {
			handled.add(records...)
			return nil
		})
		servicetest.Await(t, "the rest is handled", func() bool { return handled.distinct() == total })
		third.stop()
		if got := handled.values(); len(got) != total {
			t.Errorf("handled %v", got)
		}
	})
}

// A slow handler costs no memory: its partition is fetched no more until it has caught up, and then goes on without a loss or
// a repetition.
func TestBackpressure(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		const total = 2000
		topic, group := w.topic(2), w.group()
		w.write(w.producer(ProducerConfig{}), topic, 0, total, strconv.Itoa)
		proceed := make(chan struct{})
		var handled ledger
		slow := w.consumer(ConsumerConfig{
			Group: group, Topics: []string{topic}, MaxBatch: 1,
			Assigned: func(context.Context, string, int32) error {
				<-proceed
				return nil
			},
			Handler: func(_ context.Context, records []Record) error {
				handled.add(records...)
				return nil
			},
		})
		queues := make(chan *worker, 2)
		slow.started = func(started *worker) { queues <- started }
		running := run(t, slow)
		for range 2 {
			queue := receive(t, "a worker", queues)
			servicetest.Await(t, "its queue is full", queue.paused)
			queue.mu.Lock()
			waiting := len(queue.queue)
			queue.mu.Unlock()
			if waiting > 2*minQueue {
				t.Errorf("%d records wait in a queue for %d", waiting, minQueue)
			}
		}
		close(proceed)
		servicetest.Await(t, "all is handled", func() bool { return handled.distinct() == total })
		running.stop()
		expectOrder(t, handled.records(), total)
		if got := len(handled.records()); got != total {
			t.Errorf("%d records were handled, of %d", got, total)
		}
	})
}

// A partition that was given away while it was paused is fetched again when it comes back.
func TestPausedPartitionComesBack(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		const total = 6 * minQueue
		topic, group := w.topic(2), w.group()
		w.write(w.producer(ProducerConfig{}), topic, 0, total, strconv.Itoa)
		var open atomic.Bool
		var handled ledger
		consumer := run(t, w.consumer(ConsumerConfig{
			Group: group, Topics: []string{topic}, MaxBatch: 1,
			Handler: func(_ context.Context, records []Record) error {
				if !open.Load() {
					return errors.New("not yet")
				}
				handled.add(records...)
				return nil
			},
		}))
		servicetest.Await(t, "both partitions are paused", func() bool {
			return strings.Count(w.log.String(), "a record cannot be handled; trying again") == 2
		})
		other := w.deserter(group, topic)
		servicetest.Await(t, "the other member has got a partition", other.poll)
		open.Store(true)
		other.leave()
		servicetest.Await(t, "all is handled", func() bool { return handled.distinct() == total })
		consumer.stop()
		expectOrder(t, handled.records(), total)
	})
}
