package bus

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestTheTableIsWhatTopicsAreMadeWith(t *testing.T) {
	b := New(Config{Replication: 3, Partitions: 4}, telemetry.Discard(nil))
	table := b.Table()
	if len(table) != len(b.topics()) {
		t.Fatalf("the table has %d topics of %d", len(table), len(b.topics()))
	}
	for _, topic := range table {
		made := b.specification(topic.Name, b.topics()[topic.Name])
		if topic.Partitions != made.NumPartitions || topic.Replication != 3 || topic.MinInSync != 2 {
			t.Errorf("%v is made as %v", topic, made)
		}
	}
}

func TestInspectGivesTopicsAsTheyAre(t *testing.T) {
	onKafka(t, func(t *testing.T, w *world) {
		name := w.topic(3)
		admin, err := w.adminClient()
		if err != nil {
			t.Fatal(err)
		}
		ctx := within(t, timeout)
		_, err = admin.IncrementalAlterConfigs(ctx, []kafka.ConfigResource{{Type: kafka.ResourceTopic, Name: name, Config: []kafka.ConfigEntry{
			{Name: retentionConfig, Value: "-1", IncrementalOperation: kafka.AlterConfigOpTypeSet},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		found, err := w.Inspect(ctx, name, name+"-not-there")
		if err != nil {
			t.Fatal(err)
		}
		topic, ok := found[name]
		if !ok || len(found) != 1 || topic.Partitions != 3 || topic.Replication != 1 || topic.MinInSync != 1 || topic.Retention != 0 || topic.Cleanup != "delete" || len(topic.Leaderless) > 0 {
			t.Errorf("found %v", found)
		}
	})
}

func TestInspectGroupCountsWhatIsNotCommitted(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		topic, group := w.topic(2), w.group()
		w.write(w.producer(ProducerConfig{}), topic, 0, 5, oneKey)
		ctx := within(t, timeout)
		never, err := w.InspectGroup(ctx, group, topic)
		if err != nil || never.Members != 0 || never.Lag != 5 {
			t.Fatalf("a group that never was: %v, %v", never, err)
		}
		run(t, w.consumer(ConsumerConfig{Group: group, Topics: []string{topic}, Handler: func(context.Context, []Record) error { return nil }}))
		servicetest.Await(t, "the group has one member and has committed all", func() bool {
			now, err := w.InspectGroup(ctx, group, topic)
			return err == nil && now.Members == 1 && now.Lag == 0
		})
	})
}

// Brokers that have just started have groups' coordinators that still load.
func TestInspectGroupWaitsForItsCoordinator(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	w.write(w.producer(ProducerConfig{}), topic, 0, 5, oneKey)
	var refused atomic.Bool
	broker.cluster.ControlKey(kmsg.DescribeGroups.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		refused.Store(true)
		group := kmsg.NewDescribeGroupsResponseGroup()
		group.Group, group.ErrorCode = request.(*kmsg.DescribeGroupsRequest).Groups[0], kerr.CoordinatorLoadInProgress.Code
		response := request.ResponseKind().(*kmsg.DescribeGroupsResponse)
		response.Groups = append(response.Groups, group)
		return response, nil, true // and is asked no more
	})
	group, err := w.InspectGroup(within(t, timeout), w.group(), topic)
	if err != nil || group.Lag != 5 || !refused.Load() {
		t.Errorf("%v, %v; refused at first: %t", group, err, refused.Load())
	}
}

func TestInspectingWithoutABrokerFailsInTime(t *testing.T) {
	b := New(Config{Brokers: []string{"127.0.0.1:1"}}, telemetry.Discard(nil))
	t.Cleanup(b.Close)
	ctx := within(t, 300*time.Millisecond)
	for name, ask := range map[string]func() error{
		"brokers": func() error { _, err := b.Brokers(ctx); return err },
		"topics":  func() error { _, err := b.Inspect(ctx, events.TopicRooms); return err },
		"group":   func() error { _, err := b.InspectGroup(ctx, "g", events.TopicRooms); return err },
	} {
		if err := ask(); err == nil || name != "group" && !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
