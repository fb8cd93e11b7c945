package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
)

// ReaderConfig says what a reader reads.
type ReaderConfig struct {
	Topics []string
	// Since is the time of the oldest records to read; zero: only what is written from now on.
	Since time.Time
	// Handler is called for the records of each partition, in order; those of one call are of one topic and partition. Its error is
	// logged and the records are passed over: a reader fills memory, where a second attempt would fail as the first did.
	Handler  Handler
	MaxBatch int // most records handed over at once; 1 if zero
	// FetchWait is how long records may wait for others, see [ConsumerConfig].
	FetchWait time.Duration
	// LongPoll is how long a fetch waits that finds nothing, a second if zero: the longer, the less a reader costs at rest. It is for topics of one
	// partition, as what a fetch leaves out waits until it ends.
	LongPoll time.Duration
	// CaughtUp is called once, when all that was in the topics at the start has been handled.
	CaughtUp func()
	// HandledAsOf, if set, is called every few seconds with a time as of which all has been handled that was in the topics then. It is not called while the
	// brokers do not say where the topics end, nor with times that the reader has not come to. No request is made for it.
	HandledAsOf func(at time.Time)
	// Begin, if set, is called once for each partition, before the first record of any and before CaughtUp, with the offset at which
	// reading begins: the log's end where nothing has been written since. All records from there on are handed over, unless a partition jumps.
	// The leader epoch is that of the record before, which is not handed over; [NoLeaderEpoch] where that is not known.
	Begin func(topic string, partition int32, offset int64, leaderEpoch int32)
	// Jumped, if set, is called when partitions cannot be read on where they were, see [Jump]: behind all records from before the jumps, and
	// before the first behind them. Offsets that merely have holes, from compaction and transactions, are no jumps.
	Jumped func(jumps []Jump)
}

const queryTimeout = 5 * time.Second

// Reader reads every partition of its topics by assignment, without a group: each reader gets every record. Partitions that a
// topic gets later are not read.
type Reader struct {
	bus     *Bus
	cfg     ReaderConfig
	name    string                          // the topics, for errors and the log
	handled map[string]*telemetry.Operation // by topic
	watch   *watch
	next    map[topicPartition]int64  // the next record to be handled
	epochs  map[topicPartition]int32  // the leader epoch of the record before, where it is known
	signs   map[topicPartition]uint64 // see progress
	missing map[topicPartition]int64  // the offset that a partition must reach to have caught up
	asOf    horizon
	leaving sync.WaitGroup // clients that are being closed

	relocated time.Time // when partitions have jumped last

	opened func(*kafka.Consumer) // if set, is called with each client

	disturbed *disturbances
}

// NewReader makes a reader. Run it, once.
func (b *Bus) NewReader(cfg ReaderConfig) (*Reader, error) {
	if len(cfg.Topics) == 0 || cfg.Handler == nil {
		return nil, errors.New("make reader: topics and a handler are needed")
	}
	cfg.MaxBatch = max(cfg.MaxBatch, 1)
	cfg.LongPoll = cmp.Or(cfg.LongPoll, readerLongPoll)
	name := strings.Join(cfg.Topics, ", ")
	r := &Reader{
		bus: b, cfg: cfg, name: name, handled: map[string]*telemetry.Operation{}, watch: b.newWatch(readerGroup, cfg.Topics),
		next: map[topicPartition]int64{}, epochs: map[topicPartition]int32{}, signs: map[topicPartition]uint64{}, missing: map[topicPartition]int64{},
		disturbed: b.disturbances("reader of " + name),
	}
	for _, topic := range cfg.Topics {
		r.handled[topic] = b.tel.Consumed(topic, readerGroup)
	}
	if cfg.HandledAsOf != nil {
		r.watch.answered = r.sighted
	}
	return r, nil
}

// Run makes those of the topics that are the suite's and missing, and reads until ctx is done.
func (r *Reader) Run(ctx context.Context) error {
	r.bus.access.uses("Read", r.cfg.Topics...)
	if err := r.bus.ensureOwn(ctx, slices.Clone(r.cfg.Topics)); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		return err
	}
	if err := r.begin(ctx); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		return err
	}
	for {
		err := r.read(ctx)
		moved := errors.Is(err, errMoved)
		if !moved && !errors.Is(err, errStalled) {
			return err
		}
		if moved || r.hasForked(ctx) {
			if err := r.relocate(ctx); err != nil {
				return err
			}
		}
		r.watch.replaced()
	}
}

// begin finds out where to begin, and tells it.
func (r *Reader) begin(ctx context.Context) error {
	if err := r.bus.untilReached(ctx, "topics cannot be read yet; trying again", r.locate, "topics", r.name); err != nil {
		return fmt.Errorf("read %s: %w", r.name, err)
	}
	if r.cfg.Begin != nil {
		for at, next := range r.next {
			r.cfg.Begin(at.topic, at.partition, next, r.epochBefore(at))
		}
	}
	for at, next := range r.next {
		r.caughtUp(at, next)
	}
	return nil
}

// read reads with one client, from what is next. The error is [errStalled] when that has to be replaced, and [errMoved] when it cannot go on there.
func (r *Reader) read(ctx context.Context) error {
	client, err := kafka.NewConsumer(r.bus.clientConfig(r.settings()))
	if err != nil {
		return fmt.Errorf("make reader of %s: %w", r.name, err)
	}
	if r.opened != nil {
		r.opened(client)
	}
	from := make([]kafka.TopicPartition, 0, len(r.next))
	for at, next := range r.next {
		begin := at.kafka()
		begin.Offset = kafka.Offset(next)
		from = append(from, begin)
	}
	if err = client.Assign(from); err == nil {
		err = r.poll(ctx, client)
	}
	r.watch.end(r.progress())
	if _, closeErr := closeWithin(client, leaveTimeout, &r.leaving); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("close reader of %s: %w", r.name, closeErr))
	}
	return err
}

func (r *Reader) settings() kafka.ConfigMap {
	settings := kafka.ConfigMap{
		"group.id":                 "ism.reader." + uuid.NewString(), // the client wants one; nothing is committed to it
		"enable.auto.commit":       false,
		"enable.auto.offset.store": false,
		"enable.partition.eof":     true,
		"auto.offset.reset":        "error", // by itself the client would go on elsewhere without a word, see errMoved
	}
	maps.Copy(settings, fetching(r.cfg.LongPoll, r.cfg.FetchWait))
	return settings
}

// locate finds out where each partition is read from, and which offset it must reach to have caught up.
func (r *Reader) locate(ctx context.Context) error {
	var partitions []topicPartition
	for _, topic := range r.cfg.Topics {
		count, err := r.bus.Partitions(ctx, topic)
		if err != nil {
			return err
		}
		partitions = append(partitions, allPartitions(topic, count)...)
	}
	ends, err := r.bus.offsets(ctx, partitions, kafka.LatestOffsetSpec)
	if err != nil {
		return err
	}
	begins := ends
	if !r.cfg.Since.IsZero() {
		if begins, err = r.bus.offsets(ctx, partitions, kafka.NewOffsetSpecForTimestamp(r.cfg.Since.UnixMilli())); err != nil {
			return err
		}
	}
	for _, at := range partitions {
		r.next[at], r.missing[at] = ends[at], ends[at]
		if begins[at] >= 0 { // otherwise there is nothing since: the end stays
			r.next[at] = min(begins[at], ends[at])
		}
	}
	r.epochs, err = r.epochsBefore(ctx, r.next)
	return err
}

// poll hands records over until ctx is done. The error is [errStalled] or [errMoved] when the client has to be replaced.
func (r *Reader) poll(ctx context.Context, client *kafka.Consumer) error {
	sent, login, bearer := r.bus.newRequests(readerGroup), r.bus.newLogin(client), r.bus.newBearer(client)
	defer bearer.end()
	for ctx.Err() == nil {
		var batch []Record
		event := client.Poll(int(pollStep.Milliseconds()))
		for ; event != nil; event = client.Poll(0) {
			switch event := event.(type) {
			case *kafka.Message:
				batch = r.take(ctx, batch, event)
			case kafka.PartitionEOF:
				r.handle(ctx, batch)
				batch = nil
				if !r.reachedEnd(topicPartition{*event.Topic, event.Partition}, int64(event.Offset)) {
					return errMoved
				}
			case *kafka.Stats:
				sent.count(event.String())
				login.look()
			case kafka.OAuthBearerTokenRefresh:
				bearer.refresh()
			case kafka.Error:
				switch {
				case event.Code() == kafka.ErrAutoOffsetReset:
					r.handle(ctx, batch)
					return fmt.Errorf("%w: %w", errMoved, event)
				case event.IsFatal():
					return fmt.Errorf("read %s: %w", r.name, event)
				}
				r.disturbed.report(ctx, event)
			}
			if len(batch) >= r.cfg.MaxBatch || ctx.Err() != nil {
				break
			}
		}
		r.handle(ctx, batch)
		r.watch.drained = r.watch.drained || event == nil
		if err := r.watch.look(ctx, r.progress); err != nil {
			return err
		}
	}
	return nil
}

// take adds a record to a batch, once what the batch has of another partition has been handled.
func (r *Reader) take(ctx context.Context, batch []Record, message *kafka.Message) []Record {
	if err := message.TopicPartition.Error; err != nil {
		r.disturbed.report(ctx, err)
		return batch
	}
	record := recordOf(message)
	if len(batch) > 0 && partitionOf(batch[0]) != partitionOf(record) {
		r.handle(ctx, batch)
		batch = nil
	}
	return append(batch, record)
}

// reachedEnd notes where the log ends. That may lie behind the last record: transactions end with a mark that nobody is given. It reports false
// where it lies before what has been handled.
func (r *Reader) reachedEnd(at topicPartition, offset int64) bool {
	if offset < r.next[at] {
		return false
	}
	r.next[at] = offset
	r.signs[at]++
	r.reached(at)
	r.caughtUp(at, math.MaxInt64) // all that is there is read, even if that is less than there was at the start
	return true
}

func (r *Reader) progress() map[topicPartition]progress {
	all := make(map[topicPartition]progress, len(r.next))
	for at, next := range r.next {
		all[at] = progress{arrived: next, handled: next, signs: r.signs[at]}
	}
	return all
}

func (r *Reader) handle(ctx context.Context, batch []Record) {
	if len(batch) == 0 {
		return
	}
	last := batch[len(batch)-1]
	at, next := partitionOf(last), last.Offset+1
	observed := r.handled[at.topic].Begin()
	err := guard(func() error { return r.cfg.Handler(ctx, batch) })
	observed(telemetry.Outcome(err))
	if err != nil {
		r.bus.tel.Log.ErrorContext(ctx, "records that were read are passed over", "topic", at.topic, "partition", at.partition,
			"offset", batch[0].Offset, "records", len(batch), "error", err.Error())
	}
	r.next[at], r.epochs[at] = next, last.LeaderEpoch
	r.signs[at]++
	r.reached(at)
	r.caughtUp(at, next)
}

// caughtUp notes that a partition has been read up to the offset. It calls CaughtUp, once, when every partition has reached the end
// that it had at the start.
func (r *Reader) caughtUp(at topicPartition, next int64) {
	if r.missing == nil {
		return
	}
	if end, ok := r.missing[at]; ok && next >= end {
		delete(r.missing, at)
	}
	if len(r.missing) > 0 {
		return
	}
	r.missing = nil
	if r.cfg.CaughtUp != nil {
		r.cfg.CaughtUp()
	}
}
