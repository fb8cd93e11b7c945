package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/ism-chat/ism/libs/telemetry"
)

// ErrOutcomeUnknown says that nobody knows whether a record has been written: it was sent, and its acknowledgement did not come in time. It may
// still be written. It is an [ErrUnavailable].
var ErrOutcomeUnknown = fmt.Errorf("%w: whether the record is written is not known", ErrUnavailable)

// AppenderConfig says what an appender writes.
type AppenderConfig struct {
	Topics []string
	// Timeout is how long a call may take. A partition that acknowledges nothing for nearly as long stands still.
	Timeout time.Duration
}

const (
	// mostHold is how old the oldest record under way may be before others are held back, see [lane].
	mostHold = 300 * time.Millisecond
	// replicateTimeout is how long a leader waits for its followers before it says that they are late: less than a client waits for an answer,
	// which would take the leader for one that hangs.
	replicateTimeout = answerTimeout * 4 / 5
	// provenFor is how long an acknowledgement counts as a proof that the brokers take writes, see [Appender.Ready].
	provenFor = 10 * time.Second
)

// Appender appends single records for callers who wait for each, as sends do. What holds beside what holds for a [Producer]:
//
//   - Each partition stands for itself. A stall is waited out; while a partition stands still its records are refused at once, before anything
//     is sent, and those of others go on.
//   - The client never gives a record up: what was sent and not acknowledged in time is under way until it is. Its caller is told
//     [ErrOutcomeUnknown]. These are the records of the first third of a second of a stall: later ones are held
//     back, and it is certain that they have not been written.
//   - Each record is written at least once. A broker knows a record that is sent again by its producer epoch and sequence number, and librdkafka begins a new
//     epoch where a record comes in front of one that was refused, with OUT_OF_ORDER_SEQUENCE_NUMBER: so where replicas are lost and come back while several
//     records are under way. What is not acknowledged by then, of any partition, is sent again in the new epoch, also what a leader has
//     appended and could not replicate in time (NOT_ENOUGH_REPLICAS_AFTER_APPEND, a timeout). Then the log has both, which are equal, with one event id, and mostly
//     beside each other. Readers that must take each once know the first: see [Firsts].
//
// It is safe for concurrent use. Run it, once.
type Appender struct {
	bus    *Bus
	cfg    AppenderConfig
	opened atomic.Pointer[appending] // nil until it runs
	proven atomic.Int64              // nanoseconds since 1970 of the newest acknowledgement
}

// appending is an appender that runs.
type appending struct {
	producer *Producer
	lanes    map[string][]*lane // by topic and partition
}

// NewAppender makes an appender. It reaches for nothing.
func (b *Bus) NewAppender(cfg AppenderConfig) (*Appender, error) {
	if len(cfg.Topics) == 0 || cfg.Timeout <= 0 {
		return nil, errors.New("make appender: topics and a timeout are needed")
	}
	cfg.Topics = append([]string{topicProbes}, cfg.Topics...)
	return &Appender{bus: b, cfg: cfg}, nil
}

// Run makes those of the topics that are the suite's and missing, and appends until ctx is done. Then it waits for what is under way, for
// [closeTimeout] at most.
func (a *Appender) Run(ctx context.Context) error {
	lanes, err := a.findLanes(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	producer, err := a.bus.NewProducer(ProducerConfig{DeliveryTimeout: a.cfg.Timeout, keepsAll: true})
	if err != nil {
		return err
	}
	defer a.show(lanes)()
	a.opened.Store(&appending{producer: producer, lanes: lanes})
	<-ctx.Done()
	a.opened.Store(nil)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := producer.Close(closing); err != nil { // no caller has been told that they are written
		a.bus.tel.Log.WarnContext(ctx, "it is not known whether the last records are written", "error", err.Error())
	}
	return nil
}

// findLanes makes the topics that are missing, and asks for the partitions until they are known.
func (a *Appender) findLanes(ctx context.Context) (map[string][]*lane, error) {
	if err := a.bus.ensureOwn(ctx, slices.Clone(a.cfg.Topics)); err != nil {
		return nil, err
	}
	a.bus.access.uses("Write", a.cfg.Topics...)
	lanes := map[string][]*lane{}
	hold := min(mostHold, a.cfg.Timeout/4)
	find := func(ctx context.Context) error {
		for _, topic := range a.cfg.Topics {
			count, err := a.bus.Partitions(ctx, topic)
			if err != nil {
				return err
			}
			lanes[topic] = make([]*lane, count)
			for partition := range lanes[topic] {
				// Those that wait are refused a little before their time is over, so that they are not told that they came too late.
				lanes[topic][partition] = newLane(hold, a.cfg.Timeout*7/8)
			}
		}
		return nil
	}
	if err := a.bus.untilReached(ctx, "partitions are not known yet; trying again", find); err != nil {
		return nil, fmt.Errorf("find partitions to append to: %w", err)
	}
	return lanes, nil
}

// show has metrics show what waits, until the function that it returns is called.
func (a *Appender) show(lanes map[string][]*lane) (end func()) {
	var ends []func()
	for topic, partitions := range lanes {
		for partition, l := range partitions {
			name := topic + " " + strconv.Itoa(partition)
			ends = append(ends, a.bus.tel.Saturation("unacknowledged_seconds", name, func() (used, limit float64) {
				age, _ := l.state()
				return age.Seconds(), l.stillAfter.Seconds()
			}), a.bus.tel.Saturation("held_records", name, func() (used, limit float64) {
				_, held := l.state()
				return float64(held), maxHeld
			}))
		}
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// Append writes a record, with the trace context of ctx in its headers, and waits for its acknowledgement. The record's key chooses its
// partition, and is needed. A receipt's offset is -1 where the broker had the record already and no longer knows where: it is written all
// the same. Errors: [ErrRejected] for a record that is too large; [ErrOutcomeUnknown]; any other [ErrUnavailable]: the record is not written,
// and never will be.
func (a *Appender) Append(ctx context.Context, record Record) (Receipt, error) {
	return a.AppendDraft(ctx, Draft{
		Topic: record.Topic, Key: record.Key, Headers: record.Headers, Size: len(record.Value),
		Compose: func() (map[string]string, []byte, error) { return nil, record.Value, nil },
	})
}

// Draft is a record that is made when it is handed to the client, and so knows what came before it.
type Draft struct {
	Topic, Key string
	Headers    map[string]string // beside those that Compose gives
	Size       int               // of the value, about, bytes: what waits for a partition is bounded by it
	// Compose makes the rest of the record. It is called once at most, for records of one partition one after the other, in the order in which the log
	// gets them; those behind wait for it. Its error is Append's.
	Compose func() (headers map[string]string, value []byte, err error)
}

// AppendDraft is Append of a record that is made in its turn.
func (a *Appender) AppendDraft(ctx context.Context, draft Draft) (receipt Receipt, err error) {
	opened := a.opened.Load()
	if opened == nil {
		return Receipt{}, fmt.Errorf("%w: the service is starting, or ends", ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Timeout)
	defer cancel()
	lanes, known := opened.lanes[draft.Topic]
	if !known {
		return Receipt{}, fmt.Errorf("append to %s: it is not a topic of this appender", draft.Topic)
	}
	record := Record{Topic: draft.Topic, Key: draft.Key, Headers: draft.Headers, Partition: partitionOfKey(draft.Key, int32(len(lanes)))}
	headers, span := a.bus.Tracing("").send(ctx, record)
	compose := draft.Compose
	draft.Compose = func() (headers map[string]string, value []byte, err error) {
		headers, value, err = compose()
		describe(span, headers)
		return headers, value, err
	}
	observed := opened.producer.topic(record.Topic).Begin()
	defer func() {
		if err == nil && span.IsRecording() {
			span.SetAttributes(written(receipt.Partition, receipt.Offset)...)
		}
		EndSpan(span, err)
		observed(telemetry.Outcome(err))
	}()
	record.Headers = headers
	return a.append(ctx, opened.producer, lanes[record.Partition], record, draft)
}

func (a *Appender) append(ctx context.Context, producer *Producer, l *lane, record Record, draft Draft) (Receipt, error) {
	slot, err := l.enter(ctx, draft.Size)
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: partition %d of %s: %w", ErrUnavailable, record.Partition, record.Topic, err)
	}
	sent := &sentRecord{settle: func(acknowledged bool) { l.leave(slot, acknowledged) }, reported: make(chan struct{})}
	if err := send(ctx, producer, l, record, draft.Compose, sent); err != nil {
		sent.settle(!errors.Is(err, ErrUnavailable)) // else the fault is the record's
		return Receipt{}, err
	}
	select {
	case <-sent.reported:
	case <-ctx.Done():
		return Receipt{}, fmt.Errorf("%w: no acknowledgement: %w", ErrOutcomeUnknown, ctx.Err())
	}
	if sent.err != nil {
		return Receipt{}, sent.err
	}
	a.proven.Store(time.Now().UnixNano())
	return sent.receipt, nil
}

// send makes a record, and hands it to the client. After an error the client does not have it.
func send(ctx context.Context, producer *Producer, l *lane, record Record, compose func() (map[string]string, []byte, error), sent *sentRecord) error {
	used, err := producer.current(ctx)
	if err != nil {
		return err
	}
	end, err := l.turn(ctx)
	if err != nil {
		return err
	}
	defer end()
	headers, value, err := compose()
	if err != nil {
		return err
	}
	record.Value = value
	maps.Copy(record.Headers, headers)
	return producer.enqueue(ctx, used, record, record.Headers, sent, nil)
}

// sentRecord is a record that the client has. Its report comes once, however long it takes.
type sentRecord struct {
	settle   func(acknowledged bool)
	reported chan struct{} // closed when what stands below is set
	receipt  Receipt
	err      error
}

// report takes the delivery report.
func (s *sentRecord) report(message *kafka.Message) {
	at := message.TopicPartition
	s.receipt = Receipt{Partition: at.Partition, Offset: max(-1, int64(at.Offset))}
	s.err = appendError(at.Error)
	s.settle(s.err == nil || errors.Is(s.err, ErrRejected))
	close(s.reported)
}

// appendError says of a report's error whether it leaves open what has become of the record.
func appendError(err error) error {
	var failed kafka.Error
	if err == nil {
		return nil
	}
	if errors.As(err, &failed) {
		switch failed.Code() {
		case kafka.ErrPurgeQueue, // it has never been sent
			kafka.ErrTopicAuthorizationFailed, kafka.ErrClusterAuthorizationFailed, kafka.ErrUnknownTopicOrPart, kafka.ErrUnknownTopic,
			kafka.ErrUnknownPartition, kafka.ErrInvalidRecord, kafka.ErrPolicyViolation, kafka.ErrNotEnoughReplicas:
			return fmt.Errorf("%w: not written: %w", ErrUnavailable, err)
		case kafka.ErrMsgSizeTooLarge, kafka.ErrInvalidMsgSize, kafka.ErrRecordListTooLarge:
			return produceError(err)
		default:
		}
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// Ready reports whether the brokers take writes: something was acknowledged a moment ago and no partition is slow, or a record of no meaning is
// acknowledged now, on a topic that is there for that.
func (a *Appender) Ready(ctx context.Context) error {
	if time.Since(time.Unix(0, a.proven.Load())) < provenFor && !a.slow() {
		return nil
	}
	if _, err := a.Append(telemetry.Untraced(ctx), Record{Topic: topicProbes, Key: a.bus.cfg.ClientID}); err != nil {
		return fmt.Errorf("try to write: %w", err)
	}
	return nil
}

// slow reports whether a partition holds records back.
func (a *Appender) slow() bool {
	opened := a.opened.Load()
	if opened == nil {
		return true
	}
	for _, lanes := range opened.lanes {
		for _, l := range lanes {
			if age, _ := l.state(); age >= l.holdAfter {
				return true
			}
		}
	}
	return false
}
