package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// latest asks for the end of a partition, in place of a time: KIP-79.
const latest = -1

var errNoAnswer = errors.New("no answer")

// askTimeout is how long the brokers are asked; a client that is closed waits for it.
const askTimeout = time.Second

// Committed gives what the group has committed of a topic's first partitions, so many: of each the offset of the next record, 0 where it has committed
// nothing. It asks by the consumer's own client, and not as an administrator: such a request is left behind where no coordinator answers, see
// coordinatorTimeout, so nothing may make one again and again. Errors: [ErrUnavailable].
func (c *Consumer) Committed(topic string, partitions int) ([]int64, error) {
	c.using.RLock()
	defer c.using.RUnlock()
	if c.current == nil {
		return nil, fmt.Errorf("%w: group %s has no member here", ErrUnavailable, c.cfg.Group)
	}
	asked := allPartitions(topic, int32(partitions))
	found, err := c.current.kafka.Committed(kafkaPartitions(asked), int(askTimeout.Milliseconds()))
	if err != nil {
		return nil, fmt.Errorf("%w: read what group %s has committed: %w", ErrUnavailable, c.cfg.Group, err)
	}
	next := make([]int64, partitions)
	for _, at := range found {
		next[at.Partition] = max(0, int64(at.Offset))
	}
	return next, nil
}

// Ends gives the offset of the record that will be written next of a topic's first partitions, so many. The client of the consumer's dead letters asks:
// a broker answers the requests of a connection one by one, and on the member's a fetch that finds nothing stands before all others for as long as it
// waits. Errors: [ErrUnavailable].
func (c *Consumer) Ends(topic string, partitions int) ([]int64, error) {
	letters := c.letters.Load()
	if letters == nil {
		return nil, fmt.Errorf("%w: group %s does not run here", ErrUnavailable, c.cfg.Group)
	}
	return letters.ends(topic, partitions)
}

// ends is [Consumer.Ends].
func (p *Producer) ends(topic string, partitions int) ([]int64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	used, err := p.current(ctx)
	if err != nil {
		return nil, err
	}
	used.asked.RLock()
	defer used.asked.RUnlock()
	asked := kafkaPartitions(allPartitions(topic, int32(partitions)))
	for i := range asked {
		asked[i].Offset = latest
	}
	found, err := used.kafka.OffsetsForTimes(asked, int(askTimeout.Milliseconds()))
	if err != nil {
		return nil, fmt.Errorf("%w: read the ends of %s: %w", ErrUnavailable, topic, err)
	}
	ends := make([]int64, partitions)
	for _, at := range found {
		if at.Error != nil || at.Offset < 0 {
			return nil, fmt.Errorf("%w: read the end of %s, partition %d: %w", ErrUnavailable, topic, at.Partition, cmp.Or(at.Error, errNoAnswer))
		}
		ends[at.Partition] = int64(at.Offset)
	}
	return ends, nil
}

// use says which client the consumer has now; nil: none.
func (c *Consumer) use(m *member) {
	c.using.Lock()
	defer c.using.Unlock()
	c.current = m
}
