package checks

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/examine/examinetest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

const previews = "ism.rooms.previews"

// confluent-kafka-go ends this goroutine some time after its client has been closed.
func TestMain(m *testing.M) {
	servicetest.VerifyNoLeaks(m, "github.com/confluentinc/confluent-kafka-go/v2/kafka.(*handle).waitTerminated")
}

// onBrokers gives the checks of brokers, of a group, and of topics in place of the suite's.
func onBrokers(t *testing.T, brokers, group string, topics ...bus.Topic) []examine.Check {
	t.Helper()
	var cfg struct{ Kafka bus.Config }
	found := examinetest.Survey(t, &cfg, "ISM_KAFKA_BROKERS="+brokers)
	b := bus.New(cfg.Kafka, telemetry.Discard(nil))
	t.Cleanup(b.Close)
	return newCluster(b, cfg.Kafka, topics).checks(found, []Group{{Name: group, Service: "rooms", Topic: events.TopicRooms}})
}

// makeTopic makes a topic that no other test has, and takes it away.
func makeTopic(t *testing.T, brokers []string, partitions int, settings map[string]string) string {
	t.Helper()
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": strings.Join(brokers, ","), "log_level": 0})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	name := "ism.test." + uuid.NewString()
	results, err := admin.CreateTopics(ctx, []kafka.TopicSpecification{{Topic: name, NumPartitions: partitions, ReplicationFactor: 1, Config: settings}})
	if err != nil || results[0].Error.Code() != kafka.ErrNoError {
		t.Fatalf("make a topic: %v, %v", results, err)
	}
	t.Cleanup(func() { _, _ = admin.DeleteTopics(ctx, []string{name}) })
	for {
		metadata, err := admin.GetMetadata(&name, false, 5000)
		if err == nil && len(metadata.Topics[name].Partitions) == partitions {
			return name
		}
		if ctx.Err() != nil {
			t.Fatalf("the topic is not there: %v", err)
		}
	}
}

func TestTopicsThatDifferFromTheTableAreNamed(t *testing.T) {
	brokers := enginetest.KafkaBrokers(t)
	wanted := bus.Topic{Partitions: 2, Replication: 1, MinInSync: 1, Retention: time.Hour, Cleanup: "delete"}
	forEver := func(t *bus.Topic) { t.Retention, t.Cleanup = 0, "compact" }
	for name, test := range map[string]struct {
		partitions int
		settings   map[string]string
		change     func(*bus.Topic)
		result     examine.Result
		words      []string
	}{
		"as the table has it": {2, map[string]string{"retention.ms": "3600000"}, nil, examine.OK, []string{"2 partitions", "kept 1h0m0s"}},
		"kept too short":      {2, map[string]string{"retention.ms": "60000"}, nil, examine.Fault, []string{"kept 1m0s instead of kept 1h0m0s", "retention.ms=3600000"}},
		"kept too long":       {2, map[string]string{"retention.ms": "-1"}, nil, examine.Warning, []string{"kept for ever instead of kept 1h0m0s"}},
		"kept for ever, as the table has it": {
			2, map[string]string{"retention.ms": "-1", "cleanup.policy": "compact"}, forEver, examine.OK, []string{"kept for ever"},
		},
		"kept for ever, whatever the retention": {
			2, map[string]string{"retention.ms": "3600000", "cleanup.policy": "compact"}, forEver, examine.OK, []string{"kept for ever"},
		},
		"not kept for ever": {
			2,
			map[string]string{"retention.ms": "3600000", "cleanup.policy": "compact,delete"},
			forEver, examine.Fault,
			[]string{"kept 1h0m0s instead of kept for ever", "cleanup.policy=[compact],retention.ms=-1"},
		},
		"compacted": {
			2,
			map[string]string{"retention.ms": "3600000", "cleanup.policy": "delete,compact"},
			nil, examine.Fault,
			[]string{"only the newest record", "cleanup.policy=[delete],retention.ms=3600000"},
		},
		"not compacted": {
			2,
			map[string]string{"retention.ms": "3600000"},
			func(t *bus.Topic) { t.Cleanup = "compact,delete" }, examine.Warning,
			[]string{"costs disk", "cleanup.policy=[compact,delete]"},
		},
		"too many partitions":       {3, map[string]string{"retention.ms": "3600000"}, nil, examine.Warning, []string{"3 partitions", "with 2"}},
		"nothing can be written":    {2, map[string]string{"retention.ms": "3600000", "min.insync.replicas": "2"}, nil, examine.Fault, []string{"nothing can be written", "min.insync.replicas=1"}},
		"fewer replicas than asked": {2, map[string]string{"retention.ms": "3600000"}, func(t *bus.Topic) { t.Replication = 3 }, examine.Fault, []string{"1 replicas, ISM_KAFKA_REPLICATION is 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			topic := wanted
			topic.Name = makeTopic(t, brokers, test.partitions, test.settings)
			if test.change != nil {
				test.change(&topic)
			}
			checks := onBrokers(t, strings.Join(brokers, ","), previews, topic)
			examinetest.Expect(t, examinetest.Find(t, checks, topic.Name), test.result, test.words...)
		})
	}
	t.Run("missing", func(t *testing.T) {
		missing := wanted
		missing.Name = "ism.test." + uuid.NewString()
		checks := onBrokers(t, strings.Join(brokers, ","), previews, missing)
		examinetest.Expect(t, examinetest.Find(t, checks, missing.Name), examine.Fault, "not there", "--partitions 2", "retention.ms=3600000", "cleanup.policy=delete")
		forEver(&missing)
		checks = onBrokers(t, strings.Join(brokers, ","), previews, missing)
		examinetest.Expect(t, examinetest.Find(t, checks, missing.Name), examine.Fault, "not there", "retention.ms=-1", "cleanup.policy=compact")
	})
}

func TestBrokersAndGroups(t *testing.T) {
	brokers := enginetest.KafkaBrokers(t)
	nobodys := "ism.rooms." + uuid.NewString()
	checks := onBrokers(t, strings.Join(brokers, ","), nobodys)
	examinetest.Expect(t, examinetest.Find(t, checks, "brokers"), examine.OK, brokers[0])
	examinetest.Expect(t, examinetest.Find(t, checks, nobodys), examine.Fault, "nobody reads", "start rooms")

	gone := examinetest.ClosedPort(t)
	checks = onBrokers(t, gone, previews)
	examinetest.Expect(t, examinetest.Find(t, checks, "brokers"), examine.Fault, gone, "nothing listens", "ISM_KAFKA_BROKERS")
	examinetest.Expect(t, examinetest.Find(t, checks, "topics"), examine.NotChecked)
	examinetest.Expect(t, examinetest.Find(t, checks, previews), examine.NotChecked)
	checks = onBrokers(t, gone+","+brokers[0], previews)
	examinetest.Expect(t, examinetest.Find(t, checks, "brokers"), examine.Warning, gone)
}
