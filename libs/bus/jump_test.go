package bus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/servicetest"
)

// following is a reader that notes, in their order, the values of records, "caught up", and jumps as "partition: from-to".
type following struct {
	mu    sync.Mutex
	lines []string
}

func (f *following) note(line string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, line)
}

func (f *following) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.lines)
}

// awaitAtLeast waits for so many lines.
func (f *following) awaitAtLeast(t *testing.T, lines int) {
	t.Helper()
	servicetest.Await(t, "the reader to have gone on", func() bool { return len(f.all()) >= lines })
}

func (f *following) await(t *testing.T, want ...string) {
	t.Helper()
	f.awaitAtLeast(t, len(want))
	if got := f.all(); !slices.Equal(got, want) {
		t.Errorf("the reader has noted %q, want %q", got, want)
	}
}

// jumping runs a reader of all that a topic has. Once it knows where to begin, something may happen.
func (w *world) jumping(topic string, begins func() error) *following {
	w.t.Helper()
	f := &following{}
	reader, err := w.NewReader(ReaderConfig{
		Topics: []string{topic}, Since: time.UnixMilli(1), MaxBatch: 10,
		Handler: func(_ context.Context, records []Record) error {
			for _, record := range records {
				f.note(string(record.Value))
			}
			return nil
		},
		Begin: func(string, int32, int64, int32) {
			if begins != nil {
				if err := begins(); err != nil {
					w.t.Error(err)
				}
			}
		},
		CaughtUp: func() { f.note("caught up") },
		Jumped: func(jumps []Jump) {
			for _, jump := range jumps {
				f.note(fmt.Sprintf("%d: %d-%d", jump.Partition, jump.From, jump.To))
			}
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	run(w.t, reader)
	return f
}

// removeBefore removes what the topic's partition has before the offset, as retention does.
func (w *world) removeBefore(topic string, offset int64) error {
	admin, err := w.adminClient()
	if err != nil {
		return err
	}
	at := topicPartition{topic, 0}.kafka()
	at.Offset = kafka.Offset(offset)
	results, err := admin.DeleteRecords(within(w.t, timeout), []kafka.TopicPartition{at})
	for _, result := range results.DeleteRecordsResults {
		err = errors.Join(err, result.TopicPartition.Error)
	}
	return err
}

// say appends records, each in a batch of its own.
func (w *world) say(p *Producer, topic string, texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		if _, err := p.Produce(within(w.t, timeout), Record{Topic: topic, Key: "key", Value: []byte(text), Partition: PartitionAny}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// elsewhere starts the broker where its clients do not find it, has something happen there, and starts it again where it was.
func (b *broker) elsewhere(t *testing.T, happen func(w *world)) {
	t.Helper()
	port := b.port
	b.stop()
	b.port = 0
	b.start()
	happen(newWorld(t, b.addresses()))
	b.stop()
	b.port = port
	b.start()
}

func numbers(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, strconv.Itoa(i))
	}
	return all
}

// What retention removes before it has been read was missing without a word.
func TestAReaderTellsOfRecordsThatAreGone(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	w.say(w.producer(ProducerConfig{}), topic, numbers(0, 3)...)
	f := w.jumping(topic, nil)
	f.await(t, append(numbers(0, 3), "caught up")...)
	broker.elsewhere(t, func(w *world) {
		w.say(w.producer(ProducerConfig{}), topic, numbers(3, 10)...)
		if err := w.removeBefore(topic, 6); err != nil {
			t.Fatal(err)
		}
	})
	want := slices.Concat(numbers(0, 3), []string{"caught up", "0: 3-6"}, numbers(6, 10))
	f.await(t, want...)
	w.say(w.producer(ProducerConfig{}), topic, numbers(10, 12)...)
	f.await(t, append(want, numbers(10, 12)...)...)
}

// Records may be removed before a reader that has just found out where to begin comes to them.
func TestAReaderThatBeginsTellsOfRecordsThatAreGone(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic := w.topic(1)
		w.say(w.producer(ProducerConfig{}), topic, numbers(0, 5)...)
		f := w.jumping(topic, func() error { return w.removeBefore(topic, 3) })
		f.await(t, "0: 0-3", "3", "4", "caught up")
	})
}

// What has been read may be removed.
func TestWhatIsRemovedBehindAReaderIsNoJump(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic := w.topic(1)
		producer := w.producer(ProducerConfig{})
		w.say(producer, topic, numbers(0, 3)...)
		f := w.jumping(topic, nil)
		f.await(t, "0", "1", "2", "caught up")
		if err := w.removeBefore(topic, 3); err != nil {
			t.Fatal(err)
		}
		w.say(producer, topic, "3")
		f.await(t, "0", "1", "2", "caught up", "3")
	})
}

// A broker that comes back with fewer records gives offsets a second time: what is there now would be taken for what was there before.
func TestAReaderTellsOfALogThatHasBecomeShorter(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	w.say(w.producer(ProducerConfig{}), topic, numbers(0, 4)...)
	broker.stop()
	older := t.TempDir()
	if err := os.CopyFS(older, os.DirFS(broker.dir)); err != nil {
		t.Fatal(err)
	}
	broker.start()
	w.say(w.producer(ProducerConfig{}), topic, numbers(4, 6)...)
	f := w.jumping(topic, nil)
	f.await(t, append(numbers(0, 6), "caught up")...)
	broker.dir = older
	broker.elsewhere(t, func(w *world) { w.say(w.producer(ProducerConfig{}), topic, "4 again") })
	want := append(numbers(0, 6), "caught up", "0: 6-5")
	f.await(t, want...)
	w.say(w.producer(ProducerConfig{}), topic, "5 again", "6 again")
	f.await(t, append(want, "5 again", "6 again")...)
}

// A log may have become longer again by the time at which it is compared, and so may others: ends that show nothing say nothing.
func TestWhatNoEndShowsCountsAsShorterInAllPartitions(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(2)
	f := w.jumping(topic, nil)
	f.await(t, "caught up")
	if _, err := w.producer(ProducerConfig{}).Produce(within(t, timeout), Record{Topic: topic, Value: []byte("0"), Partition: 0}); err != nil {
		t.Fatal(err)
	}
	f.await(t, "caught up", "0")
	refused := broker.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Partitions: []int32{1}, Err: kerr.OffsetOutOfRange, Count: -1,
	})
	f.awaitAtLeast(t, 4)
	refused.Remove()
	jumps := f.all()[2:4]
	slices.Sort(jumps)
	if want := []string{"0: 1-1", "1: 0-0"}; !slices.Equal(jumps, want) {
		t.Errorf("the jumps are %q, want %q", jumps, want)
	}
}

// A topic that is made anew is the shortest log of all. Before, the reader went on at its beginning, and nobody knew.
func TestAReaderTellsOfATopicThatIsMadeAnew(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic := w.topic(1)
		w.say(w.producer(ProducerConfig{}), topic, numbers(0, 3)...)
		f := w.jumping(topic, nil)
		f.await(t, "0", "1", "2", "caught up")
		w.anew(topic)
		f.await(t, "0", "1", "2", "caught up", "0: 3-0")
		w.say(w.producer(ProducerConfig{}), topic, "anew")
		f.await(t, "0", "1", "2", "caught up", "0: 3-0", "anew")
	})
}

// A log that is compacted has holes, and its reader misses nothing.
func TestHolesAreNoJumps(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic, compact := "ism.test.compacted", "compact"
	if err := broker.cluster.CreateTopic(topic, 1, map[string]string{"cleanup.policy": compact}); err != nil {
		t.Fatal(err)
	}
	producer := w.producer(ProducerConfig{})
	if _, err := producer.Produce(within(t, timeout), Record{Topic: topic, Key: "kept", Value: []byte("0"), Partition: 0}); err != nil {
		t.Fatal(err)
	}
	w.say(producer, topic, "1", "2")
	f := w.jumping(topic, nil)
	f.await(t, "0", "1", "2", "caught up")
	broker.elsewhere(t, func(w *world) {
		w.say(w.producer(ProducerConfig{}), topic, numbers(3, 10)...)
		broker.cluster.Compact()
	})
	w.say(w.producer(ProducerConfig{}), topic, "10")
	servicetest.Await(t, "what comes behind the holes", func() bool { return slices.Contains(f.all(), "10") })
	if got := f.all(); len(got) >= len(numbers(0, 10)) || strings.Contains(strings.Join(got, " "), "-") {
		t.Errorf("the reader has noted %q", got)
	}
}

// A reader that cannot learn where a log goes on asks again, and can be stopped meanwhile.
func TestAReaderThatHasJumpedStopsWithoutABroker(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	w.say(w.producer(ProducerConfig{}), topic, numbers(0, 3)...)
	reader, err := w.NewReader(ReaderConfig{Topics: []string{topic}, Handler: func(context.Context, []Record) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.locate(within(t, timeout)); err != nil {
		t.Fatal(err)
	}
	broker.stop()
	ctx, cancel := context.WithCancel(t.Context())
	relocated := make(chan error, 1)
	go func() { relocated <- reader.relocate(ctx) }()
	servicetest.Await(t, "it has asked", func() bool { return strings.Contains(w.log.String(), "it is not known yet where topics go on") })
	cancel()
	if err := receive(t, "the end", relocated); err != nil {
		t.Error(err)
	}
}
