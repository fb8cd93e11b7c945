package bus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
)

// ReaderConfig says what a reader reads.
type ReaderConfig struct {
	Topic string
	// Since is the time of the oldest records to read; zero: only what is written from now on.
	Since time.Time
	// Handler is called for the records of each partition, in order. Its error is logged and the records are passed over: a
	// reader fills memory, where a second attempt would fail as the first did.
	Handler  Handler
	MaxBatch int // most records handed over at once; 1 if zero
	// CaughtUp is called once, when all that was in the topic at the start has been handled.
	CaughtUp func()
	// Begin, if set, is called once for each partition, before its first record and before CaughtUp, with the offset at which
	// reading begins: the log's end where nothing has been written since. All records from there on are handed over.
	Begin func(partition int32, offset int64)
}

const queryTimeout = 5 * time.Second

// Reader reads every partition of a topic by assignment, without a group: each reader gets every record. Partitions that the
// topic gets later are not read.
type Reader struct {
	bus     *Bus
	cfg     ReaderConfig
	handled *telemetry.Operation
	lag     lag
	kafka   *kafka.Consumer
	begin   map[int32]int64 // by partition, where reading begins
	next    map[int32]int64 // by partition, the next record to be handled
	missing map[int32]int64 // by partition, the offset that it must reach to have caught up

	disturbed *disturbances
}

// NewReader makes a reader. Run it, once.
func (b *Bus) NewReader(cfg ReaderConfig) (*Reader, error) {
	if cfg.Topic == "" || cfg.Handler == nil {
		return nil, errors.New("make reader: a topic and a handler are needed")
	}
	cfg.MaxBatch = max(cfg.MaxBatch, 1)
	return &Reader{
		bus: b, cfg: cfg, handled: b.tel.Consumed(cfg.Topic, readerGroup), lag: b.newLag(readerGroup),
		begin: map[int32]int64{}, next: map[int32]int64{}, missing: map[int32]int64{},
		disturbed: b.disturbances("reader of " + cfg.Topic),
	}, nil
}

// Run makes the topic if it is one of the suite and missing, and reads until ctx is done.
func (r *Reader) Run(ctx context.Context) error {
	if err := r.bus.ensureOwn(ctx, []string{r.cfg.Topic}); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		return err
	}
	consumer, err := kafka.NewConsumer(r.bus.clientConfig(kafka.ConfigMap{
		"group.id":                   "ism.reader." + uuid.NewString(), // the client wants one; nothing is committed to it
		"enable.auto.commit":         false,
		"enable.auto.offset.store":   false,
		"enable.partition.eof":       true,
		"auto.offset.reset":          "earliest",
		"fetch.wait.max.ms":          500,
		"fetch.queue.backoff.ms":     10,
		"queued.max.messages.kbytes": 16 << 10,
	}))
	if err != nil {
		return fmt.Errorf("make reader of %s: %w", r.cfg.Topic, err)
	}
	r.kafka = consumer
	err = r.assign(ctx)
	if err == nil {
		err = r.poll(ctx)
	}
	if ctx.Err() != nil {
		err = nil
	}
	if closeErr := consumer.Close(); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("close reader of %s: %w", r.cfg.Topic, closeErr))
	}
	return err
}

// assign finds out where to begin, and begins there.
func (r *Reader) assign(ctx context.Context) error {
	var begin []kafka.TopicPartition
	find := func(ctx context.Context) (err error) {
		begin, err = r.offsets(ctx)
		return err
	}
	if err := r.bus.untilReached(ctx, "a topic cannot be read yet; trying again", find, "topic", r.cfg.Topic); err != nil {
		return fmt.Errorf("read %s: %w", r.cfg.Topic, err)
	}
	for _, partition := range begin {
		r.begin[partition.Partition] = int64(partition.Offset)
		if r.cfg.Begin != nil {
			r.cfg.Begin(partition.Partition, int64(partition.Offset))
		}
	}
	if err := r.kafka.Assign(begin); err != nil {
		return fmt.Errorf("read %s: %w", r.cfg.Topic, err)
	}
	return nil
}

// offsets gives where each partition is read from, and notes which offset it must reach to have caught up.
func (r *Reader) offsets(ctx context.Context) ([]kafka.TopicPartition, error) {
	count, err := r.bus.Partitions(ctx, r.cfg.Topic)
	if err != nil {
		return nil, err
	}
	begin := make([]kafka.TopicPartition, 0, count)
	clear(r.missing)
	for number := range count {
		_, end, err := r.kafka.QueryWatermarkOffsets(r.cfg.Topic, number, int(queryTimeout.Milliseconds()))
		if err != nil {
			return nil, fmt.Errorf("find the end of %s, partition %d: %w", r.cfg.Topic, number, err)
		}
		at := topicPartition{r.cfg.Topic, number}.kafka()
		at.Offset = kafka.Offset(end)
		begin = append(begin, at)
		r.missing[number] = end
	}
	if r.cfg.Since.IsZero() {
		return begin, nil
	}
	asked := make([]kafka.TopicPartition, len(begin))
	for i, partition := range begin {
		asked[i] = partition
		asked[i].Offset = kafka.Offset(r.cfg.Since.UnixMilli())
	}
	found, err := r.kafka.OffsetsForTimes(asked, int(queryTimeout.Milliseconds()))
	if err != nil {
		return nil, fmt.Errorf("find the offsets of %s at %s: %w", r.cfg.Topic, r.cfg.Since.UTC(), err)
	}
	for _, partition := range found {
		if partition.Error != nil {
			return nil, fmt.Errorf("find the offset of %s, partition %d: %w", r.cfg.Topic, partition.Partition, partition.Error)
		}
		if partition.Offset >= 0 { // otherwise there is nothing since: the end stays
			begin[partition.Partition].Offset = min(partition.Offset, begin[partition.Partition].Offset)
		}
	}
	return begin, nil
}

func (r *Reader) poll(ctx context.Context) error {
	for partition, next := range r.begin {
		r.next[partition] = next
		r.caughtUp(partition, next)
	}
	measured := time.Now()
	defer r.endLag()
	for ctx.Err() == nil {
		if time.Since(measured) > lagInterval {
			measured = time.Now()
			r.measureLag()
		}
		var batch []Record
		for event := r.kafka.Poll(int(pollStep.Milliseconds())); event != nil; event = r.kafka.Poll(0) {
			switch event := event.(type) {
			case *kafka.Message:
				record := recordOf(event)
				if len(batch) > 0 && batch[0].Partition != record.Partition {
					r.handle(ctx, batch)
					batch = nil
				}
				batch = append(batch, record)
			case kafka.PartitionEOF:
				r.handle(ctx, batch)
				batch = nil
				r.caughtUp(event.Partition, math.MaxInt64) // all that was there is read, even if the log has become shorter
			case kafka.Error:
				if event.IsFatal() {
					return fmt.Errorf("read %s: %w", r.cfg.Topic, event)
				}
				r.disturbed.report(ctx, event)
			}
			if len(batch) >= r.cfg.MaxBatch || ctx.Err() != nil {
				break
			}
		}
		r.handle(ctx, batch)
	}
	return nil
}

func (r *Reader) handle(ctx context.Context, batch []Record) {
	if len(batch) == 0 {
		return
	}
	observed := r.handled.Begin()
	err := guard(func() error { return r.cfg.Handler(ctx, batch) })
	observed(telemetry.Outcome(err))
	last := batch[len(batch)-1]
	if err != nil {
		r.bus.tel.Log.ErrorContext(ctx, "records that were read are passed over", "topic", r.cfg.Topic, "partition", last.Partition,
			"offset", batch[0].Offset, "records", len(batch), "error", err.Error())
	}
	r.next[last.Partition] = last.Offset + 1
	r.caughtUp(last.Partition, last.Offset+1)
}

func (r *Reader) measureLag() {
	for partition, next := range r.next {
		r.lag.measure(r.kafka, topicPartition{r.cfg.Topic, partition}, next)
	}
}

func (r *Reader) endLag() {
	for partition := range r.next {
		r.lag.end(topicPartition{r.cfg.Topic, partition})
	}
}

// caughtUp notes that a partition has been read up to the offset. It calls CaughtUp, once, when every partition has reached the end
// that it had at the start.
func (r *Reader) caughtUp(partition int32, next int64) {
	if r.missing == nil {
		return
	}
	if end, ok := r.missing[partition]; ok && next >= end {
		delete(r.missing, partition)
	}
	if len(r.missing) > 0 {
		return
	}
	r.missing = nil
	if r.cfg.CaughtUp != nil {
		r.cfg.CaughtUp()
	}
}
