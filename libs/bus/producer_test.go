package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/servicetest"
)

func TestOrderPerKeyOfManyProducers(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		const writers, rounds, batch = 100, 5, 10
		topic := w.topic(6)
		producer := w.producer(ProducerConfig{})
		var wg sync.WaitGroup
		for writer := range writers {
			wg.Go(func() {
				key := fmt.Sprint("writer ", writer)
				last := int64(-1)
				for round := range rounds {
					for _, receipt := range w.write(producer, topic, round*batch, (round+1)*batch, func(int) string { return key }) {
						if receipt.Offset <= last {
							t.Errorf("%s: offset %d after %d", key, receipt.Offset, last)
						}
						last = receipt.Offset
					}
				}
			})
		}
		wg.Wait()
		next := map[string]int{}
		for _, records := range w.read(topic) {
			for _, record := range records {
				if got := valueOf(record); got != next[record.Key] {
					t.Fatalf("%s: %d follows %d", record.Key, got, next[record.Key]-1)
				}
				next[record.Key]++
			}
		}
		for writer := range writers {
			if key := fmt.Sprint("writer ", writer); next[key] != rounds*batch {
				t.Errorf("%s: %d records of %d", key, next[key], rounds*batch)
			}
		}
	})
}

func TestProduceToAPartition(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic := w.topic(4)
		producer := w.producer(ProducerConfig{})
		for partition := range int32(4) {
			receipt, err := producer.Produce(within(t, timeout), Record{Topic: topic, Key: "same", Value: []byte("1"), Partition: partition})
			if err != nil || receipt != (Receipt{Partition: partition, Offset: 0}) {
				t.Errorf("partition %d: got %+v, %v", partition, receipt, err)
			}
		}
	})
}

func TestRecordThatIsTooLargeIsRejected(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic := w.topic(1)
		for _, cfg := range []ProducerConfig{{}, {Gapless: true}} {
			producer := w.producer(cfg)
			_, err := producer.Produce(within(t, timeout), Record{Topic: topic, Value: make([]byte, 1<<20), Partition: PartitionAny})
			if !errors.Is(err, ErrRejected) {
				t.Errorf("%+v: got %v", cfg, err)
			}
			w.write(producer, topic, 0, 1, oneKey)
		}
		if strings.Contains(w.log.String(), "replaced") {
			t.Error("a record that was too large has cost a producer")
		}
	})
}

func TestProduceFailsSoonWithoutBroker(t *testing.T) {
	t.Parallel()
	const timeout, limit = 800 * time.Millisecond, defaultDeliveryTimeout / 2 // it is not the default that counts
	for _, gapless := range []bool{false, true} {
		t.Run(fmt.Sprint("gapless ", gapless), func(t *testing.T) {
			t.Parallel()
			broker := startBroker(t)
			w := newWorld(t, broker.addresses())
			topic := w.topic(1)
			producer := w.producer(ProducerConfig{DeliveryTimeout: timeout, Gapless: gapless})
			servicetest.Await(t, "the producer has started", func() bool {
				_, err := producer.Produce(t.Context(), Record{Topic: topic, Key: "key", Value: []byte("1"), Partition: PartitionAny})
				return err == nil
			})
			broker.stop()
			for range 3 {
				begun := time.Now()
				_, err := producer.Produce(t.Context(), Record{Topic: topic, Key: "key", Value: []byte("2"), Partition: PartitionAny})
				if took := time.Since(begun); !errors.Is(err, ErrUnavailable) || took > limit {
					t.Errorf("after %s: %v", took, err)
				}
			}
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_ = producer.Close(ctx)
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("closing took %s", took)
			}
			if _, err := producer.Produce(t.Context(), Record{Topic: topic, Partition: PartitionAny}); !errors.Is(err, ErrUnavailable) {
				t.Errorf("closed: got %v", err)
			}
		})
	}
}

// What is more than the client's queue holds waits for room, as long as the call may take.
func TestProduceWaitsForRoom(t *testing.T) {
	t.Parallel()
	const records = 2 * maxQueuedKilobytes << 10 / 900_000
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	producer := w.producer(ProducerConfig{DeliveryTimeout: timeout, Gapless: true})
	w.write(producer, topic, 0, 1, oneKey)
	resume := make(chan struct{})
	broker.cluster.ControlKey(kmsg.Produce.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.cluster.SleepControl(func() { <-resume })
		return nil, nil, false
	})
	large := make([]Record, records)
	for i := range large {
		large[i] = Record{Topic: topic, Key: "key", Value: make([]byte, 900_000), Partition: PartitionAny}
	}
	written := make(chan error, 1)
	go func() {
		_, err := producer.ProduceAll(t.Context(), large)
		written <- err
	}()
	servicetest.Await(t, "the queue is full", func() bool { return producer.client.kafka.Len() > records/3 })
	close(resume)
	if err := receive(t, "the acknowledgements", written); err != nil {
		t.Error(err)
	}
}

func TestProduceEndsWithItsContext(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	producer := w.producer(ProducerConfig{})
	broker.stop()
	_, err := producer.Produce(within(t, 50*time.Millisecond), Record{Topic: topic, Value: []byte("1"), Partition: PartitionAny})
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// A sequence that is written again from the batch that failed stands in the log without a gap, and no batch comes again once
// a later one has begun.
func TestGaplessOverOutages(t *testing.T) {
	t.Parallel()
	const batches, size, delivery = 200, 20, 2 * time.Second
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	producer := w.producer(ProducerConfig{DeliveryTimeout: delivery, Gapless: true})
	at := make(chan int)
	written := make(chan error, 1)
	go func() {
		defer close(at)
		limit := time.After(2 * timeout)
		for batch := 0; batch < batches; {
			var records []Record
			for i := range size {
				value := []byte(strconv.Itoa(batch*size + i))
				records = append(records, Record{Topic: topic, Key: "key", Value: value, Partition: PartitionAny})
			}
			if _, err := producer.ProduceAll(t.Context(), records); err == nil {
				batch++
				at <- batch
			}
			select {
			case <-limit:
				written <- fmt.Errorf("only %d batches were written", batch)
				return
			default:
			}
		}
		written <- nil
	}()
	for batch := range at {
		if batch%100 != 50 {
			continue
		}
		// The writer goes on meanwhile, so that the outage meets records under way; and for longer than a call has.
		broker.stop()
		outage := time.After(delivery * 3 / 2)
		for waiting := true; waiting; {
			select {
			case <-at:
			case <-outage:
				waiting = false
			}
		}
		broker.start()
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	seen := -1
	log := w.read(topic)[0]
	for _, record := range log {
		value := valueOf(record)
		if value > seen+1 {
			t.Fatalf("offset %d: %d follows %d", record.Offset, value, seen)
		}
		if value/size < seen/size && seen >= 0 {
			t.Fatalf("offset %d: %d of batch %d comes after %d of batch %d", record.Offset, value, value/size, seen, seen/size)
		}
		seen = max(seen, value)
	}
	if seen != batches*size-1 {
		t.Errorf("the log ends at %d", seen)
	}
	t.Logf("%d records, %d of them repetitions, %d replacements", len(log), len(log)-seen-1, strings.Count(w.log.String(), "is replaced"))
}

func TestLogSurvivesTheBroker(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(3)
	producer := w.producer(ProducerConfig{})
	w.write(producer, topic, 0, 100, strconv.Itoa)
	broker.stop()
	broker.start()
	w.write(producer, topic, 100, 200, strconv.Itoa) // the same producer goes on
	seen := map[int]bool{}
	total := 0
	for _, records := range w.read(topic) {
		for i, record := range records {
			if record.Offset != int64(i) {
				t.Errorf("partition %d: offset %d at topicPartition %d", record.Partition, record.Offset, i)
			}
			seen[valueOf(record)] = true
			total++
		}
	}
	if total != 200 || len(seen) != 200 {
		t.Errorf("%d records, %d different", total, len(seen))
	}
}

// A client that fails just before its producer is closed is not replaced any more, and nobody waits for that.
func TestCloseCutsTheRestBeforeAReplacement(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startBroker(t).addresses())
	p := w.producer(ProducerConfig{})
	p.mu.Lock()
	p.replaced = time.Now().Add(time.Hour) // the next one is to rest for so long
	p.mu.Unlock()
	p.replace(p.client, errors.New("failed for good"))
	waiting, closed := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := p.current(within(t, timeout))
		waiting <- err
	}()
	go func() { closed <- p.Close(within(t, timeout)) }()
	if err := receive(t, "the end of Close", closed); err != nil {
		t.Error(err)
	}
	if err := receive(t, "the end of who waits for the replacement", waiting); !errors.Is(err, ErrUnavailable) {
		t.Errorf("who waited has %v", err)
	}
}
