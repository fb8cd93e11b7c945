package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Topic is how a topic is made, or how it has been found.
type Topic struct {
	Name        string
	Partitions  int
	Replication int           // of the partition that has the fewest replicas
	MinInSync   int           // min.insync.replicas
	Retention   time.Duration // 0: for ever
	Cleanup     string        // cleanup.policy: delete, compact, or both with a comma between

	// Leaderless are partitions that cannot be written or read now. Only of a topic that has been found.
	Leaderless []int32
}

// RetentionMillis is the topic's retention as Kafka's configuration has it, retention.ms.
func (t Topic) RetentionMillis() string { return retentionMillis(t.Retention) }

func retentionMillis(retention time.Duration) string {
	if retention == 0 {
		return "-1"
	}
	return strconv.FormatInt(retention.Milliseconds(), 10)
}

// longestRetention is more than a log is kept, in milliseconds: Kafka takes any number.
const longestRetention = int64(200 * 365 * 24 * time.Hour / time.Millisecond)

// Group is the state of a consumer group.
type Group struct {
	State   string // in Kafka's words, for example Stable or Empty
	Members int
	Lag     int64 // records that are written and not committed, over all partitions
}

// Table is how this configuration makes the suite's topics, by name.
func (b *Bus) Table() []Topic {
	var table []Topic
	for name, spec := range b.topics() {
		made := b.specification(name, spec)
		inSync, _ := strconv.Atoi(made.Config[inSyncConfig])
		table = append(table, Topic{
			Name: name, Partitions: spec.partitions, Replication: made.ReplicationFactor, MinInSync: inSync, Retention: spec.retention, Cleanup: spec.cleanup(),
		})
	}
	slices.SortFunc(table, func(a, b Topic) int { return cmp.Compare(a.Name, b.Name) })
	return table
}

// Brokers gives the addresses, host:port, that the brokers tell clients to use.
func (b *Bus) Brokers(ctx context.Context) ([]string, error) {
	metadata, err := b.metadata(ctx, nil)
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, broker := range metadata.Brokers {
		addresses = append(addresses, fmt.Sprintf("%s:%d", broker.Host, broker.Port))
	}
	slices.Sort(addresses)
	return addresses, nil
}

// Inspect gives the topics of these names as they are, leaving out those that are not there.
func (b *Bus) Inspect(ctx context.Context, names ...string) (map[string]Topic, error) {
	metadata, err := b.metadata(ctx, nil)
	if err != nil {
		return nil, err
	}
	found := map[string]Topic{}
	for _, name := range names {
		if topic, ok := metadata.Topics[name]; ok && topic.Error.Code() == kafka.ErrNoError {
			found[name] = topicOf(topic)
		}
	}
	if len(found) == 0 {
		return found, nil
	}
	admin, err := b.adminClient()
	if err != nil {
		return nil, err
	}
	var resources []kafka.ConfigResource
	for _, name := range slices.Sorted(maps.Keys(found)) {
		resources = append(resources, kafka.ConfigResource{Type: kafka.ResourceTopic, Name: name})
	}
	results, err := admin.DescribeConfigs(ctx, resources)
	if err != nil {
		return nil, fmt.Errorf("read the settings of topics: %w", err)
	}
	for _, result := range results {
		if result.Error.Code() != kafka.ErrNoError {
			return nil, fmt.Errorf("read the settings of %s: %w", result.Name, result.Error)
		}
		topic := found[result.Name]
		retention, err := strconv.ParseInt(result.Config[retentionConfig].Value, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", retentionConfig, result.Name, err)
		}
		topic.Retention = max(0, time.Duration(min(retention, longestRetention))*time.Millisecond)
		topic.Cleanup = result.Config[cleanupConfig].Value
		if topic.MinInSync, err = strconv.Atoi(result.Config[inSyncConfig].Value); err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", inSyncConfig, result.Name, err)
		}
		found[result.Name] = topic
	}
	return found, nil
}

func topicOf(metadata kafka.TopicMetadata) Topic {
	topic := Topic{Name: metadata.Topic, Partitions: len(metadata.Partitions)}
	for i, partition := range metadata.Partitions {
		if i == 0 || len(partition.Replicas) < topic.Replication {
			topic.Replication = len(partition.Replicas)
		}
		if partition.Leader < 0 {
			topic.Leaderless = append(topic.Leaderless, partition.ID)
		}
	}
	return topic
}

// InspectGroup gives the state of a consumer group. A group that never was has the state Dead. It asks again, until ctx is
// done, while the group has no coordinator at work, as on brokers that have just started.
func (b *Bus) InspectGroup(ctx context.Context, name string, topics ...string) (Group, error) {
	admin, err := b.adminClient()
	if err != nil {
		return Group{}, err
	}
	var group Group
	ended := retryPolicy().Do(ctx, func(ctx context.Context) error {
		group, err = b.inspectGroup(ctx, admin, name, topics)
		if lacksCoordinator(err) {
			return err
		}
		return nil
	}, nil)
	if err == nil { // otherwise the last answer says more than that the time is over
		err = ended
	}
	return group, err
}

func lacksCoordinator(err error) bool {
	var refused kafka.Error
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Code() {
	case kafka.ErrCoordinatorNotAvailable, kafka.ErrCoordinatorLoadInProgress, kafka.ErrNotCoordinator:
		return true
	default:
		return false
	}
}

func (b *Bus) inspectGroup(ctx context.Context, admin *kafka.AdminClient, name string, topics []string) (Group, error) {
	described, err := admin.DescribeConsumerGroups(ctx, []string{name}, kafka.SetAdminRequestTimeout(coordinatorTimeout))
	if err != nil {
		return Group{}, fmt.Errorf("describe group %s: %w", name, err)
	}
	var group Group
	for _, description := range described.ConsumerGroupDescriptions {
		if err := description.Error; err.Code() != kafka.ErrNoError {
			return Group{}, fmt.Errorf("describe group %s: %s: %w", name, err.Code(), err) // its own text may be empty
		}
		group.State, group.Members = description.State.String(), len(description.Members)
	}
	group.Lag, err = b.lag(ctx, admin, name, topics)
	return group, err
}

// lag counts what the group has not committed. Where it never committed, all that the partition holds is left to it.
func (b *Bus) lag(ctx context.Context, admin *kafka.AdminClient, group string, topics []string) (int64, error) {
	metadata, err := b.metadata(ctx, nil)
	if err != nil {
		return 0, err
	}
	var partitions []topicPartition
	for _, topic := range topics {
		for _, partition := range metadata.Topics[topic].Partitions {
			partitions = append(partitions, topicPartition{topic, partition.ID})
		}
	}
	if len(partitions) == 0 {
		return 0, nil
	}
	next, err := b.goesOn(ctx, admin, group, partitions)
	if err != nil {
		return 0, err
	}
	ends, err := b.offsets(ctx, partitions, kafka.LatestOffsetSpec)
	if err != nil {
		return 0, err
	}
	var lag int64
	for at, end := range ends {
		lag += max(0, end-next[at])
	}
	return lag, nil
}

// goesOn gives where a group would go on now in each partition: behind what it has committed, but not before the first record that is there.
func (b *Bus) goesOn(ctx context.Context, admin *kafka.AdminClient, group string, partitions []topicPartition) (map[topicPartition]int64, error) {
	next, err := b.offsets(ctx, partitions, kafka.EarliestOffsetSpec)
	if err != nil {
		return nil, err
	}
	asked := kafkaPartitions(partitions)
	committed, err := admin.ListConsumerGroupOffsets(ctx, []kafka.ConsumerGroupTopicPartitions{{Group: group, Partitions: asked}},
		kafka.SetAdminRequestTimeout(coordinatorTimeout))
	var refused kafka.Error
	neverCommitted := errors.As(err, &refused) && refused.Code() == kafka.ErrGroupIDNotFound // some brokers say so, others that nothing is committed
	if err != nil && !neverCommitted {
		return nil, fmt.Errorf("read what group %s has committed: %w", group, err)
	}
	for _, of := range committed.ConsumerGroupsTopicPartitions {
		for _, committed := range of.Partitions {
			if err := committed.Error; err != nil {
				return nil, fmt.Errorf("read what group %s has committed: %w", group, err)
			}
			at := topicPartition{*committed.Topic, committed.Partition}
			next[at] = max(next[at], int64(committed.Offset))
		}
	}
	return next, nil
}

// offsets asks the brokers, in one request to each, for an offset of every partition. It is below 0 where no record is as young as
// the specification asks. With an error, too, it gives those that it has.
//
// A broker that has restarted refuses the leader epochs from before. For these requests the client never asks for the new ones by
// itself, so that they would fail for ever: the metadata is read, and then once more the offsets.
func (b *Bus) offsets(ctx context.Context, of []topicPartition, which kafka.OffsetSpec) (map[topicPartition]int64, error) {
	listed, err := b.listed(ctx, of, which)
	found := make(map[topicPartition]int64, len(listed))
	for at, one := range listed {
		found[at] = one.offset
	}
	return found, err
}

// listing is an offset, and the leader epoch that the brokers give with it: of the log's end that of its leader now.
type listing struct {
	offset      int64
	leaderEpoch int32
}

// listed is [Bus.offsets] with leader epochs.
func (b *Bus) listed(ctx context.Context, of []topicPartition, which kafka.OffsetSpec) (map[topicPartition]listing, error) {
	found, err := b.listOffsets(ctx, of, which)
	if err == nil || errors.Is(err, ErrUnavailable) {
		return found, err
	}
	if _, err := b.metadata(ctx, nil); err != nil {
		return found, err
	}
	return b.listOffsets(ctx, of, which)
}

func (b *Bus) listOffsets(ctx context.Context, of []topicPartition, which kafka.OffsetSpec) (map[topicPartition]listing, error) {
	admin, err := b.adminClient()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	wanted := make(map[kafka.TopicPartition]kafka.OffsetSpec, len(of))
	for _, at := range of {
		wanted[at.kafka()] = which
	}
	result, err := admin.ListOffsets(ctx, wanted, kafka.SetAdminRequestTimeout(queryTimeout))
	if err != nil {
		return nil, fmt.Errorf("%w: list offsets: %w", ErrUnavailable, err)
	}
	found := make(map[topicPartition]listing, len(result.ResultInfos))
	var errs []error
	for at, info := range result.ResultInfos {
		if info.Error.Code() != kafka.ErrNoError {
			errs = append(errs, fmt.Errorf("list offsets of %s, partition %d: %w", *at.Topic, at.Partition, info.Error))
			continue
		}
		if info.Offset == kafka.OffsetInvalid { // a broker that could not be reached in time is no error to the client
			errs = append(errs, fmt.Errorf("list offsets of %s, partition %d: no answer", *at.Topic, at.Partition))
			continue
		}
		found[topicPartition{*at.Topic, at.Partition}] = listing{int64(info.Offset), known(info.LeaderEpoch)}
	}
	return found, errors.Join(errs...)
}
