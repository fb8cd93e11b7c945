package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/telemetry"
)

const (
	defaultDeliveryTimeout = 10 * time.Second
	maxQueuedRecords       = 100_000
	maxQueuedKilobytes     = 64 << 10
	flushStep              = 100 * time.Millisecond
	queueStep              = 10 * time.Millisecond // between looks whether a full queue has room
	replaceEvery           = time.Second           // at most: where brokers refuse all, each record would cost a client
	closeTimeout           = 5 * time.Second       // of a producer that WithProducer has made
)

// ProducerConfig says how a producer behaves.
type ProducerConfig struct {
	// DeliveryTimeout is how long a record may take to be acknowledged; 10 s if zero.
	DeliveryTimeout time.Duration
	// Gapless says what is in the log after a call that failed: none of its records without all those before it, and none that is
	// sent later. So the caller can write the sequence again from its beginning. Only what a stalled broker had already received may
	// still be appended, beside the second attempt, as repetitions. A call that fails also fails the calls beside it: that is the price.
	Gapless bool

	maxBytes int // of a record, with its key and headers; the client's default (1,000,000) if zero
	// keepsAll is an [Appender]'s: the client never gives a record up, and no call's end replaces it.
	keepsAll bool
}

// Producer writes records, acks=all and idempotent, in the order in which it is given them. It is safe for concurrent use.
type Producer struct {
	bus *Bus
	cfg ProducerConfig

	mu        sync.RWMutex
	client    *client       // replaced when it has failed for good
	replacing chan struct{} // while the client is being replaced: closed when that is done
	replaced  time.Time     // when the client was replaced last
	closed    bool
	closing   chan struct{}  // closed with it
	ending    sync.WaitGroup // replacements and clients that were replaced and are being closed
	topicMu   sync.Mutex
	topics    map[string]*telemetry.Operation
}

// client is a producer of librdkafka. Once it has failed for good, another one replaces it.
type client struct {
	kafka  *kafka.Producer
	done   chan struct{} // closed once its events have all been read
	asked  sync.RWMutex  // held for reading while it is asked something, so that it is not closed meanwhile
	bearer *bearer
}

// NewProducer makes a producer. Close it.
func (b *Bus) NewProducer(cfg ProducerConfig) (*Producer, error) {
	if cfg.DeliveryTimeout <= 0 {
		cfg.DeliveryTimeout = defaultDeliveryTimeout
	}
	p := &Producer{bus: b, cfg: cfg, closing: make(chan struct{}), topics: map[string]*telemetry.Operation{}}
	started, err := p.start()
	if err != nil {
		return nil, err
	}
	p.client = started
	return p, nil
}

func (p *Producer) start() (*client, error) {
	settings := kafka.ConfigMap{
		"acks":                         "all",
		"enable.idempotence":           true,
		"message.timeout.ms":           int(p.cfg.DeliveryTimeout.Milliseconds()),
		"linger.ms":                    0,
		"compression.type":             "lz4",
		"partitioner":                  "murmur2_random",
		"queue.buffering.max.messages": maxQueuedRecords,
		"queue.buffering.max.kbytes":   maxQueuedKilobytes,
		"go.produce.channel.size":      1,
		"go.events.channel.size":       64,
		"go.delivery.report.fields":    "none",
	}
	if p.cfg.Gapless || p.cfg.keepsAll {
		// The client must not give up one record and go on with the next. Its guarantee does not cover records that it gives up by
		// time, so it has no timeout: the call has one, and replaces the client, but for an appender's.
		settings["enable.gapless.guarantee"] = true
		settings["message.timeout.ms"] = 0
	}
	if p.cfg.keepsAll {
		settings["request.timeout.ms"] = int(replicateTimeout.Milliseconds())
	}
	if p.cfg.maxBytes > 0 {
		settings["message.max.bytes"] = p.cfg.maxBytes
	}
	producer, err := kafka.NewProducer(p.bus.clientConfig(settings))
	if err != nil {
		return nil, fmt.Errorf("make producer: %w", err)
	}
	c := &client{kafka: producer, done: make(chan struct{}), bearer: p.bus.newBearer(producer)}
	go p.watch(c)
	return c, nil
}

// watch reads a client's events until it is closed. Delivery reports have channels of their own, but for an appender's.
func (p *Producer) watch(c *client) {
	defer close(c.done)
	disturbed, sent, login := p.bus.disturbances("producer"), p.bus.newRequests("(producer)"), p.bus.newLogin(c.kafka)
	for event := range c.kafka.Events() {
		switch event := event.(type) {
		case *kafka.Message:
			if record, ok := event.Opaque.(*sentRecord); ok {
				record.report(event)
			}
		case *kafka.Stats:
			sent.count(event.String())
			login.look()
		case kafka.OAuthBearerTokenRefresh:
			c.bearer.refresh()
		case kafka.Error:
			if event.IsFatal() {
				p.replace(c, event)
			} else {
				disturbed.report(context.Background(), event)
			}
		}
	}
}

// replace begins to replace a client that has failed for good, and does not wait for it. What the old one has not delivered fails
// before the new one is used.
func (p *Producer) replace(failed *client, cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != failed || p.replacing != nil || p.closed {
		return
	}
	p.bus.tel.Log.Warn("a Kafka producer has failed and is replaced", "error", cause.Error())
	replaced := make(chan struct{})
	p.replacing = replaced
	pause := replaceEvery - time.Since(p.replaced)
	p.ending.Go(func() {
		failed.purge()
		rest := time.NewTimer(pause)
		defer rest.Stop()
		select {
		case <-rest.C:
		case <-p.closing: // Close ends the client that has failed
			close(replaced)
			return
		}
		fresh, err := p.start()
		p.mu.Lock()
		p.replacing, p.replaced = nil, time.Now()
		if err == nil {
			p.client = fresh
		}
		p.mu.Unlock()
		close(replaced)
		if err != nil {
			// Hardly possible, as the same settings have made a client before. The failed one refuses the next record, and is replaced then.
			p.bus.tel.Log.Error("a Kafka producer cannot be replaced", "error", err.Error())
			return
		}
		failed.close()
	})
}

// current is the client to use. It waits while that is being replaced.
func (p *Producer) current(ctx context.Context) (*client, error) {
	for {
		p.mu.RLock()
		used, replacing, closed := p.client, p.replacing, p.closed
		p.mu.RUnlock()
		if closed {
			return nil, fmt.Errorf("%w: the producer is closed", ErrUnavailable)
		}
		if replacing == nil {
			return used, nil
		}
		select {
		case <-replacing:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: the producer is being replaced: %w", ErrUnavailable, ctx.Err())
		}
	}
}

// purge fails all that has not been delivered, and returns when none of it will be sent any more.
func (c *client) purge() { _ = c.kafka.Purge(kafka.PurgeQueue | kafka.PurgeInFlight) }

func (c *client) close() {
	c.bearer.end()
	c.purge()
	c.kafka.Flush(int(flushStep.Milliseconds()))
	c.asked.Lock()
	c.kafka.Close()
	c.asked.Unlock()
	<-c.done
}

// WithProducer makes a producer for as long as use runs. At the end it closes it, which may take closeTimeout.
func (b *Bus) WithProducer(ctx context.Context, cfg ProducerConfig, use func(ctx context.Context, p *Producer) error) (err error) {
	producer, err := b.NewProducer(cfg)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = errors.Join(err, producer.Close(closing))
	}()
	return use(ctx, producer)
}

// Produce writes one record, with the trace context of ctx in its headers, and waits for its acknowledgement. The error is
// [ErrUnavailable] where that has not come in time, or no room in the queue.
func (p *Producer) Produce(ctx context.Context, record Record) (Receipt, error) {
	receipts, err := p.ProduceAll(ctx, []Record{record})
	if err != nil {
		return Receipt{}, err
	}
	return receipts[0], nil
}

// ProduceAll writes records in the order given, without waiting in between, and waits for all. Receipts stand in the same
// order. After an error some may have been written. A record that has a traceparent header already keeps its trace. Errors:
// [ErrUnavailable]; [ErrRejected] for a record that is too large.
func (p *Producer) ProduceAll(ctx context.Context, records []Record) (receipts []Receipt, err error) {
	if err := ctx.Err(); err != nil { // nothing is written for a caller that has gone
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.DeliveryTimeout)
	defer cancel()
	used, err := p.current(ctx)
	if err != nil {
		return nil, err
	}
	reports := make(chan kafka.Event, len(records)) // room for all: the client must never wait for us
	sends, tracing := make([]sending, 0, len(records)), p.bus.Tracing("")
	defer func() {
		for _, s := range sends {
			EndSpan(s.span, err)
			s.observed(telemetry.Outcome(err))
		}
	}()
	for i, record := range records {
		headers, span := tracing.send(ctx, record)
		sends = append(sends, sending{span: span, observed: p.topic(record.Topic).Begin()})
		if err := p.enqueue(ctx, used, record, headers, i, reports); err != nil {
			if p.cfg.Gapless && i > 0 { // what stands before it may still be under way
				p.replace(used, err)
			}
			return nil, err
		}
	}
	receipts = make([]Receipt, len(records))
	for range records {
		select {
		case event := <-reports:
			message, ok := event.(*kafka.Message)
			if !ok {
				return nil, fmt.Errorf("%w: unexpected report %v", ErrUnavailable, event)
			}
			if err := message.TopicPartition.Error; err != nil {
				if p.cfg.Gapless { // what is under way behind it must not be written
					p.replace(used, err)
				}
				return nil, produceError(err)
			}
			if message.TopicPartition.Offset < 0 { // the broker had it already, and no longer knows its offset
				return nil, fmt.Errorf("%w: acknowledged without an offset", ErrUnavailable)
			}
			index, _ := message.Opaque.(int)
			receipts[index] = Receipt{Partition: message.TopicPartition.Partition, Offset: int64(message.TopicPartition.Offset)}
			sends[index].acknowledged(receipts[index])
		case <-ctx.Done():
			err := fmt.Errorf("%w: no acknowledgement: %w", ErrUnavailable, ctx.Err())
			if p.cfg.Gapless || p.cfg.keepsAll {
				p.replace(used, err)
			}
			return nil, err
		}
	}
	return receipts, nil
}

// sending is a record that is under way.
type sending struct {
	span     trace.Span
	observed func(outcome string)
}

// acknowledged ends the span, whatever becomes of the records beside it.
func (s sending) acknowledged(receipt Receipt) {
	if s.span.IsRecording() {
		s.span.SetAttributes(written(receipt.Partition, receipt.Offset)...)
	}
	s.span.End()
}

// enqueue hands a record to the client, which reports with the tag to the channel or, without one, to its events. While the client's queue is
// full it waits for room, until ctx is done. After an error the client does not have the record.
func (p *Producer) enqueue(ctx context.Context, used *client, record Record, headers map[string]string, tag any, reports chan kafka.Event) error {
	topic := record.Topic
	message := &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: record.Partition},
		Value:          record.Value,
		Headers:        make([]kafka.Header, 0, len(headers)),
		Opaque:         tag,
	}
	if record.Key != "" { // without a key any partition will do; an empty one is always the same partition's
		message.Key = []byte(record.Key)
	}
	for name, value := range headers {
		message.Headers = append(message.Headers, kafka.Header{Key: name, Value: []byte(value)})
	}
	for {
		err := p.hand(used, message, reports)
		if !isQueueFull(err) {
			return err
		}
		select {
		case <-time.After(queueStep):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}
}

// hand hands a message to the client, unless that is no longer the one to use.
func (p *Producer) hand(used *client, message *kafka.Message, reports chan kafka.Event) error {
	p.mu.RLock()
	if p.closed || p.client != used || p.replacing != nil {
		p.mu.RUnlock()
		return fmt.Errorf("%w: the producer has failed or is closed", ErrUnavailable)
	}
	err := used.kafka.Produce(message, reports)
	p.mu.RUnlock()
	if err == nil {
		return nil
	}
	if isFatal(err) {
		p.replace(used, err)
	}
	return produceError(err)
}

func isQueueFull(err error) bool {
	var refused kafka.Error
	return errors.As(err, &refused) && refused.Code() == kafka.ErrQueueFull
}

// isFatal reports whether the client has failed for good, with this error or before it.
func isFatal(err error) bool {
	var refused kafka.Error
	return errors.As(err, &refused) && (refused.IsFatal() || refused.Code() == kafka.ErrFatal)
}

func produceError(err error) error {
	var refused kafka.Error
	if errors.As(err, &refused) && (refused.Code() == kafka.ErrMsgSizeTooLarge || refused.Code() == kafka.ErrInvalidMsgSize) {
		return fmt.Errorf("%w: the record is too large: %w", ErrRejected, err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func (p *Producer) topic(name string) *telemetry.Operation {
	p.topicMu.Lock()
	defer p.topicMu.Unlock()
	operation, ok := p.topics[name]
	if !ok {
		operation = p.bus.tel.Produced(name)
		p.bus.access.uses("Write", name)
		p.topics[name] = operation
	}
	return operation
}

// Close waits for what is under way, at most until ctx is done. What has not been delivered by then fails.
func (p *Producer) Close(ctx context.Context) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	close(p.closing)
	p.mu.Unlock()
	p.ending.Wait()
	last := p.client
	left := last.kafka.Len()
	for left > 0 && ctx.Err() == nil {
		left = last.kafka.Flush(int(flushStep.Milliseconds()))
	}
	last.close()
	if left > 0 {
		return fmt.Errorf("close producer: %d records were not delivered: %w", left, ctx.Err())
	}
	return nil
}
