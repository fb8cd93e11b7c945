package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Handler handles records of one partition, in order. If it fails on several records, they are handed to it again one by one.
type Handler func(ctx context.Context, records []Record) error

// ConsumerConfig says what a consumer group reads and how.
type ConsumerConfig struct {
	Group    string
	Topics   []string
	Handler  Handler
	MaxBatch int // most records handed over at once; 1 if zero
	// Attempts is how often a record is tried before it goes to the dead letters; 5 if zero.
	Attempts int
	// Probe reports whether what the handler depends on works, for example its store. While it fails, a record that cannot be
	// handled is retried and never goes to the dead letters: the fault is not the record's. Nil: it always works.
	Probe func(ctx context.Context) error
	// FetchWait is how long records may wait for others, so that a group which nobody waits for costs a fetch for many records
	// instead of one for each. 0: each is fetched at once.
	FetchWait time.Duration
	// Assigned, if set, is called before the first record of a newly assigned partition, again until it succeeds.
	Assigned func(ctx context.Context, topic string, partition int32) error
}

const (
	pollStep        = 500 * time.Millisecond // in which a stop is noticed; records end it at once
	pausedStep      = 5 * time.Millisecond   // while a partition is paused, so that it is soon resumed
	fetchMinBytes   = 64 << 10               // that end the wait earlier
	leaveTimeout    = 7 * time.Second        // more than the session timeout, which bounds leaving in most cases
	drainTimeout    = 8 * time.Second
	defaultAttempts = 5
	lagInterval     = 5 * time.Second
)

// Consumer reads topics as a member of a consumer group.
type Consumer struct {
	bus     *Bus
	cfg     ConsumerConfig
	metrics consumerMetrics
	workers map[topicPartition]*worker // of the assigned partitions; only Run's goroutine touches it
	kafka   *kafka.Consumer
	letters *Producer
	work    context.Context // of the handlers: it outlives Run's for the time of draining
	drain   time.Duration   // how long a batch may take to end when its worker stops
	started func(*worker)   // if set, is called with each new worker
	leaving sync.WaitGroup  // a client that is being closed

	disturbed *disturbances
}

// topicPartition is a partition of a topic.
type topicPartition struct {
	topic     string
	partition int32
}

func partitionOf(record Record) topicPartition { return topicPartition{record.Topic, record.Partition} }

func (p topicPartition) kafka() kafka.TopicPartition {
	return kafka.TopicPartition{Topic: &p.topic, Partition: p.partition}
}

type consumerMetrics struct {
	lag         lag
	retries     *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
	handled     map[string]*telemetry.Operation // by topic
}

// NewConsumer makes a consumer. Run it, once.
func (b *Bus) NewConsumer(cfg ConsumerConfig) (*Consumer, error) {
	if cfg.Group == "" || len(cfg.Topics) == 0 || cfg.Handler == nil {
		return nil, errors.New("make consumer: a group, topics and a handler are needed")
	}
	cfg.MaxBatch = max(cfg.MaxBatch, 1)
	if cfg.Attempts <= 0 {
		cfg.Attempts = defaultAttempts
	}
	if cfg.Probe == nil {
		cfg.Probe = func(context.Context) error { return nil }
	}
	counter := func(name, help string) *prometheus.CounterVec {
		opts := prometheus.CounterOpts{Name: name, Help: help}
		return telemetry.Register(b.tel.Metrics, prometheus.NewCounterVec(opts, []string{"group", "topic"})).
			MustCurryWith(prometheus.Labels{"group": cfg.Group})
	}
	metrics := consumerMetrics{
		lag:         b.newLag(cfg.Group),
		retries:     counter("ism_consumer_retries_total", "Attempts to handle a record that failed."),
		deadLetters: counter("ism_consumer_dead_letters_total", "Records that went to the dead letters."),
		handled:     map[string]*telemetry.Operation{},
	}
	for _, topic := range cfg.Topics {
		metrics.handled[topic] = b.tel.Consumed(topic, cfg.Group)
		metrics.retries.WithLabelValues(topic) // a counter that is there from the beginning shows its first increase
		metrics.deadLetters.WithLabelValues(topic)
	}
	return &Consumer{
		bus: b, cfg: cfg, metrics: metrics, workers: map[topicPartition]*worker{}, drain: drainTimeout,
		disturbed: b.disturbances("consumer group " + cfg.Group),
	}, nil
}

// Run makes the topics of the suite that are missing and consumes until ctx is done, then finishes what is under way, commits it and leaves the group.
func (c *Consumer) Run(ctx context.Context) (err error) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	c.work = work
	if err := c.bus.ensureOwn(ctx, append([]string{events.TopicDeadLetters}, c.cfg.Topics...)); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if c.letters, err = c.bus.NewProducer(ProducerConfig{maxBytes: maxLetter}); err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		err = errors.Join(err, c.letters.Close(closing))
	}()
	if c.kafka, err = kafka.NewConsumer(c.bus.clientConfig(c.settings())); err != nil {
		return fmt.Errorf("make consumer of group %s: %w", c.cfg.Group, err)
	}
	if err := c.kafka.SubscribeTopics(c.cfg.Topics, c.rebalance); err != nil {
		return errors.Join(fmt.Errorf("subscribe group %s: %w", c.cfg.Group, err), c.leave())
	}
	err = c.poll(ctx)
	c.stop(c.assigned())
	return errors.Join(err, c.leave())
}

// leave commits what has been handled and leaves the group. While no broker answers, that takes the session timeout or, with a
// commit under way, for ever (https://github.com/confluentinc/librdkafka/issues/3740). So it waits for leaveTimeout at most. The
// client then ends when a broker answers again, or with the process, and the group drops the member by its session timeout.
func (c *Consumer) leave() error {
	left := make(chan error, 1)
	c.leaving.Go(func() {
		left <- c.kafka.Close()
	})
	select {
	case err := <-left:
		if err != nil {
			return fmt.Errorf("leave group %s: %w", c.cfg.Group, err)
		}
	case <-time.After(leaveTimeout):
		c.bus.tel.Log.Warn("a consumer cannot tell its group that it leaves; what it could not commit will be handled again", "group", c.cfg.Group)
	}
	return nil
}

func (c *Consumer) settings() kafka.ConfigMap {
	settings := kafka.ConfigMap{
		"group.id":                      c.cfg.Group,
		"auto.offset.reset":             "earliest",
		"partition.assignment.strategy": "cooperative-sticky",
		// A worker stores the offset behind what it has handled. The client commits what is stored.
		"enable.auto.offset.store": false,
		"enable.auto.commit":       true,
		"auto.commit.interval.ms":  500,
		"session.timeout.ms":       6000,
		"heartbeat.interval.ms":    2000,
		// Latency: only a fetch that finds nothing waits, so a new record is here at once; and fetching goes on soon after a
		// queue was full.
		"fetch.wait.max.ms":          500,
		"fetch.queue.backoff.ms":     10,
		"queued.max.messages.kbytes": 16 << 10,
	}
	if c.cfg.FetchWait > 0 {
		settings["fetch.min.bytes"] = fetchMinBytes
		settings["fetch.wait.max.ms"] = int(c.cfg.FetchWait.Milliseconds())
	}
	return settings
}

// poll hands records to the workers of their partitions until ctx is done.
func (c *Consumer) poll(ctx context.Context) error {
	measured := time.Now()
	step := pollStep
	for ctx.Err() == nil {
		switch event := c.kafka.Poll(int(step.Milliseconds())).(type) {
		case *kafka.Message:
			c.dispatch(event)
		case kafka.Error:
			if event.IsFatal() {
				return fmt.Errorf("consume as %s: %w", c.cfg.Group, event)
			}
			c.disturbed.report(ctx, event)
		case kafka.OffsetsCommitted:
			c.committed(event.Error)
		}
		step = pollStep
		if c.resume() > 0 {
			step = pausedStep
		}
		if time.Since(measured) > lagInterval {
			measured = time.Now()
			c.measureLag()
		}
	}
	return nil
}

func (c *Consumer) dispatch(message *kafka.Message) {
	if err := message.TopicPartition.Error; err != nil {
		c.disturbed.report(context.Background(), err)
		return
	}
	record := recordOf(message)
	at := partitionOf(record)
	w, ok := c.workers[at]
	if !ok { // revoked since it was fetched
		return
	}
	if w.offer(record) {
		return
	}
	if err := c.kafka.Pause([]kafka.TopicPartition{at.kafka()}); err != nil {
		c.bus.tel.Log.Warn("a partition cannot be paused", "topic", at.topic, "partition", at.partition, "error", err.Error())
	}
}

// resume lets partitions be fetched again whose workers have caught up, and counts those that stay paused.
func (c *Consumer) resume() (paused int) {
	for at, w := range c.workers {
		switch {
		case w.drained():
			c.unpause(at)
		case w.paused():
			paused++
		}
	}
	return paused
}

func (c *Consumer) unpause(at topicPartition) {
	if err := c.kafka.Resume([]kafka.TopicPartition{at.kafka()}); err != nil {
		c.bus.tel.Log.Warn("a partition cannot be resumed", "topic", at.topic, "partition", at.partition, "error", err.Error())
	}
}

// rebalance is called by Poll and Close, in Run's goroutine.
func (c *Consumer) rebalance(_ *kafka.Consumer, event kafka.Event) error {
	switch change := event.(type) {
	case kafka.AssignedPartitions:
		for _, partition := range change.Partitions {
			at := topicPartition{*partition.Topic, partition.Partition}
			if _, running := c.workers[at]; !running {
				c.workers[at] = c.startWorker(at)
			}
		}
		c.bus.tel.Log.Info("partitions assigned", "group", c.cfg.Group, "partitions", len(change.Partitions))
	case kafka.RevokedPartitions:
		var revoked []topicPartition
		for _, partition := range change.Partitions {
			revoked = append(revoked, topicPartition{*partition.Topic, partition.Partition})
		}
		lost := c.kafka.AssignmentLost()
		c.stop(revoked) // what has been handled by then is committed by the client, before it gives the partitions up
		c.bus.tel.Log.Info("partitions revoked", "group", c.cfg.Group, "partitions", len(revoked), "lost", lost)
	}
	return nil
}

func (c *Consumer) assigned() []topicPartition {
	all := make([]topicPartition, 0, len(c.workers))
	for at := range c.workers {
		all = append(all, at)
	}
	return all
}

// stop lets the workers finish the batch that they are at and waits for them. Those that take too long are cancelled.
func (c *Consumer) stop(at []topicPartition) {
	var stopping []*worker
	for _, p := range at {
		if w, ok := c.workers[p]; ok {
			delete(c.workers, p)
			c.metrics.lag.end(p)
			if w.paused() { // the partition may come back, to a worker with an empty queue
				c.unpause(p)
			}
			w.stop()
			stopping = append(stopping, w)
		}
	}
	timer := time.NewTimer(c.drain)
	defer timer.Stop()
	for _, w := range stopping {
		select {
		case <-w.done:
		case <-timer.C:
			for _, late := range stopping {
				late.cancel()
			}
			<-w.done
		}
	}
}

// committed reports a commit that has failed.
func (c *Consumer) committed(err error) {
	var refused kafka.Error
	if err != nil && !(errors.As(err, &refused) && refused.Code() == kafka.ErrNoOffset) {
		c.bus.tel.Log.Warn("offsets cannot be committed; their records will be handled again", "group", c.cfg.Group, "error", err.Error())
	}
}

func (c *Consumer) measureLag() {
	for at, w := range c.workers {
		c.metrics.lag.measure(c.kafka, at, w.next.Load())
	}
}

func recordOf(message *kafka.Message) Record {
	headers := make(map[string]string, len(message.Headers))
	for _, header := range message.Headers {
		headers[header.Key] = string(header.Value)
	}
	return Record{
		Topic: *message.TopicPartition.Topic, Key: string(message.Key), Value: message.Value, Headers: headers,
		Partition: message.TopicPartition.Partition, Offset: int64(message.TopicPartition.Offset), Time: message.Timestamp,
	}
}
