package bus

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
)

// others are those who write a topic that is not of the suite, on brokers of theirs.
type others struct {
	*world
	topic string
}

// make makes their topic.
func (o *others) make(partitions int) {
	o.t.Helper()
	if err := o.create(within(o.t, timeout), []kafka.TopicSpecification{{Topic: o.topic, NumPartitions: partitions, ReplicationFactor: 1}}); err != nil {
		o.t.Fatal(err)
	}
}

// write writes records as a client does that is not ours.
func (o *others) write(compression string, messages ...kafka.Message) {
	o.t.Helper()
	producer, err := kafka.NewProducer(o.clientConfig(kafka.ConfigMap{
		"compression.type": compression, "message.max.bytes": 20_000_000, "partitioner": "consistent_random", "go.delivery.reports": true, "linger.ms": 20,
	}))
	if err != nil {
		o.t.Fatal(err)
	}
	defer producer.Close()
	reports := make(chan kafka.Event, len(messages))
	for _, message := range messages {
		message.TopicPartition = kafka.TopicPartition{Topic: &o.topic, Partition: message.TopicPartition.Partition}
		if err := producer.Produce(&message, reports); err != nil {
			o.t.Fatal(err)
		}
	}
	for range messages {
		if report := receive(o.t, "a report", reports).(*kafka.Message); report.TopicPartition.Error != nil {
			o.t.Fatal(report.TopicPartition.Error)
		}
	}
}

func (o *others) topics() []string {
	o.t.Helper()
	metadata, err := o.metadata(within(o.t, timeout), nil)
	if err != nil {
		o.t.Fatal(err)
	}
	var names []string
	for name := range metadata.Topics {
		names = append(names, name)
	}
	return names
}

// A topic of others is taken as it is, also when it is made later than the group begins: nothing is made on their brokers, and what cannot be handled goes to
// the dead letters of ours.
func TestATopicOfOthersIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	theirBrokers := map[string]func(t *testing.T) []string{
		"embedded": func(t *testing.T) []string {
			return startBroker(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000000"})).addresses()
		},
		"kafka": func(t *testing.T) []string { return enginetest.KafkaBrokers(t) },
	}
	for name, brokers := range theirBrokers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours := newWorld(t, startBroker(t).addresses())
			theirs := &others{world: newWorld(t, brokers(t)), topic: "theirs." + uuid.NewString()}
			large := name == "embedded" // Kafka there takes what ours do
			var handled ledger
			consumer := run(t, theirs.consumer(ConsumerConfig{
				Group: theirs.group(), Topics: []string{theirs.topic}, MaxBatch: 10, DeadLetters: ours.Bus,
				Handler: func(_ context.Context, records []Record) error {
					for _, record := range records {
						if strings.HasPrefix(string(record.Value), "bad") || record.Value == nil {
							return fmt.Errorf("%w: it is bad", ErrRejected)
						}
					}
					handled.add(records...)
					return nil
				},
			}))
			servicetest.Await(t, "it is seen that the topic is missing", func() bool { return strings.Contains(theirs.log.String(), "connection to Kafka is disturbed") })
			theirs.make(3)
			headers := []kafka.Header{{Key: "theirs", Value: []byte("yes")}, {Key: "twice", Value: []byte("1")}, {Key: "twice", Value: []byte("2")}, {Key: "empty"}}
			for partition, compression := range []string{"none", "gzip", "snappy"} {
				at := kafka.TopicPartition{Partition: int32(partition)}
				theirs.write(compression,
					kafka.Message{TopicPartition: at, Value: []byte("0")},
					kafka.Message{TopicPartition: at, Key: []byte("\xff\x00"), Value: []byte("1"), Headers: headers},
					kafka.Message{TopicPartition: at, Value: []byte("bad"), Headers: headers},
					kafka.Message{TopicPartition: at, Key: []byte("key")},
					kafka.Message{TopicPartition: at, Value: []byte("2")},
				)
			}
			theirs.write("zstd", kafka.Message{TopicPartition: kafka.TopicPartition{Partition: PartitionAny}, Value: []byte("3")})
			buried := 6
			if large {
				theirs.write("lz4", kafka.Message{
					TopicPartition: kafka.TopicPartition{Partition: 0}, Key: make([]byte, 3_000_000), Value: []byte("bad" + strings.Repeat("x", 3_000_000)),
					Headers: []kafka.Header{{Key: "large", Value: make([]byte, 3_000_000)}},
				})
				buried++
			}
			servicetest.Await(t, "all is handled or buried", func() bool {
				return len(handled.records()) == 10 && strings.Count(theirs.log.String(), "went to the dead letters") == buried
			})
			consumer.stop()
			letters := ours.deadLetters(theirs.topic)
			if len(letters) != buried {
				t.Fatalf("%d dead letters", len(letters))
			}
			for _, letter := range letters {
				if letter.Headers[headerReason] == "" || letter.Headers["ce_id"] != "" || string(letter.Value) == "bad" && letter.Headers["theirs"] != "yes" {
					t.Errorf("a letter has %q, %v", letter.Value, letter.Headers)
				}
				if large && letter.Headers[headerOmitted] != "" && (len(letter.Key) != maxReason || letter.Headers["large"] != "") {
					t.Errorf("a large letter has a key of %d bytes, headers %v", len(letter.Key), letter.Headers)
				}
			}
			if made := theirs.topics(); name == "embedded" && slices.ContainsFunc(made, func(topic string) bool { return topic == events.TopicDeadLetters }) {
				t.Errorf("their brokers have %v", made)
			}
			if count, err := theirs.Partitions(within(t, timeout), theirs.topic); err != nil || count != 3 {
				t.Errorf("their topic has %d partitions, %v", count, err)
			}
		})
	}
}
