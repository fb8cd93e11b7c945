package bus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"
)

// ErrNoTopic says that the brokers have no topic of the name.
var ErrNoTopic = errors.New("topic does not exist")

// ErrOtherLogs says that topics are no longer those that a process has begun with: one was deleted, was made anew, or has got partitions.
var ErrOtherLogs = errors.New("the logs have changed")

const (
	// LookEvery is how often a process looks whether its logs are still the same.
	LookEvery = 10 * time.Second
	// missingAtLeast is how many looks in a row must not find a topic until it counts as deleted: a broker that has just started may not know
	// its topics yet.
	missingAtLeast = 3
)

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

// WatchIncarnations looks now and then, see [LookEvery], whether the topics still are what was found of them, until ctx is done. The error is
// [ErrOtherLogs] when they are not: then the process has to be started again, to take them as they are.
func (b *Bus) WatchIncarnations(ctx context.Context, every time.Duration, found []Incarnation) error {
	names := make([]string, len(found))
	for i, incarnation := range found {
		names[i] = incarnation.Topic
	}
	looks := time.NewTicker(every)
	defer looks.Stop()
	for missing := 0; ; {
		select {
		case <-looks.C:
		case <-ctx.Done():
			return nil
		}
		now, err := b.Incarnations(ctx, names...)
		switch {
		case errors.Is(err, ErrNoTopic):
			if missing++; missing >= missingAtLeast {
				return fmt.Errorf("%w: %w", ErrOtherLogs, err)
			}
		case err != nil: // what cannot be asked now is asked again; that Kafka does not answer is told elsewhere
		case !slices.Equal(now, found):
			return fmt.Errorf("%w: they were %v and are %v", ErrOtherLogs, found, now)
		default:
			missing = 0
		}
	}
}

func incarnationOf(description kafka.TopicDescription) Incarnation {
	incarnation := Incarnation{Topic: description.Name, Partitions: int32(len(description.Partitions))}
	id := description.TopicID
	binary.BigEndian.PutUint64(incarnation.ID[:8], uint64(id.GetMostSignificantBits()))
	binary.BigEndian.PutUint64(incarnation.ID[8:], uint64(id.GetLeastSignificantBits()))
	return incarnation
}
