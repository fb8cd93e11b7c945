package notifications_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications"
	"github.com/ism-chat/ism/services/notifications/internal/kafkain"
)

// shop is a backend with brokers of its own.
type shop struct {
	tb      testing.TB
	brokers []string
	bus     *bus.Bus
	topic   string
	group   string
}

func newShop(tb testing.TB, brokers []string) *shop {
	tb.Helper()
	s := &shop{tb: tb, brokers: brokers, topic: "shop." + uuid.NewString(), group: "shop." + uuid.NewString()}
	s.bus = bus.New(bus.Config{Brokers: brokers, ClientID: "shop", Replication: 1}, telemetry.Discard(slog.New(slog.DiscardHandler)))
	tb.Cleanup(s.bus.Close)
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": strings.Join(brokers, ",")})
	if err != nil {
		tb.Fatal(err)
	}
	defer admin.Close()
	const partitions = 3
	made, err := admin.CreateTopics(tb.Context(), []kafka.TopicSpecification{{Topic: s.topic, NumPartitions: partitions, ReplicationFactor: 1}})
	if err != nil || made[0].Error.Code() != kafka.ErrNoError {
		tb.Fatal(made, err)
	}
	servicetest.Await(tb, "the topic is known", func() bool {
		count, err := s.bus.Partitions(tb.Context(), s.topic)
		return err == nil && count == partitions
	})
	return s
}

// reads has a service read the shop's topic.
func (s *shop) reads(cfg *notifications.Config) {
	cfg.KafkaIn = true
	cfg.KafkaInFrom = kafkain.Config{Brokers: s.brokers, Topic: s.topic, Group: s.group, ClientID: "ism"}
}

// write writes records to a partition.
func (s *shop) write(partition int32, records ...bus.Record) {
	s.tb.Helper()
	for i := range records {
		records[i].Topic, records[i].Partition = s.topic, partition
	}
	err := s.bus.WithProducer(s.tb.Context(), bus.ProducerConfig{}, func(ctx context.Context, p *bus.Producer) error {
		_, err := p.ProduceAll(ctx, records)
		return err
	})
	if err != nil {
		s.tb.Fatal(err)
	}
}

// behind is how many records the service has not committed.
func (s *shop) behind() int64 {
	s.tb.Helper()
	group, err := s.bus.InspectGroup(s.tb.Context(), s.group, s.topic)
	if err != nil {
		s.tb.Fatal(err)
	}
	return group.Lag
}

func told(user uuid.UUID, n int) string {
	return fmt.Sprintf(`{"toUser":%q,"type":"SystemMessage","message":{"n":%d}}`, user, n)
}

// messages is what the log has for a user, with each id once.
func (w *world) messages(user uuid.UUID) (messages []string, ids []uuid.UUID) {
	w.tb.Helper()
	for _, event := range w.log() {
		if sent := event.Data.(events.NotificationSent); sent.UserID == user && !slices.Contains(ids, event.ID) {
			messages, ids = append(messages, string(sent.Message)), append(ids, event.ID)
		}
	}
	return messages, ids
}

// What a shop writes to its own topic, on its own brokers, is told in the order of each key, and told once.
func TestATopicOfABackendIsTold(t *testing.T) {
	for name, brokers := range map[string]func(t *testing.T) []string{
		"embedded": func(t *testing.T) []string { return nodetest.Broker(t).ListenAddrs() },
		"kafka":    func(t *testing.T) []string { return enginetest.KafkaBrokers(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := newShop(t, brokers(t))
			alice, bob := uuid.New(), uuid.New()
			var want []string
			var records []bus.Record
			for n := range 100 {
				records = append(records, bus.Record{Key: alice.String(), Value: []byte(told(alice, n)), Headers: map[string]string{"theirs": "x"}})
				want = append(want, fmt.Sprintf(`{"n":%d}`, n))
			}
			shop.write(0, records...) // before the service is there
			shop.write(1,
				bus.Record{Value: []byte(`{"specversion":"1.0","id":"1","source":"/shop","type":"x","data":` + told(bob, 1) + `}`)},
				bus.Record{Value: []byte("hello")},
				bus.Record{Value: []byte(told(bob, 2)), Headers: map[string]string{"ce_specversion": "1.0", "ce_id": "2", "ce_source": "/shop", "ce_type": "x"}},
				bus.Record{}, // no value
				bus.Record{Value: []byte(`{"specversion":"1.0","id":"1","source":"/shop","type":"x","data":` + told(bob, 1) + `}`)}, // again
			)
			w := newWorld(t, shop.reads)
			servicetest.Await(t, "all is committed", func() bool { return shop.behind() == 0 })
			got, first := w.messages(alice)
			if !slices.Equal(got, want) {
				t.Errorf("alice is told %v", got)
			}
			if got, _ := w.messages(bob); !slices.Equal(got, []string{`{"n":1}`, `{"n":2}`}) {
				t.Errorf("bob is told %v", got)
			}
			letters := w.deadLetters()
			if len(letters) != 2 || string(letters[0].Value) != "hello" || !strings.Contains(letters[0].Headers["ism_reason"], "malformed-json") || letters[0].Headers["ism_topic"] != shop.topic {
				t.Errorf("the dead letters are %+v", letters)
			}
			// Another group reads all again: the ids are the same.
			shop.group += "-2"
			again := newWorld(t, shop.reads)
			servicetest.Await(t, "all is committed", func() bool { return shop.behind() == 0 })
			if _, second := again.messages(alice); !slices.Equal(second, first) {
				t.Errorf("the ids were %v, and are %v", first, second)
			}
		})
	}
}

// What the log does not take waits, and is not committed.
func TestWithoutOurKafkaOrRoomsATopicWaits(t *testing.T) {
	t.Parallel()
	shop := newShop(t, nodetest.Broker(t).ListenAddrs())
	w := newWorld(t, shop.reads, func(cfg *notifications.Config) { cfg.UnknownUsers = "refuse" })
	alice, bob := uuid.New(), uuid.New()
	w.rooms.tenants[alice] = "acme"
	var down atomic.Bool
	var refused atomic.Int32
	down.Store(true)
	w.broker.ControlKey(kmsg.Produce.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		w.broker.KeepControl()
		if down.Load() {
			refused.Add(1)
			return nil, errors.New("down"), true
		}
		return nil, nil, false
	})
	shop.write(2, bus.Record{Value: []byte(told(alice, 1))}, bus.Record{Value: []byte(told(alice, 2))})
	servicetest.Await(t, "it is tried", func() bool { return refused.Load() > 1 })
	if got := shop.behind(); got != 2 {
		t.Errorf("%d records are not committed", got)
	}
	w.rooms.isDown(true)
	down.Store(false)
	shop.write(2, bus.Record{Value: []byte(told(bob, 1))}, bus.Record{Value: []byte(told(alice, 3))})
	servicetest.Await(t, "it waits for rooms", func() bool { return w.rooms.asked() > 0 })
	w.rooms.isDown(false)
	servicetest.Await(t, "all is committed", func() bool { return shop.behind() == 0 })
	if got, _ := w.messages(alice); !slices.Equal(got, []string{`{"n":1}`, `{"n":2}`, `{"n":3}`}) {
		t.Errorf("alice is told %v", got)
	}
	if letters := w.deadLetters(); len(letters) != 1 || !strings.Contains(letters[0].Headers["ism_reason"], bob.String()) {
		t.Errorf("the dead letters are %+v", letters)
	}
}
