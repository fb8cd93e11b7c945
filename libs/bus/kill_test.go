package bus

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

// memberSetting makes this test binary, run with -test.run=TestMemberProcess, a member of a group: brokers, group and topic.
const memberSetting = "BUS_TEST_MEMBER"

// TestMemberProcess is no test of its own: it consumes until it is killed, and prints what it has handled.
func TestMemberProcess(t *testing.T) {
	setting := strings.Fields(os.Getenv(memberSetting))
	if len(setting) != 3 {
		t.Skip("it is run by other tests")
	}
	b := New(Config{Brokers: strings.Split(setting[0], ","), ClientID: "ism-test", Replication: 1}, telemetry.Discard(nil))
	member, err := b.NewConsumer(ConsumerConfig{
		Group: setting[1], Topics: []string{setting[2]}, MaxBatch: 10,
		Handler: func(_ context.Context, records []Record) error {
			for _, record := range records {
				if err := json.NewEncoder(os.Stdout).Encode(record); err != nil {
					return fmt.Errorf("print a record: %w", err)
				}
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Fatal(member.Run(context.Background()))
}

// process is a member in a process of its own, so that it can be killed as kill -9 does.
type process struct {
	command *exec.Cmd
	handled ledger
	printed chan struct{} // closed when all that it printed has been read
}

func (w *world) process(group, topic string, brokers []string) *process {
	w.t.Helper()
	p := &process{command: exec.Command(os.Args[0], "-test.run=^TestMemberProcess$"), printed: make(chan struct{})}
	p.command.Env = append(os.Environ(), memberSetting+"="+strings.Join(brokers, ",")+" "+group+" "+topic)
	out, err := p.command.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		defer close(p.printed)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var record Record
			if json.Unmarshal(lines.Bytes(), &record) == nil {
				p.handled.add(record)
			}
		}
	}()
	w.t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	_ = p.command.Process.Kill()
	<-p.printed
	_ = p.command.Wait()
}

// traffic writes records, one after the other, until it is stopped, and gives their number.
func (w *world) traffic(topic string) (stop func() int) {
	producer := w.producer(ProducerConfig{})
	ctx, cancel := context.WithCancel(context.Background())
	written := make(chan int, 1)
	go func() {
		n := 0
		for ctx.Err() == nil {
			record := Record{Topic: topic, Key: strconv.Itoa(n % 20), Value: []byte(strconv.Itoa(n)), Partition: PartitionAny}
			if _, err := producer.Produce(context.WithoutCancel(ctx), record); err != nil {
				w.t.Errorf("write: %v", err)
				break
			}
			n++
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
			}
		}
		written <- n
	}()
	w.t.Cleanup(cancel)
	return func() int {
		cancel()
		return receive(w.t, "the end of the traffic", written)
	}
}

// How soon brokers give up a member that is gone is what it tells them; the clients' own default is 45 s.
func TestAMemberThatIsGoneIsGivenUpSoon(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	joined := make(chan int32, 1)
	broker.cluster.ControlKey(kmsg.JoinGroup.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		broker.cluster.KeepControl()
		select {
		case joined <- request.(*kmsg.JoinGroupRequest).SessionTimeoutMillis:
		default:
		}
		return nil, nil, false
	})
	run(t, w.consumer(ConsumerConfig{Group: w.group(), Topics: []string{w.topic(1)}, Handler: func(context.Context, []Record) error { return nil }}))
	if session := receive(t, "a member", joined); session > 6000 {
		t.Errorf("a member's session lasts %d ms", session)
	}
}

// A member is killed while it handles records: another takes over when its session ends, after six seconds, and begins with what the first had not
// committed, so that no record is left out.
func TestKilledMembersRecordsAreHandledByAnother(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		const partitions = 4
		topic, group := w.topic(partitions), w.group()
		stop := w.traffic(topic)
		killed := w.process(group, topic, w.cfg.Brokers)
		servicetest.Await(t, "the first works", func() bool { return killed.handled.distinct() >= 10 })
		var handled ledger
		run(t, w.consumer(ConsumerConfig{Group: group, Topics: []string{topic}, MaxBatch: 10, Handler: func(_ context.Context, records []Record) error {
			handled.add(records...)
			return nil
		}}))
		servicetest.Await(t, "the second works", func() bool { return handled.distinct() >= 10 })
		if owned := partitionsOf(handled.records()); owned == partitions {
			t.Fatal("the first has no partition left when it is killed")
		}
		killed.kill()
		begun := time.Now()
		servicetest.Await(t, "the second has taken over", func() bool { return partitionsOf(handled.records()) == partitions })
		t.Logf("taken over after %s", time.Since(begun))
		total := stop()
		before := killed.handled.records()
		var all ledger
		servicetest.Await(t, "all is handled", func() bool {
			all = ledger{}
			all.add(before...)
			all.add(handled.records()...)
			return all.distinct() == total
		})
		expectOrder(t, all.records(), total)
	})
}

func partitionsOf(records []Record) int {
	seen := map[int32]bool{}
	for _, record := range records {
		seen[record.Partition] = true
	}
	return len(seen)
}

// Where members come and go in order, each record is handled once: what has been handled is committed before it is given up.
func TestOrderlyRebalancesRepeatNothing(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic, group := w.topic(6), w.group()
		stop := w.traffic(topic)
		var handled ledger
		join := func() *running {
			var own atomic.Int64
			member := run(t, w.consumer(ConsumerConfig{Group: group, Topics: []string{topic}, MaxBatch: 20, Handler: func(_ context.Context, records []Record) error {
				own.Add(int64(len(records)))
				handled.add(records...)
				return nil
			}}))
			servicetest.Await(t, "the new member works", func() bool { return own.Load() >= 50 })
			return member
		}
		goOn := func() {
			n := handled.distinct() + 100
			servicetest.Await(t, "more is handled", func() bool { return handled.distinct() >= n })
		}
		first := join()
		second := join()
		goOn()
		first.stop()
		goOn()
		third := join()
		second.stop()
		goOn()
		total := stop()
		servicetest.Await(t, "all is handled", func() bool { return handled.distinct() == total })
		third.stop()
		expectOrder(t, handled.records(), total)
		if got := len(handled.records()); got != total {
			t.Errorf("%d records were handled, of %d", got, total)
		}
	})
}
