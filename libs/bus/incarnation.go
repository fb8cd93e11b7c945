package bus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"
)

// ErrNoTopic says that the brokers have no topic of the name.
var ErrNoTopic = errors.New("topic does not exist")

// Incarnation is one life of a topic, from being made to being deleted. Offsets of two incarnations say nothing about each other.
type Incarnation struct {
	Topic      string
	ID         uuid.UUID // Kafka's topic id, new with each topic that is made (KIP-516)
	Partitions int32     // it can only grow
}

// Incarnations gives those that the topics have at the brokers now, in the order of the names. Errors: [ErrUnavailable]; [ErrNoTopic].
func (b *Bus) Incarnations(ctx context.Context, topics ...string) ([]Incarnation, error) {
	admin, err := b.adminClient()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	result, err := admin.DescribeTopics(ctx, kafka.NewTopicCollectionOfTopicNames(topics), kafka.SetAdminRequestTimeout(queryTimeout))
	if err != nil {
		return nil, fmt.Errorf("%w: describe topics: %w", ErrUnavailable, err)
	}
	found := make(map[string]Incarnation, len(topics))
	for _, description := range result.TopicDescriptions {
		switch description.Error.Code() {
		case kafka.ErrNoError:
			found[description.Name] = incarnationOf(description)
		case kafka.ErrUnknownTopicOrPart:
			return nil, fmt.Errorf("%w: %s", ErrNoTopic, description.Name)
		default:
			return nil, fmt.Errorf("%w: describe %s: %w", ErrUnavailable, description.Name, description.Error)
		}
	}
	incarnations := make([]Incarnation, 0, len(topics))
	for _, topic := range topics {
		incarnation, ok := found[topic]
		if !ok || incarnation.ID == uuid.Nil { // a broker that is older than topic ids gives none
			return nil, fmt.Errorf("%w: the brokers give no id of %s", ErrUnavailable, topic)
		}
		incarnations = append(incarnations, incarnation)
	}
	return incarnations, nil
}

func incarnationOf(description kafka.TopicDescription) Incarnation {
	incarnation := Incarnation{Topic: description.Name, Partitions: int32(len(description.Partitions))}
	id := description.TopicID
	binary.BigEndian.PutUint64(incarnation.ID[:8], uint64(id.GetMostSignificantBits()))
	binary.BigEndian.PutUint64(incarnation.ID[8:], uint64(id.GetLeastSignificantBits()))
	return incarnation
}
