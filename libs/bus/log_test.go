package bus

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
)

// epochs stand in for a service's store.
type epochs struct {
	mu   sync.Mutex
	logs []RecordedLog
	down bool
}

func (e *epochs) RecordedLogs(context.Context, string) ([]RecordedLog, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		return nil, errors.New("the store is down")
	}
	return slices.Clone(e.logs), nil
}

func (e *epochs) RecordLog(_ context.Context, found Incarnation, least int32) (RecordedLog, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	epoch := least
	for _, log := range e.logs {
		epoch = max(epoch, log.Epoch+1)
	}
	log := RecordedLog{Incarnation: found, Epoch: epoch}
	e.logs = append(e.logs, log)
	return log, nil
}

func (e *epochs) set(down bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = down
}

// openLog runs a log of the topic until the test ends or it is stopped, and waits for its epoch.
func (w *world) openLog(topic, group string, known *epochs) (*Log, *running) {
	w.t.Helper()
	log := w.NewLog(LogConfig{Topic: topic, Group: group, Epochs: known, Look: 20 * time.Millisecond})
	started := run(w.t, log)
	if err := log.Await(within(w.t, timeout)); err != nil {
		w.t.Fatalf("the epoch is not known: %v", err)
	}
	return log, started
}

func epochOf(t *testing.T, log *Log) int32 {
	t.Helper()
	epoch, known := log.Epoch()
	if err := log.Ready(t.Context()); !known || err != nil {
		t.Fatalf("the epoch is not known: %v", err)
	}
	return epoch
}

func TestATopicThatIsMadeAnewBeginsANewEpoch(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic, known := w.topic(1), &epochs{}
		first, running := w.openLog(topic, w.group(), known)
		if epoch := epochOf(t, first); epoch != 0 {
			t.Errorf("the first epoch is %d", epoch)
		}
		running.stop()
		again, running := w.openLog(topic, w.group(), known)
		if epoch := epochOf(t, again); epoch != 0 {
			t.Errorf("the same topic has epoch %d", epoch)
		}
		w.anew(topic)
		receive(t, "the end of the former log", running.done)
		if !errors.Is(running.err, ErrOtherLogs) {
			t.Errorf("the former log ends with %v", running.err)
		}
		running.err = nil
		if err := again.Confirm(within(t, timeout), topic, 0); !errors.Is(err, ErrOtherLogs) {
			t.Errorf("the former log is confirmed: %v", err)
		}
		anew, _ := w.openLog(topic, w.group(), known)
		if epoch := epochOf(t, anew); epoch != 1 {
			t.Errorf("the topic that was made anew has epoch %d", epoch)
		}
		if err := anew.Confirm(within(t, timeout), topic, 0); err != nil {
			t.Error(err)
		}
	})
}

func TestTheFirstEpochIsTheConfiguredOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startBroker(t).addresses())
	w.cfg.Epoch = 3
	topic, known := w.topic(1), &epochs{}
	log, running := w.openLog(topic, w.group(), known)
	if epoch := epochOf(t, log); epoch != 3 {
		t.Errorf("the first epoch is %d", epoch)
	}
	running.stop()
	w.cfg.Epoch = 7 // what is recorded stays
	if log, _ = w.openLog(topic, w.group(), known); epochOf(t, log) != 3 {
		t.Errorf("a known topic has epoch %d", epochOf(t, log))
	}
}

// Until the store has answered nothing is known, whatever the brokers say.
func TestAnEpochIsNotKnownWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startBroker(t).addresses())
	known := &epochs{down: true}
	log := w.NewLog(LogConfig{Topic: w.topic(1), Group: w.group(), Epochs: known})
	begun := make(chan struct{})
	run(t, log)
	run(t, runner(log.AfterOpen(func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		return nil
	})))
	servicetest.Await(t, "the store was asked", func() bool { return strings.Contains(w.log.String(), "the store is down") })
	if _, ok := log.Epoch(); ok || !errors.Is(log.Ready(t.Context()), ErrUnavailable) {
		t.Error("the epoch is known")
	}
	select {
	case <-begun:
		t.Error("what needs the epoch has begun")
	default:
	}
	known.set(false)
	receive(t, "the epoch", begun)
	if epoch := epochOf(t, log); epoch != 0 {
		t.Errorf("the epoch is %d", epoch)
	}
}

type runner func(ctx context.Context) error

func (r runner) Run(ctx context.Context) error { return r(ctx) }

func TestMorePartitionsThanHistoryHasAreRefused(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic, known := w.topic(1), &epochs{}
		_, running := w.openLog(topic, w.group(), known)
		admin, err := w.adminClient()
		if err != nil {
			t.Fatal(err)
		}
		results, err := admin.CreatePartitions(within(t, timeout), []kafka.PartitionsSpecification{{Topic: topic, IncreaseTo: 3}})
		if err != nil || results[0].Error.Code() != kafka.ErrNoError {
			t.Fatal(err, results)
		}
		receive(t, "the end of the running log", running.done)
		if !errors.Is(running.err, ErrOtherLogs) {
			t.Errorf("a log that gets partitions ends with %v", running.err)
		}
		running.err = nil
		err = w.NewLog(LogConfig{Topic: topic, Group: w.group(), Epochs: known}).Run(within(t, timeout))
		if !errors.Is(err, ErrPartitionsChanged) || !strings.Contains(err.Error(), "has 3, and its history was written with 1") {
			t.Errorf("the log opens with %v", err)
		}
	})
}

// What a group has committed of a topic is no place in the one that was made anew. Brokers mostly forget it with the topic, but a cluster that was restored
// may have it, and so may a member that has not noticed.
func TestAGroupReadsAllOfATopicThatIsMadeAnew(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic, group, known := w.topic(1), w.group(), &epochs{}
		producer := w.producer(ProducerConfig{})
		consume := func(log *Log) (*ledger, *running) {
			handled := &ledger{}
			consumer := w.consumer(ConsumerConfig{
				Group: group, Topics: []string{topic}, Assigned: log.Confirm,
				Handler: func(_ context.Context, records []Record) error { handled.add(records...); return nil },
			})
			return handled, run(t, consumer)
		}
		log, watching := w.openLog(topic, group, known)
		w.write(producer, topic, 0, 3, oneKey)
		handled, consuming := consume(log)
		servicetest.Await(t, "the former log is handled", func() bool { return len(handled.values()) == 3 })
		consuming.stop()
		watching.stop()

		w.anew(topic)
		w.commit(group, topic, 3)
		producer = w.producer(ProducerConfig{})
		w.write(producer, topic, 10, 15, oneKey)
		log, _ = w.openLog(topic, group, known)
		if epoch := epochOf(t, log); epoch != 1 {
			t.Errorf("the epoch is %d", epoch)
		}
		handled, _ = consume(log)
		servicetest.Await(t, "the new log is handled", func() bool { return slices.Contains(handled.values(), 14) })
		if got := handled.values(); !slices.Equal(got, []int{10, 11, 12, 13, 14}) {
			t.Errorf("the group has handled %v", got)
		}
	})
}

// commit commits an offset for a group without members.
func (w *world) commit(group, topic string, offset int64) {
	w.t.Helper()
	admin, err := w.adminClient()
	if err != nil {
		w.t.Fatal(err)
	}
	at := topicPartition{topic, 0}.kafka()
	at.Offset = kafka.Offset(offset)
	servicetest.AwaitSuccess(w.t, "an offset is committed", func() error {
		result, err := admin.AlterConsumerGroupOffsets(within(w.t, timeout), []kafka.ConsumerGroupTopicPartitions{{Group: group, Partitions: []kafka.TopicPartition{at}}})
		if err != nil {
			return err
		}
		return result.ConsumerGroupsTopicPartitions[0].Partitions[0].Error
	})
}

// While a process of the group still runs in the former epoch, the group cannot be made to begin anew: it is waited for.
func TestANewEpochWaitsForTheGroupToEnd(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic, group := w.topic(1), w.group()
		known := &epochs{logs: []RecordedLog{{Incarnation: Incarnation{Topic: topic, ID: uuid.New(), Partitions: 1}}}}
		w.write(w.producer(ProducerConfig{}), topic, 0, 1, oneKey)
		handled := &ledger{}
		member := run(t, w.consumer(ConsumerConfig{
			Group: group, Topics: []string{topic},
			Handler: func(_ context.Context, records []Record) error { handled.add(records...); return nil },
		}))
		servicetest.Await(t, "the group has a member", func() bool { return len(handled.values()) == 1 })
		log := w.NewLog(LogConfig{Topic: topic, Group: group, Epochs: known})
		run(t, log)
		servicetest.Await(t, "the group cannot be deleted", func() bool { return strings.Contains(w.log.String(), "forget what was committed") })
		if _, ok := log.Epoch(); ok {
			t.Error("the epoch is known while the group runs")
		}
		member.stop()
		if err := log.Await(within(t, timeout)); err != nil || epochOf(t, log) != 1 {
			t.Errorf("the epoch is %d, %v", epochOf(t, log), err)
		}
	})
}

// A consumer tells where a topic ends as soon as it runs, also while the fetch of its member waits for records.
func TestTheEndsOfALogAreWhereItsNextRecordsWillBe(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic, group := w.topic(3), w.group()
		log, _ := w.openLog(topic, group, &epochs{})
		member := w.consumer(ConsumerConfig{Group: group, Topics: []string{topic}, Handler: func(context.Context, []Record) error { return nil }})
		if ends, err := member.Ends(topic, log.Partitions()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("before the consumer runs the ends are %v, %v", ends, err)
		}
		run(t, member)
		want := make([]int64, 3)
		expect := func() {
			t.Helper()
			for range 5 {
				if ends, err := member.Ends(topic, log.Partitions()); err != nil || !slices.Equal(ends, want) {
					t.Errorf("the ends are %v, %v; want %v", ends, err, want)
				}
			}
		}
		servicetest.AwaitSuccess(t, "the consumer runs", func() error {
			_, err := member.Ends(topic, log.Partitions())
			return err
		})
		expect()
		key := func(i int) string { return string(rune('a' + i)) }
		for i, at := range w.write(w.producer(ProducerConfig{DeliveryTimeout: timeout}), topic, 0, 9, key) {
			if partition := log.PartitionOf(key(i)); partition != at.Partition {
				t.Errorf("the key %s is in partition %d, and said to be in %d", key(i), at.Partition, partition)
			}
			want[at.Partition] = max(want[at.Partition], at.Offset+1)
		}
		expect()
	})
}

// What a group has handled is what it has committed, and what retention has removed before that.
func TestALogSaysWhereItsGroupGoesOn(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic, group := w.topic(2), w.group()
		log, _ := w.openLog(topic, group, &epochs{})
		expect := func(when string, want ...int64) {
			t.Helper()
			var next []int64
			servicetest.AwaitSuccess(t, "where the group goes on", func() (err error) { // its coordinator may not be there yet
				next, err = log.GoesOn(within(t, timeout))
				return err
			})
			if !slices.Equal(next, want) {
				t.Errorf("%s the group goes on at %v, want %v", when, next, want)
			}
		}
		key := keyIn(log, 0)
		w.write(w.producer(ProducerConfig{}), topic, 0, 5, func(int) string { return key })
		expect("before its first commit", 0, 0)
		w.commit(group, topic, 3)
		expect("behind a commit", 3, 0)
		if err := w.removeBefore(topic, 4); err != nil {
			t.Fatal(err)
		}
		expect("behind what was removed", 4, 0)
	})
}

// keyIn is a key whose records are in a partition.
func keyIn(log *Log, partition int32) string {
	for {
		if key := uuid.NewString(); log.PartitionOf(key) == partition {
			return key
		}
	}
}
