package bus

import (
	"context"
	"strconv"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/servicetest"
)

// reading notes what a reader has told.
type reading struct {
	ledger
	running  *running
	begun    chan [2]int64 // partition and offset
	caughtUp chan struct{}
}

func (w *world) reader(topic string, since time.Time) *reading {
	w.t.Helper()
	r := &reading{begun: make(chan [2]int64, 64), caughtUp: make(chan struct{})}
	reader, err := w.NewReader(ReaderConfig{
		Topics: []string{topic}, Since: since, MaxBatch: 10,
		Handler:  func(_ context.Context, records []Record) error { r.add(records...); return nil },
		Begin:    func(_ string, partition int32, offset int64, _ int32) { r.begun <- [2]int64{int64(partition), offset} },
		CaughtUp: func() { close(r.caughtUp) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	r.running = run(w.t, reader)
	return r
}

func TestReaderOfAnEmptyTopicHasCaughtUp(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic := w.topic(3)
		r := w.reader(topic, time.Now().Add(-time.Hour))
		receive(t, "catching up", r.caughtUp)
		begun := map[int64]int64{}
		for range 3 {
			at := receive(t, "a beginning", r.begun)
			begun[at[0]] = at[1]
		}
		if len(begun) != 3 || begun[0] != 0 {
			t.Errorf("begins at %v", begun)
		}
		w.write(w.producer(ProducerConfig{}), topic, 0, 5, oneKey)
		servicetest.Await(t, "what is written then is read", func() bool { return len(r.values()) == 5 })
	})
}

func TestReaderBeginsWhereItIsTold(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic := w.topic(2)
		producer := w.producer(ProducerConfig{})
		w.write(producer, topic, 0, 20, oneKey)
		tick := time.NewTimer(50 * time.Millisecond) // the brokers' timestamps have milliseconds
		<-tick.C
		middle := time.Now()
		w.write(producer, topic, 20, 30, oneKey)

		since := w.reader(topic, middle)
		receive(t, "catching up", since.caughtUp)
		if got := since.values(); len(got) != 10 || got[0] != 20 || got[9] != 29 {
			t.Errorf("since the middle: %v", got)
		}
		now := w.reader(topic, time.Time{})
		receive(t, "catching up", now.caughtUp)
		w.write(producer, topic, 30, 33, oneKey)
		servicetest.Await(t, "only what is new is read", func() bool { return len(now.values()) == 3 })
		if got := now.values(); got[0] != 30 {
			t.Errorf("from now on: %v", got)
		}
		servicetest.Await(t, "the other reader goes on", func() bool { return len(since.values()) == 13 })
	})
}

func TestReaderOfSeveralTopics(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		full, half, empty := w.topic(2), w.topic(1), w.topic(1)
		producer := w.producer(ProducerConfig{})
		w.write(producer, full, 0, 20, strconv.Itoa)
		w.write(producer, half, 0, 10, oneKey)
		var handled ledger
		begun, caughtUp := map[topicPartition]int64{}, make(chan int, 1)
		reader, err := w.NewReader(ReaderConfig{
			Topics: []string{full, half, empty}, Since: time.UnixMilli(1), MaxBatch: 7,
			Handler: func(_ context.Context, records []Record) error {
				if len(begun) != 4 {
					t.Errorf("a record comes when %d partitions have begun", len(begun))
				}
				for _, record := range records {
					if partitionOf(record) != partitionOf(records[0]) {
						t.Errorf("a batch has records of %v and %v", partitionOf(records[0]), partitionOf(record))
					}
				}
				handled.add(records...)
				return nil
			},
			Begin: func(topic string, partition int32, offset int64, _ int32) {
				begun[topicPartition{topic, partition}] = offset
			},
			CaughtUp: func() { caughtUp <- handled.distinct() },
		})
		if err != nil {
			t.Fatal(err)
		}
		reading := run(t, reader)
		if had := receive(t, "catching up", caughtUp); had != 30 {
			t.Errorf("caught up with %d records of 30", had)
		}
		w.write(producer, empty, 0, 5, oneKey)
		servicetest.Await(t, "what is written then is read", func() bool { return handled.distinct() == 35 })
		reading.stop()
		by := map[string]int{}
		for _, record := range handled.records() {
			by[record.Topic]++
		}
		if by[full] != 20 || by[half] != 10 || by[empty] != 5 || begun[topicPartition{half, 0}] != 0 {
			t.Errorf("read %v, begun at %v", by, begun)
		}
	})
}

func TestReaderOutlivesItsBroker(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(2)
	w.write(w.producer(ProducerConfig{}), topic, 0, 10, strconv.Itoa)
	r := w.reader(topic, time.UnixMilli(1))
	receive(t, "catching up", r.caughtUp)
	broker.stop()
	broker.start()
	w.write(w.producer(ProducerConfig{}), topic, 10, 20, strconv.Itoa)
	servicetest.Await(t, "all is read, once", func() bool { return r.distinct() == 20 })
	if got := len(r.values()); got != 20 {
		t.Errorf("%d records were handed over for 20", got)
	}
}

// A service that is told to stop while Kafka is away has to stop all the same, whatever its clients are at.
func TestStoppingDoesNotNeedTheBroker(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(2)
	var handled ledger
	consumer := run(t, w.consumer(ConsumerConfig{
		Group: w.group(), Topics: []string{topic}, Handler: func(_ context.Context, records []Record) error { handled.add(records...); return nil },
	}))
	reader := w.reader(topic, time.Time{})
	receive(t, "catching up", reader.caughtUp)
	w.write(w.producer(ProducerConfig{}), topic, 0, 10, oneKey)
	servicetest.Await(t, "all is handled", func() bool { return handled.distinct() == 10 })
	broker.stop()
	for of, running := range map[string]*running{"consumer": consumer, "reader": reader.running} {
		begun := time.Now()
		running.stop()
		if took := time.Since(begun); took > stopLimit {
			t.Errorf("stopping the %s took %s", of, took)
		}
	}
}

// ended is the span of the trace that has the name and has ended, or nil.
func (w *world) ended(id trace.TraceID, name string) sdktrace.ReadOnlySpan {
	for _, span := range w.spans.Ended() {
		if span.SpanContext().TraceID() == id && span.Name() == name {
			return span
		}
	}
	return nil
}

func TestTraceGoesWithTheRecord(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic := w.topic(1)
		ctx, root := w.tel.Tracer.Tracer("test").Start(within(t, timeout), "request")
		if _, err := w.producer(ProducerConfig{}).Produce(ctx, Record{Topic: topic, Key: "k", Value: []byte("1"), Partition: PartitionAny}); err != nil {
			t.Fatal(err)
		}
		root.End()
		traced := make(chan trace.SpanContext, 1)
		run(t, w.consumer(ConsumerConfig{
			Group: w.group(), Topics: []string{topic},
			Handler: w.Tracing("").Each(func(ctx context.Context, _ Record) error {
				traced <- trace.SpanContextFromContext(ctx)
				return nil
			}),
		}))
		want := root.SpanContext().TraceID()
		if got := receive(t, "the record", traced); got.TraceID() != want {
			t.Errorf("handled in trace %s, sent in %s", got.TraceID(), want)
		}
		servicetest.Await(t, "its spans have ended", func() bool {
			sent, processed := w.ended(want, "send "+topic), w.ended(want, "process "+topic)
			if sent == nil || processed == nil {
				return false
			}
			at, from := attributesOf(sent), attributesOf(processed)
			for _, key := range []string{"messaging.destination.partition.id", "messaging.kafka.offset"} {
				if at[key] != "0" || from[key] != "0" {
					t.Errorf("%s is %q where it was sent and %q where it was read", key, at[key], from[key])
				}
			}
			return processed.Parent().SpanID() == sent.SpanContext().SpanID()
		})
	})
}
