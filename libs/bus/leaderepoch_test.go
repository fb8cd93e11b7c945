package bus

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// followEpochs runs a reader from a time on that notes, as "offset/leader epoch", where it begins, behind "begin", and each record.
func (w *world) followEpochs(topic string, since time.Time) *following {
	w.t.Helper()
	f := &following{}
	reader, err := w.NewReader(ReaderConfig{
		Topics: []string{topic}, Since: since, MaxBatch: 10,
		Begin: func(_ string, _ int32, offset int64, leaderEpoch int32) {
			f.note(fmt.Sprintf("begin %d/%d", offset, leaderEpoch))
		},
		Handler: func(_ context.Context, records []Record) error {
			for _, record := range records {
				f.note(fmt.Sprintf("%d/%d", record.Offset, record.LeaderEpoch))
			}
			return nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	run(w.t, reader)
	return f
}

// elect has the brokers elect leaders anew: each partition's leader epoch is one more.
func (b *broker) elect() {
	b.t.Helper()
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": b.addresses()[0]})
	if err != nil {
		b.t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.ElectLeaders(within(b.t, timeout), kafka.NewElectLeadersRequest(kafka.ElectionTypePreferred, nil)); err != nil {
		b.t.Fatal(err)
	}
}

// leaderEpoch is that of the topic's only partition now.
func (w *world) leaderEpoch(topic string) int32 {
	w.t.Helper()
	at := topicPartition{topic, 0}
	found, err := w.listed(within(w.t, timeout), []topicPartition{at}, kafka.LatestOffsetSpec)
	if err != nil {
		w.t.Fatal(err)
	}
	return found[at].leaderEpoch
}

func TestRecordsTellTheirLeaderEpoch(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic := w.topic(1)
		epoch := w.leaderEpoch(topic)
		if epoch < 0 {
			t.Fatalf("the leader epoch is %d", epoch)
		}
		at := func(offset int) string { return fmt.Sprintf("%d/%d", offset, epoch) }
		w.say(w.producer(ProducerConfig{}), topic, numbers(0, 3)...)
		w.followEpochs(topic, time.UnixMilli(1)).await(t, "begin 0/-1", at(0), at(1), at(2))
		now := w.followEpochs(topic, time.Time{})
		now.await(t, fmt.Sprintf("begin 3/%d", epoch))
		w.say(w.producer(ProducerConfig{}), topic, "3")
		now.await(t, fmt.Sprintf("begin 3/%d", epoch), at(3))
		if err := w.removeBefore(topic, 4); err != nil {
			t.Fatal(err)
		}
		w.followEpochs(topic, time.Time{}).await(t, "begin 4/-1") // what was before is gone
	})
}

// A broker that leads again has a new epoch, and what it has written before keeps the old one.
func TestLeaderEpochsStayWithTheirRecords(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	w.say(w.producer(ProducerConfig{}), topic, "0", "1")
	broker.elect()
	w.followEpochs(topic, time.Time{}).await(t, "begin 2/0")
	w.say(w.producer(ProducerConfig{}), topic, "2")
	w.followEpochs(topic, time.UnixMilli(1)).await(t, "begin 0/-1", "0/0", "1/0", "2/1")
	broker.stop()
	broker.start()
	w.followEpochs(topic, time.Time{}).await(t, "begin 3/1")
}

// A client that replaces another must not go on in a log that has lost meanwhile what was read, and is longer again.
func TestAClientThatReplacesAnotherNoticesALogThatHasLostItsEnd(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	w.say(w.producer(ProducerConfig{}), topic, numbers(0, 2)...)
	broker.stop()
	older := t.TempDir()
	if err := os.CopyFS(older, os.DirFS(broker.dir)); err != nil {
		t.Fatal(err)
	}
	broker.start()
	w.say(w.producer(ProducerConfig{}), topic, "2")
	reader, err := w.NewReader(ReaderConfig{
		Topics: []string{topic}, Since: time.UnixMilli(1), Handler: func(context.Context, []Record) error { return nil },
		Begin: func(string, int32, int64, int32) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer awaitClosed(t, reader)
	if err := reader.locate(within(t, timeout)); err != nil {
		t.Fatal(err)
	}
	read, stop := context.WithCancel(within(t, timeout))
	reader.cfg.Handler = func(_ context.Context, records []Record) error {
		if records[len(records)-1].Offset == 2 {
			stop()
		}
		return nil
	}
	if err := reader.read(read); err != nil {
		t.Fatal(err)
	}
	if reader.hasForked(within(t, timeout)) {
		t.Error("a log that goes on is taken for another")
	}
	broker.dir = older
	broker.elsewhere(t, func(w *world) {
		broker.elect()
		w.say(w.producer(ProducerConfig{}), topic, "2 again", "3", "4")
	})
	if !reader.hasForked(within(t, timeout)) {
		t.Error("nothing is noticed")
	}
	if jumps, err := reader.jumps(within(t, timeout)); err != nil || len(jumps) != 1 || !jumps[0].Back() || jumps[0].LeaderEpoch != 1 || jumps[0].LeaderNow != 1 {
		t.Errorf("the jumps are %+v, %v", jumps, err)
	}
}

// Of partitions that were led by the broker that has lost records some may be whole.
func TestOnlyWhatHasLostRecordsJumps(t *testing.T) {
	const whole, shorter, grown, unknown = 0, 1, 2, 3
	for name, c := range map[string]struct {
		jumps []Jump
		want  []int32
	}{
		"leaders are counted": {[]Jump{
			{Partition: whole, From: 7, To: 7, LeaderEpoch: 3, LeaderNow: 3},
			{Partition: shorter, From: 7, To: 5, LeaderEpoch: 3, LeaderNow: 4},
			{Partition: grown, From: 7, To: 7, LeaderEpoch: 4, LeaderNow: 4},
			{Partition: unknown, From: 7, To: 7, LeaderEpoch: NoLeaderEpoch, LeaderNow: 4},
		}, []int32{shorter, grown, unknown}},
		"they are not": {[]Jump{
			{Partition: whole, From: 7, To: 7, LeaderEpoch: 3, LeaderNow: 3},
			{Partition: shorter, From: 7, To: 5, LeaderEpoch: 3, LeaderNow: 3},
		}, []int32{whole, shorter}},
		"nothing shows": {[]Jump{
			{Partition: whole, From: 7, To: 7, LeaderEpoch: 3, LeaderNow: 3},
			{Partition: unknown, From: 7, To: 7, LeaderEpoch: NoLeaderEpoch, LeaderNow: 4},
		}, []int32{whole, unknown}},
	} {
		r := &Reader{epochs: map[topicPartition]int32{{"", whole}: 3, {"", shorter}: 3, {"", grown}: 3, {"", unknown}: 3}}
		var got []int32
		for _, jump := range r.withoutWhole(c.jumps) {
			got = append(got, jump.Partition)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v jump, want %v", name, got, c.want)
		}
	}
}
