package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/retry"
)

// topic says how a topic is made.
type topic struct {
	partitions int
	retention  time.Duration // 0: for ever
	compact    bool          // of each key the newest record is kept, within the retention
}

// cleanup is the topic's cleanup policy.
func (t topic) cleanup() string {
	switch {
	case !t.compact:
		return "delete"
	case t.retention == 0:
		return "compact"
	default:
		return "compact,delete"
	}
}

// topics is the one table of the suite's topics, unless the configuration gives another partition count to those
// that have more than one. The counts must not change once the topics hold records: keys would move.
func (b *Bus) topics() map[string]topic {
	table := table()
	for name, spec := range table {
		if b.cfg.Partitions > 0 && spec.partitions > 1 {
			spec.partitions = b.cfg.Partitions
			table[name] = spec
		}
	}
	return table
}

func table() map[string]topic {
	const day = 24 * time.Hour
	return map[string]topic{
		events.TopicRooms: {partitions: 4, retention: 7 * day},
		// One partition: there is little in it, and each partition that edges read makes the id of every event on every stream longer.
		events.TopicUsers:         {partitions: 1, retention: 7 * day},
		events.TopicNotifications: {partitions: 1, retention: 7 * day},
		events.TopicMedia:         {partitions: 1, retention: 7 * day},
		// Who is in a large room must be known for as long as the room is there.
		events.TopicMemberships: {partitions: 4, compact: true},
		// One partition: the first claim of a ticket counts, and a user's streams end after those before it.
		events.TopicEdges: {partitions: 1, retention: time.Hour},
		// No stream lives longer than its token, so nobody is online for days without a record.
		events.TopicOnline:      {partitions: 1, retention: 2 * day, compact: true},
		events.TopicDeadLetters: {partitions: 1, retention: 30 * day},
		topicProbes:             {partitions: 1, retention: time.Hour},
	}
}

// topicProbes is written to in order to know that the brokers take writes, see [Appender.Ready]. Nobody reads it.
const topicProbes = "ism.probes"

const (
	metadataTimeout = 3 * time.Second
	adminTimeout    = 10 * time.Second
	lookForMade     = 100 * time.Millisecond // between looks whether a topic is known that was made just now

	retentionConfig = "retention.ms"
	inSyncConfig    = "min.insync.replicas"
	cleanupConfig   = "cleanup.policy"
)

// Ready reports whether the brokers answer. It asks about one topic, which need not be there: how many others there are must not make it dearer.
func (b *Bus) Ready(ctx context.Context) error {
	name := topicProbes
	_, err := b.metadata(ctx, &name)
	return err
}

// Partitions is the number of partitions that the topic has at the brokers.
func (b *Bus) Partitions(ctx context.Context, name string) (int32, error) {
	metadata, err := b.metadata(ctx, &name)
	if err != nil {
		return 0, err
	}
	found := metadata.Topics[name]
	if found.Error.Code() != kafka.ErrNoError || len(found.Partitions) == 0 {
		return 0, fmt.Errorf("count the partitions of %s: %w", name, found.Error)
	}
	return int32(len(found.Partitions)), nil
}

// EnsureTopics creates the topics that are missing, with the table's partition counts and retention, and logs those that
// differ. A topic that the table does not have is an error. It retries until ctx is done.
func (b *Bus) EnsureTopics(ctx context.Context, names ...string) error {
	wanted := make(map[string]topic, len(names))
	for _, name := range names {
		spec, ok := b.topics()[name]
		if !ok {
			return fmt.Errorf("ensure topics: %s is not in the table of topics", name)
		}
		wanted[name] = spec
	}
	if err := b.untilReached(ctx, "topics cannot be ensured yet; trying again", func(ctx context.Context) error { return b.ensure(ctx, wanted) }); err != nil {
		return fmt.Errorf("ensure topics: %w", err)
	}
	return nil
}

// untilReached attempts what needs the brokers until it succeeds, and logs the first failure alone. The error is the cause of ctx's end.
func (b *Bus) untilReached(ctx context.Context, warning string, attempt func(ctx context.Context) error, attributes ...any) error {
	var first sync.Once
	return retryPolicy().Do(ctx, attempt, func(err error, _ time.Duration) {
		first.Do(func() { b.tel.Log.WarnContext(ctx, warning, append(attributes, "error", err.Error())...) })
	})
}

// retryPolicy asks about twice a second: metadata of a broker that starts is worth having soon.
func retryPolicy() retry.Policy {
	return retry.Policy{First: 500 * time.Millisecond, Max: 500 * time.Millisecond}
}

// ensureOwn ensures those of the topics that are the suite's. What others write is theirs to make.
func (b *Bus) ensureOwn(ctx context.Context, names []string) error {
	table := b.topics()
	own := slices.DeleteFunc(names, func(name string) bool { _, ours := table[name]; return !ours })
	if len(own) == 0 {
		return nil
	}
	return b.EnsureTopics(ctx, own...)
}

// ensure leaves out what is known to be there: the parts of a process start together and mostly want the same topics.
func (b *Bus) ensure(ctx context.Context, wanted map[string]topic) error {
	b.ensuring.Lock()
	defer b.ensuring.Unlock()
	wanted = maps.Clone(wanted)
	maps.DeleteFunc(wanted, func(name string, _ topic) bool { return b.ensured[name] })
	if len(wanted) == 0 {
		return nil
	}
	metadata, err := b.metadata(ctx, nil)
	if err != nil {
		return err
	}
	var missing []kafka.TopicSpecification
	var present []string
	for name, spec := range wanted {
		found, ok := metadata.Topics[name]
		if !ok || found.Error.Code() == kafka.ErrUnknownTopicOrPart {
			missing = append(missing, b.specification(name, spec))
			continue
		}
		present = append(present, name)
		if len(found.Partitions) != spec.partitions {
			b.tel.Log.WarnContext(ctx, "a topic has another number of partitions than the suite makes it with",
				"topic", name, "partitions", len(found.Partitions), "expected", spec.partitions)
		}
	}
	if len(missing) > 0 {
		if err := b.create(ctx, missing); err != nil {
			return err
		}
		if err := b.awaitKnown(ctx, missing); err != nil {
			return err
		}
	}
	b.reportSettings(ctx, wanted, present)
	for name := range wanted {
		b.access.granted(Right{"Create", "topic", name})
		b.ensured[name] = true
	}
	return nil
}

// awaitKnown waits until the brokers tell clients of topics that were made just now, by whomever. A group that joins before then goes without them until its
// client happens to look again, after minutes.
func (b *Bus) awaitKnown(ctx context.Context, made []kafka.TopicSpecification) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	looks := time.NewTicker(lookForMade)
	defer looks.Stop()
	for {
		metadata, err := b.metadata(ctx, nil)
		if err != nil {
			return err
		}
		unknown := slices.IndexFunc(made, func(spec kafka.TopicSpecification) bool { return !isKnown(metadata, spec.Topic) })
		if unknown < 0 {
			return nil
		}
		select {
		case <-looks.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %s was made, and is not known to the brokers", ErrUnavailable, made[unknown].Topic)
		}
	}
}

// isKnown reports whether a topic is there, with a leader for each of its partitions.
func isKnown(metadata *kafka.Metadata, name string) bool {
	topic, ok := metadata.Topics[name]
	return ok && topic.Error.Code() == kafka.ErrNoError && len(topicOf(topic).Leaderless) == 0 && len(topic.Partitions) > 0
}

func (b *Bus) specification(name string, spec topic) kafka.TopicSpecification {
	inSync := max(1, b.cfg.Replication-1)
	config := map[string]string{
		retentionConfig: retentionMillis(spec.retention),
		inSyncConfig:    strconv.Itoa(inSync),
		cleanupConfig:   spec.cleanup(),
	}
	return kafka.TopicSpecification{
		Topic: name, NumPartitions: spec.partitions, ReplicationFactor: max(1, b.cfg.Replication), Config: config,
	}
}

func (b *Bus) create(ctx context.Context, missing []kafka.TopicSpecification) error {
	admin, err := b.adminClient()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	results, err := admin.CreateTopics(ctx, missing, kafka.SetAdminOperationTimeout(adminTimeout/2))
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	var errs []error
	for _, result := range results {
		switch result.Error.Code() {
		case kafka.ErrNoError:
			b.tel.Log.InfoContext(ctx, "topic created", "topic", result.Topic)
		case kafka.ErrTopicAlreadyExists: // another process was faster
		default:
			b.access.refused(Right{"Create", "topic", result.Topic}, result.Error)
			errs = append(errs, fmt.Errorf("create topic %s: %w", result.Topic, result.Error))
		}
	}
	return errors.Join(errs...)
}

// reportSettings logs topics whose settings are not the table's. A broker that does not say is not asked again.
func (b *Bus) reportSettings(ctx context.Context, wanted map[string]topic, present []string) {
	if len(present) == 0 {
		return
	}
	admin, err := b.adminClient()
	if err != nil {
		return
	}
	resources := make([]kafka.ConfigResource, 0, len(present))
	for _, name := range present {
		resources = append(resources, kafka.ConfigResource{Type: kafka.ResourceTopic, Name: name})
	}
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	results, err := admin.DescribeConfigs(ctx, resources)
	if err != nil {
		b.tel.Log.InfoContext(ctx, "the settings of topics cannot be read", "error", err.Error())
		return
	}
	for _, result := range results {
		spec := wanted[result.Name]
		for name, expected := range map[string]string{retentionConfig: retentionMillis(spec.retention), cleanupConfig: spec.cleanup()} {
			if entry, given := result.Config[name]; given && entry.Value != expected {
				b.tel.Log.WarnContext(ctx, "a topic has another setting than the suite makes it with", "topic", result.Name, "setting", name,
					"value", entry.Value, "expected", expected)
			}
		}
	}
}

// metadata asks the brokers for a topic or, with nil, for all. It is bounded by the deadline of ctx, as far as a call into
// the C library can be.
func (b *Bus) metadata(ctx context.Context, name *string) (*kafka.Metadata, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	admin, err := b.adminClient()
	if err != nil {
		return nil, err
	}
	timeout := metadataTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, max(time.Until(deadline), time.Millisecond))
	}
	metadata, err := admin.GetMetadata(name, name == nil, int(timeout.Milliseconds()))
	if err = b.answered(err); err != nil {
		return nil, fmt.Errorf("%w: read metadata: %w", ErrUnavailable, err)
	}
	return metadata, nil
}
