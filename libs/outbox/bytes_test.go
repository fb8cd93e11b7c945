package outbox_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

// appendLarge appends n rows with values of a size, and gives their keys.
func appendLarge(t *testing.T, s outboxtest.Store, n, size int) (keys []string) {
	t.Helper()
	err := s.Transact(t.Context(), func(add func(row outbox.Row) (int64, error)) error {
		for i := range n {
			row := outboxtest.Row(fmt.Sprintf("room %d", i))
			row.Value = bytes.Repeat([]byte{7}, size)
			if _, err := add(row); err != nil {
				return err
			}
			keys = append(keys, row.Key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestMoreThanAProducerQueuesIsRelayed lets 300 creations of rooms with a thousand members wait: fewer rows than a batch may have, and more
// bytes than the producer queues.
func TestMoreThanAProducerQueuesIsRelayed(t *testing.T) {
	const rows, size = 300, 231_000
	s := onSQLite(t)
	want := appendLarge(t, s, rows, size)
	broker, log := nodetest.Broker(t), &following{}
	broker.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.KeepControl()
		log.slow.RLock()
		defer log.slow.RUnlock()
		return nil, nil, false
	})
	b := bus.New(bus.Config{Brokers: broker.ListenAddrs(), ClientID: "outbox-test", Replication: 1}, telemetry.Discard(nil))
	t.Cleanup(b.Close)
	if err := b.EnsureTopics(t.Context(), events.TopicRooms); err != nil {
		t.Fatal(err)
	}
	producer, err := b.NewProducer(bus.ProducerConfig{DeliveryTimeout: servicetest.Timeout, Gapless: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := producer.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	log.log = producer
	run(t, newRelay(t, s), log)
	servicetest.Await(t, "all rows in the log", func() bool { return len(log.keys()) >= rows })
	if got := log.keys(); !slices.Equal(got, want) {
		t.Errorf("%d records are not the %d rows in their order", len(got), rows)
	}
}

// queued is how many bytes a producer queues.
const queued = 64 << 20

// following is a log, and what it has acknowledged. Its broker takes nothing while more is written than a producer queues.
type following struct {
	log  outbox.Log
	slow sync.RWMutex
	journal
}

func (f *following) ProduceAll(ctx context.Context, records []bus.Record) ([]bus.Receipt, error) {
	bytes := 0
	for _, record := range records {
		bytes += len(record.Value)
	}
	if bytes > queued {
		f.slow.Lock()
		defer f.slow.Unlock()
	}
	receipts, err := f.log.ProduceAll(ctx, records)
	if err == nil {
		_, err = f.journal.ProduceAll(ctx, records)
	}
	return receipts, err
}

// unhurried is an outbox that notes when its leader waits for rows.
type unhurried struct {
	outbox.Outbox
	waits func()
}

func (u unhurried) Lead(ctx context.Context) (outbox.Lead, error) {
	lead, err := u.Outbox.Lead(ctx)
	return unhurriedLead{lead, u.waits}, err
}

type unhurriedLead struct {
	outbox.Lead
	waits func()
}

func (l unhurriedLead) Wait(ctx context.Context, timeout time.Duration) error {
	l.waits()
	return l.Lead.Wait(ctx, timeout)
}

// TestABatchThatIsFullOfBytesIsFollowedAtOnce relays batches of few rows.
func TestABatchThatIsFullOfBytesIsFollowedAtOnce(t *testing.T) {
	const rows, size = 20, outbox.MaxValue / 2
	s, log := onSQLite(t), &journal{}
	appendLarge(t, s, rows, size)
	first := make(chan int, 1)
	var once sync.Once
	run(t, newRelay(t, unhurried{s, func() { once.Do(func() { first <- len(log.keys()) }) }}), log)
	if relayed := <-first; relayed != rows {
		t.Errorf("it waits for rows when it has relayed %d of %d", relayed, rows)
	}
	if most := log.most(); most > outbox.BatchBytes {
		t.Errorf("a batch has %d bytes", most)
	}
}

// TestATombstoneHasNoValue relays a row without a value: for Kafka's compaction an empty one would be a value like any other.
func TestATombstoneHasNoValue(t *testing.T) {
	s, broker := onSQLite(t), nodetest.Broker(t)
	b := bus.New(bus.Config{Brokers: broker.ListenAddrs(), ClientID: "outbox-test", Replication: 1}, telemetry.Discard(nil))
	t.Cleanup(b.Close)
	if err := b.EnsureTopics(t.Context(), events.TopicMemberships); err != nil {
		t.Fatal(err)
	}
	removed := events.SnapshotRemoved{RoomID: uuid.New(), Part: 7}
	row, err := outbox.NewRow(t.Context(), telemetry.Discard(nil).Propagator, "/ism/test", time.Now(), removed)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Transact(t.Context(), func(add func(row outbox.Row) (int64, error)) error {
		_, err := add(row)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	producer, err := b.NewProducer(bus.ProducerConfig{DeliveryTimeout: servicetest.Timeout, Gapless: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := producer.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	run(t, newRelay(t, s), producer)
	read := make(chan bus.Record, 1)
	reader, err := b.NewReader(bus.ReaderConfig{
		Topics: []string{events.TopicMemberships}, Since: time.Unix(0, 0),
		Handler: func(_ context.Context, records []bus.Record) error { read <- records[0]; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	servicetest.Run(t, "reader", reader.Run)
	select {
	case record := <-read:
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil || event.Data != removed || record.Key != removed.PartitionKey() || record.Value != nil {
			t.Errorf("the record with the key %s and the value %q is %+v, %v", record.Key, record.Value, event, err)
		}
	case <-time.After(servicetest.Timeout):
		t.Fatal("nothing comes")
	}
}
