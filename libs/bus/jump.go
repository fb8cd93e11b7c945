package bus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Jump is a partition that cannot be read on where it was: what a reader has got of it is not followed by what it gets next.
type Jump struct {
	Topic     string
	Partition int32
	From      int64 // the offset that would have been next
	To        int64 // the offset from which on reading continues

	// LeaderEpoch is that of the record before To; [NoLeaderEpoch] where that is not known.
	LeaderEpoch int32
	// LeaderNow is the partition's leader epoch now, [NoLeaderEpoch] where the brokers do not say. Where a broker has lost records it is newer than
	// those of all records that are lost.
	LeaderNow int32
}

// Back reports whether the log has become shorter than it was read, though it may have grown since. Then it has other records than those that
// were handed over at the same offsets, and what it has before To may never have been handed over.
//
// Otherwise records between From and To are gone before they were read: retention has removed them.
func (j Jump) Back() bool { return j.To <= j.From }

// errMoved ends a client that cannot read a partition from where it is to go on: there are no records at that offset any more, because
// retention has removed them or because the log has become shorter.
//
// The client says so and stops reading the partition, as auto.offset.reset=error has it. It notices both from the broker's refusal of a fetch, and
// it notices a log that has become shorter and longer again by the leader epochs of its records (KIP-320). It does not say which partition it is.
var errMoved = errors.New("a partition does not go on where it was read")

// relocatePause is the least time between two relocations: each costs the reader's user something.
const relocatePause = time.Second

// relocate finds out which partitions have jumped and where they go on, and tells it.
func (r *Reader) relocate(ctx context.Context) error {
	pause := time.NewTimer(time.Until(r.relocated.Add(relocatePause)))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
		return nil
	}
	var jumps []Jump
	find := func(ctx context.Context) (err error) {
		jumps, err = r.jumps(ctx)
		return err
	}
	if err := r.bus.untilReached(ctx, "it is not known yet where topics go on; trying again", find, "topics", r.name); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("read on in %s: %w", r.name, err)
	}
	for _, jump := range jumps {
		r.bus.tel.Log.ErrorContext(ctx, "a log does not go on where it was read; records are missed", "topic", jump.Topic,
			"partition", jump.Partition, "from", jump.From, "to", jump.To)
	}
	if r.cfg.Jumped != nil {
		r.cfg.Jumped(jumps)
	}
	for _, jump := range jumps {
		at, reached := topicPartition{jump.Topic, jump.Partition}, jump.To
		r.next[at], r.epochs[at] = jump.To, jump.LeaderEpoch
		if jump.Back() {
			reached = math.MaxInt64 // what was there at the start is read, or gone
		}
		r.reached(at)
		r.caughtUp(at, reached)
	}
	r.relocated = time.Now()
	return nil
}

// jumps compares where each partition is to be read with what the brokers have of it.
//
// Retention removes what is oldest: reading goes on with the oldest record that is left. A log that has become shorter may have got new records
// at offsets that were used before: reading goes on behind them, at its end, since whoever must hear of them has to be told of a gap anyway.
//
// When one log has become shorter, a broker has lost records, and others may have become shorter and longer again, which their ends do not show.
// So all of them count as shorter then, but for those whose leader epochs prove that they are whole, and also where nothing shows what the client
// has noticed.
func (r *Reader) jumps(ctx context.Context) ([]Jump, error) {
	partitions := make([]topicPartition, 0, len(r.next))
	for at := range r.next {
		partitions = append(partitions, at)
	}
	begins, err := r.bus.offsets(ctx, partitions, kafka.EarliestOffsetSpec)
	if err != nil {
		return nil, err
	}
	ends, err := r.bus.listed(ctx, partitions, kafka.LatestOffsetSpec)
	if err != nil {
		return nil, err
	}
	jump := func(at topicPartition, to int64) Jump {
		return Jump{Topic: at.topic, Partition: at.partition, From: r.next[at], To: to, LeaderEpoch: NoLeaderEpoch, LeaderNow: ends[at].leaderEpoch}
	}
	var ahead []Jump
	back := false
	for _, at := range partitions {
		next := r.next[at]
		back = back || next > ends[at].offset
		if next < begins[at] {
			ahead = append(ahead, jump(at, begins[at]))
		}
	}
	if len(ahead) > 0 && !back {
		return ahead, nil // what was before is gone, and with it the leader epoch
	}
	var shorter []Jump
	for _, at := range partitions {
		if next := r.next[at]; next >= begins[at] {
			shorter = append(shorter, jump(at, min(next, ends[at].offset)))
		}
	}
	if err := r.land(ctx, shorter); err != nil {
		return nil, err
	}
	return append(ahead, r.withoutWhole(shorter)...), nil
}

// withoutWhole leaves out partitions whose record before the next one is still the one that was read, by its leader epoch. That proves something only
// where those that have lost records have newer leaders, as they must.
func (r *Reader) withoutWhole(jumps []Jump) []Jump {
	shown := false
	var left []Jump
	for _, jump := range jumps {
		before := r.epochBefore(topicPartition{jump.Topic, jump.Partition})
		switch known := before != NoLeaderEpoch && jump.LeaderEpoch != NoLeaderEpoch; {
		case jump.To < jump.From || known && jump.LeaderEpoch != before:
			if jump.LeaderNow <= before {
				return jumps
			}
			shown = true
		case known:
			continue
		}
		left = append(left, jump)
	}
	if !shown {
		return jumps
	}
	return left
}

// land notes in jumps the leader epochs before where they lead.
func (r *Reader) land(ctx context.Context, jumps []Jump) error {
	to := make(map[topicPartition]int64, len(jumps))
	for _, jump := range jumps {
		to[topicPartition{jump.Topic, jump.Partition}] = jump.To
	}
	epochs, err := r.epochsBefore(ctx, to)
	if err != nil {
		return err
	}
	for i := range jumps {
		if epoch, read := epochs[topicPartition{jumps[i].Topic, jumps[i].Partition}]; read {
			jumps[i].LeaderEpoch = epoch
		}
	}
	return nil
}
