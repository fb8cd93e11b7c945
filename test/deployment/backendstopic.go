package deployment

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/enginetest"
)

// partitions are those of a topic of others.
const partitions = 3

// BackendsTopic is a topic of a company's backends, on the brokers of the tests: to most deployments those are another's.
type BackendsTopic struct {
	name    string
	brokers string
}

// NewBackendsTopic makes a topic, as a company would that knows nothing of the messenger.
func NewBackendsTopic(t testing.TB) *BackendsTopic {
	t.Helper()
	topic := &BackendsTopic{name: "shop.told-" + uuid.NewString()[:8], brokers: strings.Join(enginetest.KafkaBrokers(t), ",")}
	createTopic(t, topic.brokers, topic.name)
	return topic
}

// createTopic makes a topic.
func createTopic(t testing.TB, brokers, name string) {
	t.Helper()
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	made, err := admin.CreateTopics(ctx, []kafka.TopicSpecification{{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}})
	if err != nil || made[0].Error.Code() != kafka.ErrNoError {
		t.Fatalf("make the topic %s: %v, %v", name, made, err)
	}
}

// Settings have a deployment read the topic.
func (b *BackendsTopic) Settings() Settings {
	return Settings{
		"ISM_NOTIFICATIONS_KAFKA_IN": "true", "ISM_NOTIFICATIONS_KAFKA_IN_TOPIC": b.name, "ISM_NOTIFICATIONS_KAFKA_IN_BROKERS": b.brokers,
		"ISM_NOTIFICATIONS_KAFKA_IN_GROUP": b.name,
	}
}

// Writer writes to the topic without waiting, as a backend does that has much to tell, until the test ends. Written is called once the brokers have a record,
// or have refused it.
func (b *BackendsTopic) Writer(t testing.TB) (write func(key, value string, written func(err error))) {
	t.Helper()
	producer, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": b.brokers, "linger.ms": 0})
	if err != nil {
		t.Fatal(err)
	}
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		for event := range producer.Events() {
			if report, ok := event.(*kafka.Message); ok {
				report.Opaque.(func(error))(report.TopicPartition.Error) //nolint:forcetypeassert // it is what was produced below
			}
		}
	}()
	t.Cleanup(func() {
		producer.Flush(10_000)
		producer.Close()
		<-reported
	})
	at := kafka.TopicPartition{Topic: &b.name, Partition: kafka.PartitionAny}
	return func(key, value string, written func(err error)) {
		if err := producer.Produce(&kafka.Message{TopicPartition: at, Key: []byte(key), Value: []byte(value), Opaque: written}, nil); err != nil {
			written(err)
		}
	}
}

// Write writes a record to the topic, as a backend does.
func (b *BackendsTopic) Write(t testing.TB, key, value string) {
	t.Helper()
	producer, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": b.brokers, "compression.type": "gzip"})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	reports := make(chan kafka.Event, 1)
	at := kafka.TopicPartition{Topic: &b.name, Partition: kafka.PartitionAny}
	if err := producer.Produce(&kafka.Message{TopicPartition: at, Key: []byte(key), Value: []byte(value)}, reports); err != nil {
		t.Fatal(err)
	}
	if report, ok := (<-reports).(*kafka.Message); !ok || report.TopicPartition.Error != nil {
		t.Fatalf("write to %s: %v", b.name, report)
	}
}

// StackTopic is a topic of a company's backends on the brokers of the compose stack, which only its containers reach.
type StackTopic struct {
	stack *Stack
	name  string
}

// BackendsTopic makes the topic that the stack reads, if it is not there yet.
func (s *Stack) BackendsTopic(t testing.TB) *StackTopic {
	t.Helper()
	topic := &StackTopic{stack: s, name: "user-notification-events"}
	topic.tool(t, "", "kafka-topics.sh", "--create", "--if-not-exists", "--topic", topic.name, "--partitions", strconv.Itoa(partitions))
	return topic
}

// Write writes a record to the topic, as a backend does. Neither key nor value has a line's end.
func (s *StackTopic) Write(t testing.TB, key, value string) {
	t.Helper()
	s.tool(t, key+"|"+value, "kafka-console-producer.sh", "--topic", s.name, "--property", "parse.key=true", "--property", "key.separator=|")
}

// tool runs one of Kafka's tools in the container of the broker, and gives it a line.
func (s *StackTopic) tool(t testing.TB, line, tool string, args ...string) {
	t.Helper()
	const script = `printf '%s\n' "$1" | "/opt/kafka/bin/$2" --bootstrap-server localhost:9092 "${@:3}"`
	small := []string{"exec", "-T", "-e", "KAFKA_HEAP_OPTS=-Xmx96m", "kafka", "bash", "-c", script, tool}
	s.stack.Run(t, slices.Concat(small, []string{line, tool}, args)...)
}
