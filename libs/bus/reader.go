package bus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
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
	// CaughtUp is called once, when all that was in the topics at the start has been handled.
	CaughtUp func()
	// Begin, if set, is called once for each partition, before the first record of any and before CaughtUp, with the offset at which
	// reading begins: the log's end where nothing has been written since. All records from there on are handed over.
	Begin func(topic string, partition int32, offset int64)
}

const queryTimeout = 5 * time.Second

// Reader reads every partition of its topics by assignment, without a group: each reader gets every record. Partitions that a
// topic gets later are not read.
type Reader struct {
	bus     *Bus
	cfg     ReaderConfig
	name    string                          // the topics, for errors and the log
	handled map[string]*telemetry.Operation // by topic
	lag     lag
	kafka   *kafka.Consumer
	next    map[topicPartition]int64 // the next record to be handled
	missing map[topicPartition]int64 // the offset that a partition must reach to have caught up

	disturbed *disturbances
}

// NewReader makes a reader. Run it, once.
func (b *Bus) NewReader(cfg ReaderConfig) (*Reader, error) {
	if len(cfg.Topics) == 0 || cfg.Handler == nil {
		return nil, errors.New("make reader: topics and a handler are needed")
	}
	cfg.MaxBatch = max(cfg.MaxBatch, 1)
	name := strings.Join(cfg.Topics, ", ")
	r := &Reader{
		bus: b, cfg: cfg, name: name, handled: map[string]*telemetry.Operation{}, lag: b.newLag(readerGroup),
		next: map[topicPartition]int64{}, missing: map[topicPartition]int64{},
		disturbed: b.disturbances("reader of " + name),
	}
	for _, topic := range cfg.Topics {
		r.handled[topic] = b.tel.Consumed(topic, readerGroup)
	}
	return r, nil
}

// Run makes those of the topics that are the suite's and missing, and reads until ctx is done.
func (r *Reader) Run(ctx context.Context) error {
	if err := r.bus.ensureOwn(ctx, slices.Clone(r.cfg.Topics)); err != nil {
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
		return fmt.Errorf("make reader of %s: %w", r.name, err)
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
		err = errors.Join(err, fmt.Errorf("close reader of %s: %w", r.name, closeErr))
	}
	return err
}

// assign finds out where to begin, and begins there.
func (r *Reader) assign(ctx context.Context) error {
	if err := r.bus.untilReached(ctx, "topics cannot be read yet; trying again", r.locate, "topics", r.name); err != nil {
		return fmt.Errorf("read %s: %w", r.name, err)
	}
	begin := make([]kafka.TopicPartition, 0, len(r.next))
	for at, next := range r.next {
		from := at.kafka()
		from.Offset = kafka.Offset(next)
		begin = append(begin, from)
		if r.cfg.Begin != nil {
			r.cfg.Begin(at.topic, at.partition, next)
		}
	}
	if err := r.kafka.Assign(begin); err != nil {
		return fmt.Errorf("read %s: %w", r.name, err)
	}
	return nil
}

// locate finds out where each partition is read from, and which offset it must reach to have caught up.
func (r *Reader) locate(ctx context.Context) error {
	var partitions []topicPartition
	for _, topic := range r.cfg.Topics {
		count, err := r.bus.Partitions(ctx, topic)
		if err != nil {
			return err
		}
		for number := range count {
			partitions = append(partitions, topicPartition{topic, number})
		}
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
	return nil
}

func (r *Reader) poll(ctx context.Context) error {
	for at, next := range r.next {
		r.caughtUp(at, next)
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
				if len(batch) > 0 && partitionOf(batch[0]) != partitionOf(record) {
					r.handle(ctx, batch)
					batch = nil
				}
				batch = append(batch, record)
			case kafka.PartitionEOF:
				r.handle(ctx, batch)
				batch = nil
				r.caughtUp(topicPartition{*event.Topic, event.Partition}, math.MaxInt64) // all that was there is read, even if the log has become shorter
			case kafka.Error:
				if event.IsFatal() {
					return fmt.Errorf("read %s: %w", r.name, event)
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
	at, next := partitionOf(batch[0]), batch[len(batch)-1].Offset+1
	observed := r.handled[at.topic].Begin()
	err := guard(func() error { return r.cfg.Handler(ctx, batch) })
	observed(telemetry.Outcome(err))
	if err != nil {
		r.bus.tel.Log.ErrorContext(ctx, "records that were read are passed over", "topic", at.topic, "partition", at.partition,
			"offset", batch[0].Offset, "records", len(batch), "error", err.Error())
	}
	r.next[at] = next
	r.caughtUp(at, next)
}

func (r *Reader) measureLag() {
	for at, next := range r.next {
		r.lag.measure(r.kafka, at, next)
	}
}

func (r *Reader) endLag() {
	for at := range r.next {
		r.lag.end(at)
	}
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
