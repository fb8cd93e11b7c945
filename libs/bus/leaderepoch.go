package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// NoLeaderEpoch stands for a leader epoch that is not known.
const NoLeaderEpoch int32 = -1

// known is the leader epoch that the client gives, if it does.
func known(leaderEpoch *int32) int32 {
	if leaderEpoch == nil {
		return NoLeaderEpoch
	}
	return *leaderEpoch
}

// epochBefore is the leader epoch of the record before the next one; [NoLeaderEpoch] where it is not known.
func (r *Reader) epochBefore(at topicPartition) int32 {
	if epoch, known := r.epochs[at]; known {
		return epoch
	}
	return NoLeaderEpoch
}

// epochsBefore gives the leader epochs of the records just before the offsets, of those that are there. It has to read them: brokers tell the leader
// epoch of a log's end or of a time, and of no other offset.
func (r *Reader) epochsBefore(ctx context.Context, offsets map[topicPartition]int64) (map[topicPartition]int32, error) {
	epochs := map[topicPartition]int32{}
	if r.cfg.Begin == nil && r.cfg.Jumped == nil { // nobody wants to know
		return epochs, nil
	}
	begins, err := r.bus.offsets(ctx, slices.Collect(maps.Keys(offsets)), kafka.EarliestOffsetSpec)
	if err != nil {
		return nil, err
	}
	var wanted []kafka.TopicPartition
	for at, offset := range offsets {
		if offset > begins[at] {
			before := at.kafka()
			before.Offset = kafka.Offset(offset - 1)
			wanted = append(wanted, before)
		}
	}
	if len(wanted) == 0 {
		return epochs, nil
	}
	settings := r.settings()
	settings["fetch.message.max.bytes"] = 1 // the broker gives a whole batch, and no more
	client, err := kafka.NewConsumer(r.bus.clientConfig(settings))
	if err != nil {
		return nil, fmt.Errorf("make reader of leader epochs: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	bearer := r.bus.newBearer(client)
	err = readEpochs(ctx, client, bearer, wanted, epochs)
	bearer.end()
	if _, closeErr := closeWithin(client, leaveTimeout, &r.leaving); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("close reader of leader epochs: %w", closeErr))
	}
	return epochs, err
}

// hasForked reports whether a log has another record now before the next one than was read. A client notices that by itself as long as it lives, and
// one that replaces it does not. Where it cannot be found out the next client has to do.
func (r *Reader) hasForked(ctx context.Context) bool {
	now, err := r.epochsBefore(ctx, r.next)
	if err != nil {
		return false
	}
	for at, epoch := range now {
		if before := r.epochBefore(at); before != NoLeaderEpoch && epoch != NoLeaderEpoch && epoch != before {
			return true
		}
	}
	return false
}

// readEpochs reads records, each of a partition of its own. Where there is none at the offset, as in a log that is compacted, it finds none.
func readEpochs(ctx context.Context, client *kafka.Consumer, bearer *bearer, records []kafka.TopicPartition, epochs map[topicPartition]int32) error {
	if err := client.Assign(records); err != nil {
		return fmt.Errorf("read leader epochs: %w", err)
	}
	missing := make(map[topicPartition]int64, len(records))
	for _, record := range records {
		missing[topicPartition{*record.Topic, record.Partition}] = int64(record.Offset)
	}
	for len(missing) > 0 {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%w: read leader epochs: %w", ErrUnavailable, err)
		}
		switch event := client.Poll(int(pollStep.Milliseconds())).(type) {
		case *kafka.Message:
			if event.TopicPartition.Error != nil {
				continue
			}
			at := partitionOf(recordOf(event))
			if wanted, asked := missing[at]; asked && wanted == int64(event.TopicPartition.Offset) {
				epochs[at] = known(event.TopicPartition.LeaderEpoch)
			}
			delete(missing, at)
		case kafka.OAuthBearerTokenRefresh:
			bearer.refresh()
		case kafka.PartitionEOF:
			delete(missing, topicPartition{*event.Topic, event.Partition})
		case kafka.Error:
			if event.IsFatal() || event.Code() == kafka.ErrAutoOffsetReset {
				return fmt.Errorf("read leader epochs: %w", event)
			}
		}
	}
	return nil
}
