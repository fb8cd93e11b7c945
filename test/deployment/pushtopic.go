package deployment

import (
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/enginetest"
)

// PushTopic is a topic on the brokers of the tests, from which an operator's own sender of pushes reads.
type PushTopic struct {
	name    string
	brokers string
}

// NewPushTopic makes a topic, as an operator does.
func NewPushTopic(t testing.TB) *PushTopic {
	t.Helper()
	topic := &PushTopic{name: "push-" + uuid.NewString()[:8], brokers: strings.Join(enginetest.KafkaBrokers(t), ",")}
	createTopic(t, topic.brokers, topic.name)
	return topic
}

// Settings have a deployment on these brokers hand pushes off to the topic.
func (p *PushTopic) Settings() Settings { return Settings{"ISM_NOTIFICATIONS_PUSH_TOPIC": p.name} }

// Await reads the topic from its beginning until a record's value satisfies the condition.
func (p *PushTopic) Await(t testing.TB, timeout time.Duration, what string, condition func(value []byte) bool) {
	t.Helper()
	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{"bootstrap.servers": p.brokers, "group.id": p.name, "enable.auto.commit": false})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = consumer.Close() }()
	var all []kafka.TopicPartition
	for number := range int32(partitions) {
		all = append(all, kafka.TopicPartition{Topic: &p.name, Partition: number, Offset: kafka.OffsetBeginning})
	}
	if err := consumer.Assign(all); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(timeout); time.Now().Before(end); {
		// The client sees to errors itself, and goes on.
		if record, err := consumer.ReadMessage(time.Second); err == nil && condition(record.Value) {
			return
		}
	}
	t.Fatalf("waited in vain on %s: %s", p.name, what)
}
