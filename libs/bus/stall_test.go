package bus

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/servicetest"
)

// clients are those that a consumer or reader has opened.
type clients struct {
	mu  sync.Mutex
	all []*kafka.Consumer
}

func (c *clients) opened(client *kafka.Consumer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, client)
}

func (c *clients) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

// stall has the last client receive nothing any more, as one of librdkafka that has stalled.
func (c *clients) stall(t *testing.T, topic string, partitions ...int32) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var paused []kafka.TopicPartition
	for _, number := range partitions {
		paused = append(paused, topicPartition{topic, number}.kafka())
	}
	if err := c.all[len(c.all)-1].Pause(paused); err != nil {
		t.Fatal(err)
	}
}

// counter is the value of a counter with these labels.
func (w *world) counter(name string, labels prometheus.Labels) (sum float64) {
	w.t.Helper()
	families, err := w.tel.Metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			has := prometheus.Labels{}
			for _, label := range metric.GetLabel() {
				has[label.GetName()] = label.GetValue()
			}
			matches := true
			for label, value := range labels {
				matches = matches && has[label] == value
			}
			if matches {
				sum += metric.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func (w *world) stalls(group, topic string) float64 {
	return w.counter("ism_consumer_stalls_total", prometheus.Labels{"group": group, "topic": topic})
}

const stallWarning = "a client receives nothing of a partition whose log goes on; it is replaced"

// follow makes a reader of a topic that notes its clients.
func (w *world) follow(topic string, since time.Time) (*ledger, *clients) {
	w.t.Helper()
	handled, opened := &ledger{}, &clients{}
	reader, err := w.NewReader(ReaderConfig{
		Topics: []string{topic}, Since: since, MaxBatch: 10,
		Handler: func(_ context.Context, records []Record) error { handled.add(records...); return nil },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	reader.opened = opened.opened
	run(w.t, reader)
	return handled, opened
}

func TestAReaderThatStallsGoesOnWithAnotherClient(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		w.compareEvery = 300 * time.Millisecond
		topic := w.topic(3)
		handled, opened := w.follow(topic, time.UnixMilli(1))
		stop := w.traffic(topic)
		for replaced := range 3 {
			before := handled.distinct()
			servicetest.Await(t, "records come", func() bool { return handled.distinct() >= before+100 })
			opened.stall(t, topic, 0, 2)
			servicetest.Await(t, "the client is replaced", func() bool { return opened.count() == replaced+2 })
		}
		total := stop()
		servicetest.Await(t, "all are read", func() bool { return handled.distinct() == total })
		if n := len(handled.records()); n != total {
			t.Errorf("%d records were handed over for %d", n, total)
		}
		expectOrder(t, handled.records(), total)
		if n := w.stalls(readerGroup, topic); n != 3 {
			t.Errorf("%v stalls are counted", n)
		}
		if !strings.Contains(w.log.String(), stallWarning) {
			t.Error("nothing is logged")
		}
	})
}

func TestAMemberThatStallsJoinsItsGroupAgain(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		w.compareEvery = groupLongPoll
		topic, group := w.topic(3), w.group()
		stop := w.traffic(topic)
		var handled ledger
		opened := &clients{}
		consumer := w.consumer(ConsumerConfig{Group: group, Topics: []string{topic}, MaxBatch: 10, Handler: func(_ context.Context, records []Record) error {
			handled.add(records...)
			return nil
		}})
		consumer.opened = opened.opened
		running := run(t, consumer)
		servicetest.Await(t, "records come", func() bool { return partitionsOf(handled.records()) == 3 })
		total := stop()
		servicetest.Await(t, "all are handled", func() bool { return handled.distinct() == total })
		opened.stall(t, topic, 1)
		const missed = 20
		producer := w.producer(ProducerConfig{})
		for range missed {
			if _, err := producer.Produce(within(t, timeout), Record{Topic: topic, Value: []byte("1"), Partition: 1}); err != nil {
				t.Fatal(err)
			}
		}
		total += missed
		servicetest.Await(t, "the lag is seen", func() bool { return w.lags(group, topic)["1"] > 0 }) // the ends may be asked for while records are written
		servicetest.Await(t, "the client is replaced", func() bool { return opened.count() == 2 })
		servicetest.Await(t, "all are handled", func() bool { return handled.distinct() == total })
		running.stop()
		if n := len(handled.records()); n != total {
			t.Errorf("%d records were handled for %d, though what was handled could be committed", n, total)
		}
		expectOrder(t, handled.records(), total)
		if n := w.stalls(group, topic); n != 1 {
			t.Errorf("%v stalls are counted", n)
		}
		if !strings.Contains(w.log.String(), stallWarning) {
			t.Error("nothing is logged")
		}
	})
}

// comparisons is how often the ends have been asked for, as of the last statistics.
func (w *world) comparisons() float64 {
	return w.counter("ism_kafka_requests_total", prometheus.Labels{"client": "(admin)", "api": "ListOffsets"})
}

// A queue that is full, a handler that takes its time and a topic without records are no stalls.
func TestWhatWaitsForItsHandlerHasNotStalled(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		w.compareEvery = groupLongPoll // a partition that is resumed may be silent for so long
		topic, empty, group := w.topic(2), w.topic(1), w.group()
		release := make(chan struct{})
		opened := &clients{}
		var handled ledger
		consumer := w.consumer(ConsumerConfig{Group: group, Topics: []string{topic, empty}, Handler: func(ctx context.Context, records []Record) error {
			select {
			case <-release:
			case <-ctx.Done():
				return ctx.Err()
			}
			handled.add(records...)
			return nil
		}})
		consumer.opened = opened.opened
		run(t, consumer)
		producer := w.producer(ProducerConfig{})
		w.write(producer, topic, 0, 1000, oneKey) // fills one partition's queue
		w.write(producer, topic, 1000, 1001, func(int) string { return "another key" })
		servicetest.Await(t, "they wait", func() bool { return total(w.lags(group, topic)) == 1001 })
		before := w.comparisons()
		servicetest.Await(t, "many comparisons are made", func() bool { return w.comparisons() >= before+4 })
		close(release)
		servicetest.Await(t, "all are handled", func() bool { return handled.distinct() == 1001 })
		if n := opened.count(); n != 1 || w.stalls(group, topic) != 0 {
			t.Errorf("%d clients, %v stalls", n, w.stalls(group, topic))
		}
	})
}

// While no broker answers nothing is known of the ends.
func TestNothingHasStalledWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	w.compareEvery = 2 * time.Second // a client may take longer than another to connect again, by a second and what a busy machine adds
	topic := w.topic(2)
	handled, opened := w.follow(topic, time.UnixMilli(1))
	producer := w.producer(ProducerConfig{})
	w.write(producer, topic, 0, 10, strconv.Itoa)
	servicetest.Await(t, "they are read", func() bool { return handled.distinct() == 10 })
	broker.stop()
	gone := time.NewTimer(3 * w.compareEvery)
	<-gone.C
	broker.start()
	w.write(producer, topic, 10, 20, strconv.Itoa)
	servicetest.Await(t, "all are read", func() bool { return handled.distinct() == 20 })
	if n := opened.count(); n != 1 || len(handled.records()) != 20 {
		t.Errorf("%d clients, %d records", n, len(handled.records()))
	}
}

// A broker that has been started again refuses the leader epochs that its clients remember.
func TestEndsAreKnownAgainWithNewLeaderEpochs(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	w.write(w.producer(ProducerConfig{}), topic, 0, 3, oneKey)
	at := topicPartition{topic, 0}
	ends := func() int64 {
		found, err := w.offsets(within(t, timeout), []topicPartition{at}, kafka.LatestOffsetSpec)
		if err != nil {
			return -1
		}
		return found[at]
	}
	if n := ends(); n != 3 {
		t.Fatalf("the end is %d", n)
	}
	broker.cluster.ShufflePartitionLeaders() // raises the epochs
	if n := ends(); n != 3 {
		t.Errorf("the end is %d", n)
	}
}

// Each step is a comparison of what has arrived with what the brokers say.
func TestWhatIsAStall(t *testing.T) {
	t.Parallel()
	at := topicPartition{"t", 0}
	type step struct {
		arrived int64
		signs   uint64
		end     int64 // -1: no answer
		waits   bool
		full    bool // the client's queue was never empty
	}
	behind := step{arrived: 5, signs: 5, end: 6}
	for name, test := range map[string]struct {
		steps []step
		at    int // of the steps, which finds a stall; -1: none
	}{
		"silent twice":             {[]step{behind, behind, behind}, 2},
		"the end is reached":       {[]step{{arrived: 6, signs: 6, end: 6}, {arrived: 6, signs: 6, end: 6}, {arrived: 6, signs: 6, end: 6}}, -1},
		"something has come":       {[]step{behind, behind, {arrived: 6, signs: 6, end: 9}, {arrived: 6, signs: 6, end: 9}, {arrived: 6, signs: 6, end: 9}}, 4},
		"the broker was away":      {[]step{behind, behind, {arrived: 5, signs: 5, end: -1}, behind, behind, behind}, 5},
		"records wait":             {[]step{behind, behind, {arrived: 5, signs: 5, end: 9, waits: true}, behind, behind}, 4},
		"more is to be polled":     {[]step{behind, behind, {arrived: 5, signs: 5, end: 9, full: true}, behind, behind}, 4},
		"a log made anew":          {[]step{{arrived: 5, signs: 5, end: 2}, {arrived: 5, signs: 5, end: 3}, {arrived: 5, signs: 5, end: 4}}, -1},
		"assigned, and empty":      {[]step{{arrived: -1}, {arrived: -1}, {arrived: -1}, {arrived: -1}, {arrived: -1}, {arrived: -1}, {arrived: -1}}, -1},
		"assigned, and not begun":  {[]step{{arrived: -1, end: 9}, {arrived: -1, end: 9}, {arrived: -1, end: 9}, {arrived: -1, end: 9}, {arrived: 9, signs: 1, end: 9}}, -1},
		"assigned, and it is long": {[]step{{arrived: -1, end: 9}, {arrived: -1, end: 9}, {arrived: -1, end: 9}, {arrived: -1, end: 9}, {arrived: -1, end: 9}, {arrived: -1, end: 9}, {arrived: -1, end: 9}}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil).newWatch("g", []string{"t"})
			found := -1
			for i, s := range test.steps {
				w.drained = !s.full
				ends := map[topicPartition]int64{at: s.end}
				if s.end < 0 {
					ends = nil
				}
				if w.compare(t.Context(), ends, map[topicPartition]progress{at: {arrived: s.arrived, handled: s.arrived, signs: s.signs, waits: s.waits}}) {
					found = i
					break
				}
			}
			if found != test.at {
				t.Errorf("a stall is found at step %d, want %d", found, test.at)
			}
		})
	}
}

// Where another client changes nothing, there is more and more time between two.
func TestReplacementsThatChangeNothingBecomeSeldom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).newWatch("g", []string{"t"})
	at := topicPartition{"t", 0}
	var took []int
	for range 8 {
		for n := 1; ; n++ {
			w.drained = true
			if w.compare(t.Context(), map[topicPartition]int64{at: 6}, map[topicPartition]progress{at: {arrived: 5, handled: 5, signs: 5}}) {
				took = append(took, n-1)
				w.replaced()
				break
			}
		}
	}
	if first, last := took[0], took[len(took)-1]; first != silentAtLeast || last != silentAtMost {
		t.Errorf("replaced after %v comparisons", took)
	}
	for range 2 {
		w.compare(t.Context(), map[topicPartition]int64{at: 6}, map[topicPartition]progress{at: {arrived: 6, handled: 6, signs: 6}})
	}
	if w.silent != silentAtLeast {
		t.Errorf("once all is well it takes %d", w.silent)
	}
}
