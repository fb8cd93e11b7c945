package deployment

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"
)

// Partition is a partition as the brokers see it.
type Partition struct {
	Leader int32 // -1: none
	InSync []int32
}

// Partitions are those of a topic, by number.
func (c *Cluster) Partitions(topic string) (map[int32]Partition, error) {
	metadata, err := c.admin.GetMetadata(&topic, false, 2000)
	if err != nil {
		return nil, err
	}
	found := map[int32]Partition{}
	for _, partition := range metadata.Topics[topic].Partitions {
		found[partition.ID] = Partition{Leader: partition.Leader, InSync: partition.Isrs}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no partitions", topic)
	}
	return found, nil
}

// AwaitPartitions waits until all partitions of a topic are so.
func (c *Cluster) AwaitPartitions(t testing.TB, topic, what string, are func(Partition) bool) {
	t.Helper()
	c.await(t, "partitions of "+topic+" that "+what, func() error {
		partitions, err := c.Partitions(topic)
		if err != nil {
			return err
		}
		for number, partition := range partitions {
			if !are(partition) {
				return fmt.Errorf("partition %d is %+v", number, partition)
			}
		}
		return nil
	})
}

// AwaitHealthy waits until all replicas of the topics are in sync.
func (c *Cluster) AwaitHealthy(t testing.TB, topics ...string) {
	t.Helper()
	for _, topic := range topics {
		c.AwaitPartitions(t, topic, "have all replicas in sync", func(p Partition) bool { return p.Leader >= 0 && len(p.InSync) == brokersOfCluster })
	}
}

// LeaderOf is the broker that leads most partitions of a topic, and the others.
func (c *Cluster) LeaderOf(t testing.TB, topic string) (leader int32, others []int32) {
	t.Helper()
	leads := map[int32]int{}
	c.await(t, "leaders of "+topic, func() error {
		partitions, err := c.Partitions(topic)
		clear(leads)
		for _, partition := range partitions {
			leads[partition.Leader]++
		}
		if leads[-1] > 0 {
			return errors.New("some partitions have none")
		}
		return err
	})
	for number := range c.ready {
		others = append(others, number)
	}
	slices.SortFunc(others, func(a, b int32) int { return leads[b] - leads[a] })
	return others[0], others[1:]
}

// Configure changes settings of a topic.
func (c *Cluster) Configure(t testing.TB, topic string, settings map[string]string) {
	t.Helper()
	resource := kafka.ConfigResource{Type: kafka.ResourceTopic, Name: topic}
	for name, value := range settings {
		resource.Config = append(resource.Config, kafka.ConfigEntry{Name: name, Value: value, IncrementalOperation: kafka.AlterConfigOpTypeSet})
	}
	c.await(t, "settings of "+topic, func() error {
		ctx, cancel := within(t)
		defer cancel()
		results, err := c.admin.IncrementalAlterConfigs(ctx, []kafka.ConfigResource{resource})
		for _, result := range results {
			if result.Error.Code() != kafka.ErrNoError {
				err = errors.Join(err, result.Error)
			}
		}
		return err
	})
}

// LogRecord is a record of a log.
type LogRecord struct {
	Partition int32
	Offset    int64
	Epoch     int32 // of the leader that took it
	Headers   map[string]string
	Value     []byte
}

// ReadLog gives what a topic has, by partition.
func (c *Cluster) ReadLog(t testing.TB, topic string) map[int32][]LogRecord {
	t.Helper()
	var all map[int32][]LogRecord
	c.await(t, "all of "+topic, func() (err error) {
		all, err = c.readLog(t, topic)
		return err
	})
	return all
}

func (c *Cluster) readLog(t testing.TB, topic string) (map[int32][]LogRecord, error) {
	partitions, err := c.Partitions(topic)
	if err != nil {
		return nil, err
	}
	reader, err := kafka.NewConsumer(c.clientConfig(kafka.ConfigMap{
		"group.id": uuid.NewString(), "enable.auto.commit": false, "enable.partition.eof": true, "fetch.wait.max.ms": 100,
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var from []kafka.TopicPartition
	for number := range partitions {
		from = append(from, kafka.TopicPartition{Topic: &topic, Partition: number, Offset: 0})
	}
	if err := reader.Assign(from); err != nil {
		t.Fatal(err)
	}
	all, ended := map[int32][]LogRecord{}, map[int32]bool{}
	ctx, cancel := within(t)
	defer cancel()
	for len(ended) < len(partitions) && ctx.Err() == nil {
		switch event := reader.Poll(100).(type) {
		case *kafka.Message:
			record := LogRecord{
				Partition: event.TopicPartition.Partition, Offset: int64(event.TopicPartition.Offset), Headers: map[string]string{}, Value: event.Value,
			}
			if event.TopicPartition.LeaderEpoch != nil {
				record.Epoch = *event.TopicPartition.LeaderEpoch
			}
			for _, header := range event.Headers {
				record.Headers[header.Key] = string(header.Value)
			}
			all[record.Partition] = append(all[record.Partition], record)
		case kafka.PartitionEOF:
			ended[event.Partition] = true
		}
	}
	return all, ctx.Err()
}

// Append writes a record as it is given.
func (c *Cluster) Append(t testing.TB, topic, key string, value []byte) {
	t.Helper()
	producer, err := kafka.NewProducer(c.clientConfig(kafka.ConfigMap{"partitioner": "murmur2_random", "enable.idempotence": true, "request.timeout.ms": 2000}))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	reports := make(chan kafka.Event, 1)
	message := &kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny}, Key: []byte(key), Value: value}
	if err := producer.Produce(message, reports); err != nil {
		t.Fatal(err)
	}
	if report, ok := (<-reports).(*kafka.Message); !ok || report.TopicPartition.Error != nil {
		t.Fatalf("append to %s: %v", topic, report)
	}
}
