package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// ErrPartitionsChanged says that a topic has another number of partitions than its history was written with.
var ErrPartitionsChanged = errors.New("the number of partitions has changed")

// RecordedLog is an incarnation of a log as it was when a store recorded it, with the epoch that it got then.
type RecordedLog struct {
	Incarnation
	Epoch int32
}

// Epochs is the part of a service's store that remembers which incarnation of a log has which epoch.
type Epochs interface {
	// RecordedLogs gives what is recorded of a topic, in no order.
	RecordedLogs(ctx context.Context, topic string) ([]RecordedLog, error)

	// RecordLog records an incarnation, and gives what is recorded of its id then. One that is recorded already stays as it is. A new one gets
	// the epoch behind all that the topic has, and never one below least. Whoever calls it at the same time, an incarnation has one epoch
	// and an epoch one incarnation.
	RecordLog(ctx context.Context, found Incarnation, least int32) (RecordedLog, error)
}

// LogConfig says which log a service keeps positions of.
type LogConfig struct {
	Topic string
	// Group is the service's consumer group, which reads this topic alone.
	Group  string
	Epochs Epochs
	Look   time.Duration // see [Bus.WatchIncarnations]; [LookEvery] if zero
}

// Log knows the epoch of a topic, which together with an offset is a position. A topic that was made anew, or restored with another id, has
// offsets that say nothing about those before: it begins a new epoch, which comes after all others.
//
// # Lifecycle
//
// The epoch is known once [Log.Run] has asked the brokers for the topic's id and the store for the id's epoch; nothing is to be appended or
// handled before, see [Log.Await]. From then on it stays: Run ends, with an error, when the topic is another one.
//
// # Failures
//
//   - While the brokers or the store do not answer, the epoch is not known, and Run asks again.
//   - An incarnation that the store has not seen begins at its first record: what the group has committed is of another one, so the group is
//     deleted before the epoch is recorded. That fails, and is tried again, while processes of the group still run, which end by
//     their own watch.
//   - A topic that has got partitions since its epoch was recorded ends Run: keys have moved to other partitions, with other offsets.
type Log struct {
	bus    *Bus
	cfg    LogConfig
	known  chan struct{} // closed once opened is set
	opened RecordedLog
}

// NewLog makes a log, whose epoch is not known until it runs.
func (b *Bus) NewLog(cfg LogConfig) *Log {
	cfg.Look = cmp.Or(cfg.Look, LookEvery)
	return &Log{bus: b, cfg: cfg, known: make(chan struct{})}
}

// Run makes the topic where it is the suite's and missing, finds out the epoch, and watches the topic until ctx is done. Errors: [ErrOtherLogs],
// [ErrPartitionsChanged].
func (l *Log) Run(ctx context.Context) error {
	if err := l.open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		return err
	}
	return l.bus.WatchIncarnations(ctx, l.cfg.Look, []Incarnation{l.opened.Incarnation})
}

func (l *Log) open(ctx context.Context) error {
	if err := l.bus.ensureOwn(ctx, []string{l.cfg.Topic}); err != nil {
		return err
	}
	var found Incarnation
	var recorded RecordedLog
	err := l.bus.untilReached(ctx, "the epoch of a log is not known yet; trying again", func(ctx context.Context) (err error) {
		found, recorded, err = l.identify(ctx)
		return err
	}, "topic", l.cfg.Topic)
	if err != nil {
		return fmt.Errorf("find the epoch of %s: %w", l.cfg.Topic, err)
	}
	if found.Partitions != recorded.Partitions {
		return fmt.Errorf("%w: %s has %d, and its history was written with %d. Rooms have moved to other partitions, so new messages would stand "+
			"among old ones; nothing more is written. Kafka takes no partitions away: begin the log anew, as docs/operations.md says under "+
			"\"When ism.rooms is lost\"", ErrPartitionsChanged, l.cfg.Topic, found.Partitions, recorded.Partitions)
	}
	l.bus.tel.Log.InfoContext(ctx, "the epoch of a log is known", "topic", l.cfg.Topic, "epoch", recorded.Epoch,
		"topic_id", recorded.ID.String(), "partitions", recorded.Partitions)
	l.opened = recorded
	close(l.known)
	return nil
}

// identify gives the topic as it is, and as it is recorded.
func (l *Log) identify(ctx context.Context) (Incarnation, RecordedLog, error) {
	asking, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	incarnations, err := l.bus.Incarnations(asking, l.cfg.Topic)
	if err != nil {
		return Incarnation{}, RecordedLog{}, err
	}
	found := incarnations[0]
	logs, err := l.cfg.Epochs.RecordedLogs(asking, l.cfg.Topic)
	if err != nil {
		return found, RecordedLog{}, fmt.Errorf("read the epochs of %s: %w", l.cfg.Topic, err)
	}
	if at := slices.IndexFunc(logs, func(log RecordedLog) bool { return log.ID == found.ID }); at >= 0 {
		return found, logs[at], nil
	}
	if len(logs) > 0 {
		if err := l.bus.deleteGroup(asking, l.cfg.Group); err != nil {
			return found, RecordedLog{}, fmt.Errorf("forget what was committed of the former %s: %w", l.cfg.Topic, err)
		}
	}
	recorded, err := l.cfg.Epochs.RecordLog(asking, found, l.bus.cfg.Epoch)
	if err != nil {
		return found, RecordedLog{}, fmt.Errorf("record the epoch of %s: %w", l.cfg.Topic, err)
	}
	return found, recorded, nil
}

// deleteGroup deletes a group, with all that it has committed. It fails while the group has members.
func (b *Bus) deleteGroup(ctx context.Context, group string) error {
	admin, err := b.adminClient()
	if err != nil {
		return err
	}
	deleted, err := admin.DeleteConsumerGroups(ctx, []string{group}, kafka.SetAdminRequestTimeout(coordinatorTimeout))
	if err != nil {
		return fmt.Errorf("%w: delete group %s: %w", ErrUnavailable, group, err)
	}
	for _, result := range deleted.ConsumerGroupResults {
		switch result.Error.Code() {
		case kafka.ErrNoError, kafka.ErrGroupIDNotFound:
		default:
			return fmt.Errorf("delete group %s: %w", group, result.Error)
		}
	}
	return nil
}

// Epoch gives the epoch, once it is known.
func (l *Log) Epoch() (epoch int32, known bool) {
	select {
	case <-l.known:
		return l.opened.Epoch, true
	default:
		return 0, false
	}
}

// PartitionOf gives the partition of a key's records, once the log is open.
func (l *Log) PartitionOf(key string) int32 { return partitionOfKey(key, l.opened.Partitions) }

// Partitions is how many the log has, once it is open.
func (l *Log) Partitions() int { return int(l.opened.Partitions) }

// GoesOn gives, by partition, the offset from which on the group has committed nothing, once the log is open: what stands before it is handled, or is not
// there any more. What has been handled since the last commit it leaves out.
func (l *Log) GoesOn(ctx context.Context) ([]int64, error) {
	if err := l.Await(ctx); err != nil {
		return nil, err
	}
	admin, err := l.bus.adminClient()
	if err != nil {
		return nil, err
	}
	found, err := l.bus.goesOn(ctx, admin, l.cfg.Group, l.partitions())
	if err != nil {
		return nil, fmt.Errorf("find where %s goes on in %s: %w", l.cfg.Group, l.cfg.Topic, err)
	}
	return l.inOrder(found), nil
}

func (l *Log) partitions() []topicPartition { return allPartitions(l.cfg.Topic, l.opened.Partitions) }

// inOrder gives the offsets of the log's partitions by their numbers.
func (l *Log) inOrder(found map[topicPartition]int64) []int64 {
	offsets := make([]int64, l.opened.Partitions)
	for i, at := range l.partitions() {
		offsets[i] = found[at]
	}
	return offsets
}

// Await waits until the epoch is known. The error is that of ctx.
func (l *Log) Await(ctx context.Context) error {
	select {
	case <-l.known:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// AfterOpen gives a run that begins once the epoch is known.
func (l *Log) AfterOpen(run func(ctx context.Context) error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if l.Await(ctx) != nil {
			return nil //nolint:nilerr // it was told to end
		}
		return run(ctx)
	}
}

// Ready reports whether the epoch is known.
func (l *Log) Ready(context.Context) error {
	if _, known := l.Epoch(); !known {
		return fmt.Errorf("%w: the epoch of %s is not known yet", ErrUnavailable, l.cfg.Topic)
	}
	return nil
}

// Confirm asks the brokers whether the topic is still the one that the epoch is of. It is for [ConsumerConfig.Assigned]: a process that is given
// partitions of a topic that was made anew, before its watch has seen that, must not handle them in the former epoch.
func (l *Log) Confirm(ctx context.Context, _ string, _ int32) error {
	if err := l.Await(ctx); err != nil {
		return err
	}
	now, err := l.bus.Incarnations(ctx, l.cfg.Topic)
	if err != nil {
		return err
	}
	if now[0] != l.opened.Incarnation {
		return fmt.Errorf("%w: it was %v and is %v", ErrOtherLogs, l.opened.Incarnation, now[0])
	}
	return nil
}
