package bus

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/servicetest"
)

// ample is more than any machine needs; scant is what a test waits for that shows what happens when the time is over.
const ample, scant = timeout, 5 * time.Second

func (w *world) appender(topic string, limit time.Duration) *Appender {
	w.t.Helper()
	a, err := w.NewAppender(AppenderConfig{Topics: []string{topic}, Timeout: limit})
	if err != nil {
		w.t.Fatal(err)
	}
	run(w.t, a)
	servicetest.Await(w.t, "the appender runs", func() bool { return a.opened.Load() != nil })
	return a
}

// keyOf is a key that belongs to the partition, of so many.
func keyOf(partition, partitions int32) string {
	for i := 0; ; i++ {
		if key := strconv.Itoa(i); partitionOfKey(key, partitions) == partition {
			return key
		}
	}
}

// fate is what has been said of records, by value.
type fate struct {
	mu                            sync.Mutex
	acknowledged, unknown, absent map[string]bool
}

func newFate() *fate {
	return &fate{acknowledged: map[string]bool{}, unknown: map[string]bool{}, absent: map[string]bool{}}
}

func (f *fate) append(t *testing.T, a *Appender, topic, key, value string) error {
	t.Helper()
	receipt, err := a.Append(t.Context(), Record{Topic: topic, Key: key, Value: []byte(value)})
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil:
		f.acknowledged[value] = true
		if receipt.Partition < 0 {
			t.Errorf("%s: the receipt is %+v", value, receipt)
		}
	case errors.Is(err, ErrOutcomeUnknown):
		f.unknown[value] = true
	case errors.Is(err, ErrUnavailable):
		f.absent[value] = true
	default:
		t.Errorf("append %s: %v", value, err)
	}
	return err
}

// expect holds the log to what was said: what was acknowledged is there once, what is unknown once at most, and nothing else.
func (f *fate) expect(t *testing.T, w *world, topic string) {
	t.Helper()
	times := map[string]int{}
	for _, records := range w.read(topic) {
		for _, record := range records {
			times[string(record.Value)]++
		}
	}
	for value := range f.acknowledged {
		if times[value] != 1 {
			t.Errorf("%s was acknowledged and is in the log %d times", value, times[value])
		}
	}
	for value, n := range times {
		if f.absent[value] || n > 1 {
			t.Errorf("%s is in the log %d times (said to be absent: %t)", value, n, f.absent[value])
		}
	}
	t.Logf("%d acknowledged, %d unknown, %d not written; %d in the log", len(f.acknowledged), len(f.unknown), len(f.absent), len(times))
}

func TestAppenderChoosesThePartitionThatKafkasClientsChoose(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic := w.topic(7)
		producer, appender := w.producer(ProducerConfig{}), w.appender(topic, ample)
		for length := range 40 {
			key := strings.Repeat("ключ", length)[:length] // bytes above 127, too
			record := Record{Topic: topic, Key: key, Value: []byte("1"), Partition: PartitionAny}
			want, err := producer.Produce(within(t, timeout), record)
			if err != nil {
				t.Fatal(err)
			}
			got, err := appender.Append(t.Context(), record)
			if err != nil || key != "" && got.Partition != want.Partition || got.Offset < 0 {
				t.Errorf("%q: %+v, Kafka's client chose %d: %v", key, got, want.Partition, err)
			}
		}
	})
}

// One of several partitions has too few replicas: its records are refused before they are sent, but for the first, and the others go on.
func TestPartitionThatStandsStillHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	const partitions, slow = 3, 1
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(partitions)
	appender, said := w.appender(topic, scant), newFate()
	for partition := range int32(partitions) {
		if err := said.append(t, appender, topic, keyOf(partition, partitions), fmt.Sprint("before ", partition)); err != nil {
			t.Fatal(err)
		}
	}
	fault := broker.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Partitions: []int32{slow}, Err: kerr.NotEnoughReplicas, Count: -1,
	})
	first := make(chan error, 1)
	go func() { first <- said.append(t, appender, topic, keyOf(slow, partitions), "first") }()
	if err := fault.Wait(within(t, timeout), 1); err != nil {
		t.Fatal(err)
	}
	servicetest.Await(t, "the partition is known to stand still", func() bool {
		age, _ := appender.opened.Load().lanes[topic][slow].state()
		return age > appender.opened.Load().lanes[topic][slow].stillAfter
	})
	for i := range 20 {
		if err := said.append(t, appender, topic, keyOf(slow, partitions), fmt.Sprint("refused ", i)); !errors.Is(err, errStandsStill) {
			t.Errorf("while it stands still: %v", err)
		}
	}
	for i := range 20 {
		for _, partition := range []int32{0, 2} {
			if err := said.append(t, appender, topic, keyOf(partition, partitions), fmt.Sprintf("%d of %d", i, partition)); errors.Is(err, errStandsStill) {
				t.Errorf("partition %d: %v", partition, err)
			}
		}
	}
	if err := receive(t, "the first", first); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("the first: %v", err)
	}
	fault.Remove()
	servicetest.Await(t, "the partition takes records again", func() bool {
		return said.append(t, appender, topic, keyOf(slow, partitions), fmt.Sprint("after ", time.Now().UnixNano())) == nil
	})
	said.expect(t, w, topic)
}

// A stall that is shorter than the time of a call refuses nobody.
func TestStallIsWaitedOut(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(2)
	appender, said := w.appender(topic, ample), newFate()
	if err := said.append(t, appender, topic, "0", "before"); err != nil {
		t.Fatal(err)
	}
	broker.stop()
	var sends sync.WaitGroup
	for i := range 50 {
		sends.Go(func() { _ = said.append(t, appender, topic, strconv.Itoa(i), fmt.Sprint("during ", i)) })
	}
	servicetest.Await(t, "all are sent or held", func() bool {
		waiting := 0
		for _, l := range appender.opened.Load().lanes[topic] {
			_, held := l.state()
			l.mu.Lock()
			waiting += held + l.underWay.Len()
			l.mu.Unlock()
		}
		return waiting == 50
	})
	broker.start()
	sends.Wait()
	if len(said.acknowledged) != 51 {
		t.Errorf("%d of 51 were acknowledged", len(said.acknowledged))
	}
	said.expect(t, w, topic)
}

// What a broker has written and acknowledged to nobody is not written again, and counts as written.
func TestAcknowledgementThatGotLost(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]kfake.Fault{
		"answered with an error": {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicasAfterAppend, Count: 5},
		"answered too late":      {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut, Count: 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := startBroker(t)
			w := newWorld(t, broker.addresses())
			topic := w.topic(1)
			appender, said := w.appender(topic, ample), newFate()
			fault.Topic = topic
			broker.cluster.Fault(fault)
			for i := range 10 {
				if err := said.append(t, appender, topic, "key", strconv.Itoa(i)); err != nil {
					t.Errorf("%d: %v", i, err)
				}
			}
			said.expect(t, w, topic)
		})
	}
}

// A broker that had a record already may no longer know where: the client then has no offset.
func TestAcknowledgementWithoutAnOffsetIsASuccess(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	appender := w.appender(topic, ample)
	if _, err := appender.Append(t.Context(), Record{Topic: topic, Key: "key", Value: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	broker.cluster.ControlKey(kmsg.Produce.Int16(), func(asked kmsg.Request) (kmsg.Response, error, bool) {
		return hadAlready(asked.(*kmsg.ProduceRequest)), nil, true //nolint:forcetypeassert // of this key
	})
	receipt, err := appender.Append(t.Context(), Record{Topic: topic, Key: "key", Value: []byte("2")})
	if err != nil || receipt.Offset != -1 {
		t.Errorf("got %+v, %v", receipt, err)
	}
}

// hadAlready is a broker's answer to records that it has had for so long that it no longer knows their offsets.
func hadAlready(asked *kmsg.ProduceRequest) kmsg.Response {
	answer := asked.ResponseKind().(*kmsg.ProduceResponse) //nolint:forcetypeassert // by its contract
	for _, topic := range asked.Topics {
		answered := kmsg.NewProduceResponseTopic()
		answered.Topic, answered.TopicID = topic.Topic, topic.TopicID
		for _, partition := range topic.Partitions {
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition, p.ErrorCode, p.BaseOffset = partition.Partition, kerr.DuplicateSequenceNumber.Code, -1
			answered.Partitions = append(answered.Partitions, p)
		}
		answer.Topics = append(answer.Topics, answered)
	}
	return answer
}

// What is refused for good is not written, whatever stands beside it, and the next is taken once that is mended.
func TestRefusalForGoodIsNotWritten(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	appender, said := w.appender(topic, ample), newFate()
	fault := broker.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.TopicAuthorizationFailed, Count: -1})
	if err := said.append(t, appender, topic, "key", "refused"); err == nil || errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("without the right to write: %v", err)
	}
	fault.Remove()
	servicetest.Await(t, "records are taken", func() bool {
		return said.append(t, appender, topic, "key", fmt.Sprint("after ", time.Now().UnixNano())) == nil
	})
	said.expect(t, w, topic)
	if _, err := appender.Append(t.Context(), Record{Topic: topic, Key: "key", Value: make([]byte, 1<<20)}); !errors.Is(err, ErrRejected) {
		t.Errorf("a record that is too large: %v", err)
	}
}

// Brokers that restart under load cost nothing but time, or a word that the outcome is unknown; nothing is in the log twice.
func TestAppendWhileTheBrokerRestarts(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]time.Duration{"with ample time": ample, "with scant time": scant} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const senders, partitions, restarts = 20, 4, 3
			broker := startBroker(t)
			w := newWorld(t, broker.addresses())
			topic := w.topic(partitions)
			appender, said := w.appender(topic, limit), newFate()
			acknowledged := func() int {
				said.mu.Lock()
				defer said.mu.Unlock()
				return len(said.acknowledged)
			}
			stop := make(chan struct{})
			var sends sync.WaitGroup
			for sender := range senders {
				sends.Go(func() {
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						default:
						}
						if said.append(t, appender, topic, strconv.Itoa(sender), fmt.Sprintf("%d of %d", i, sender)) != nil {
							<-time.After(10 * time.Millisecond)
						}
					}
				})
			}
			for range restarts {
				before := acknowledged()
				servicetest.Await(t, "the senders work", func() bool { return acknowledged() > before+100 })
				broker.stop()
				broker.start()
			}
			before := acknowledged()
			servicetest.Await(t, "the senders work", func() bool { return acknowledged() > before+100 })
			close(stop)
			sends.Wait()
			if limit == ample && len(said.unknown)+len(said.absent) > 0 {
				t.Errorf("%d unknown, %d not written", len(said.unknown), len(said.absent))
			}
			said.expect(t, w, topic)
		})
	}
}

func TestAppenderIsReadyWhileBrokersTakeWrites(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	appender := w.appender(w.topic(1), scant)
	fault := broker.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.KafkaStorageError, Count: -1}) // a disk that is full
	for range 2 {
		if err := appender.Ready(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("no broker can write: %v", err)
		}
	}
	fault.Remove()
	servicetest.AwaitSuccess(t, "it is ready", func() error { return appender.Ready(t.Context()) })
}

func TestAppenderThatDoesNotRunRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startBroker(t).addresses())
	topic := w.topic(1)
	appender, err := w.NewAppender(AppenderConfig{Topics: []string{topic}, Timeout: ample})
	if err != nil {
		t.Fatal(err)
	}
	_, err = appender.Append(t.Context(), Record{Topic: topic, Key: "key"})
	if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown) {
		t.Error(err)
	}
	if appender.Ready(t.Context()) == nil {
		t.Error("it is ready")
	}
	running := run(t, appender)
	servicetest.AwaitSuccess(t, "it appends", func() error {
		_, err := appender.Append(t.Context(), Record{Topic: topic, Key: "key"})
		return err
	})
	running.stop()
	if _, err := appender.Append(t.Context(), Record{Topic: topic, Key: "key"}); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}
