package bus

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Handler handles records of one partition, in order. An error that is [ErrRejected] says that a record can never be handled: of several
// records, which are then handed to it again one by one. With any other error they are handed to it again until it succeeds.
type Handler func(ctx context.Context, records []Record) error

// ConsumerConfig says what a consumer group reads and how.
type ConsumerConfig struct {
	Group    string
	Topics   []string
	Handler  Handler
	MaxBatch int // most records handed over at once; 1 if zero
	// Attempts is how often a record is tried whose handling panics, before it goes to the dead letters; 5 if zero.
	Attempts int
	// FetchWait is how long records may wait for others, so that a group which nobody waits for costs a fetch for many records
	// instead of one for each. A partition that has just had a record may wait six times as long for its next one: while it waits, a fetch
	// may be under way that leaves it out. 0: each is fetched at once.
	FetchWait time.Duration
	// DeadLetters, if set, is the bus of the brokers that take the dead letters. It is another one than the consumer's where the topics are others', on brokers
	// of theirs: those are taken as they are, and nothing is made there.
	DeadLetters *Bus
	// Assigned, if set, is called before the first record of a newly assigned partition, again until it succeeds.
	Assigned func(ctx context.Context, topic string, partition int32) error
}

const (
	pollStep        = 500 * time.Millisecond // in which a stop is noticed; records end it at once
	pausedStep      = 5 * time.Millisecond   // while a partition is paused, so that it is soon resumed
	leaveTimeout    = 7 * time.Second        // more than the session timeout, which bounds leaving in most cases
	drainTimeout    = 8 * time.Second
	defaultAttempts = 5
	lookForOthers   = 10 * time.Second // between looks whether a topic that is not of the suite is there, and which partitions it has
)

// Consumer reads topics as a member of a consumer group.
type Consumer struct {
	bus     *Bus
	cfg     ConsumerConfig
	metrics consumerMetrics
	watch   *watch
	letters atomic.Pointer[Producer] // of the dead letters; nil until it runs
	work    context.Context          // of the handlers: it outlives Run's for the time of draining
	drain   time.Duration            // how long a batch may take to end when its worker stops
	leaving sync.WaitGroup           // clients that are being closed

	opened  func(*kafka.Consumer) // if set, is called with each client
	started func(*worker)         // if set, is called with each new worker

	disturbed *disturbances

	using   sync.RWMutex // held for reading while current is asked something
	current *member      // nil while there is none
}

// topicPartition is a partition of a topic.
type topicPartition struct {
	topic     string
	partition int32
}

func partitionOf(record Record) topicPartition { return topicPartition{record.Topic, record.Partition} }

// kafkaPartitions gives partitions as the client takes them.
func kafkaPartitions(of []topicPartition) []kafka.TopicPartition {
	partitions := make([]kafka.TopicPartition, len(of))
	for i, at := range of {
		partitions[i] = at.kafka()
	}
	return partitions
}

// allPartitions gives the partitions of a topic that has so many.
func allPartitions(topic string, count int32) []topicPartition {
	all := make([]topicPartition, count)
	for number := range all {
		all[number] = topicPartition{topic, int32(number)}
	}
	return all
}

func (p topicPartition) kafka() kafka.TopicPartition {
	return kafka.TopicPartition{Topic: &p.topic, Partition: p.partition}
}

type consumerMetrics struct {
	retries     *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
	waiting     partitionGauge                  // seconds for which a partition has waited
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
	counter := func(name, help string) *prometheus.CounterVec {
		opts := prometheus.CounterOpts{Name: name, Help: help}
		return telemetry.Register(b.tel.Metrics, prometheus.NewCounterVec(opts, []string{"group", "topic"})).
			MustCurryWith(prometheus.Labels{"group": cfg.Group})
	}
	metrics := consumerMetrics{
		retries:     counter("ism_consumer_retries_total", "Attempts to handle a record that failed."),
		deadLetters: counter("ism_consumer_dead_letters_total", "Records that went to the dead letters."),
		waiting: b.newPartitionGauge(cfg.Group, "ism_consumer_waiting_seconds",
			"For how long an assigned partition has waited for what cannot be done: handle a record, write its dead letter; the log says why."),
		handled: map[string]*telemetry.Operation{},
	}
	for _, topic := range cfg.Topics {
		metrics.handled[topic] = b.tel.Consumed(topic, cfg.Group)
		metrics.retries.WithLabelValues(topic) // a counter that is there from the beginning shows its first increase
		metrics.deadLetters.WithLabelValues(topic)
	}
	return &Consumer{
		bus: b, cfg: cfg, metrics: metrics, watch: b.newWatch(cfg.Group, cfg.Topics), drain: drainTimeout,
		disturbed: b.disturbances("consumer group " + cfg.Group),
	}, nil
}

// Run makes the topics of the suite that are missing and consumes until ctx is done, then finishes what is under way, commits it and leaves the group.
func (c *Consumer) Run(ctx context.Context) (err error) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	c.work = work
	if !c.readsOthers() {
		c.bus.access.uses("Read", c.cfg.Topics...)
	}
	own, ofLetters := slices.Clone(c.cfg.Topics), cmp.Or(c.cfg.DeadLetters, c.bus)
	if err := errors.Join(ofLetters.ensureOwn(ctx, []string{events.TopicDeadLetters}), c.bus.ensureOwn(ctx, own)); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	letters, err := ofLetters.NewProducer(ProducerConfig{maxBytes: maxLetter})
	if err != nil {
		return err
	}
	ofLetters.access.uses("Write", events.TopicDeadLetters)
	c.letters.Store(letters)
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		err = errors.Join(err, letters.Close(closing))
	}()
	for {
		if err = c.consume(ctx); !errors.Is(err, errStalled) {
			return err
		}
		c.watch.replaced()
	}
}

// consume consumes as one member of the group, with one client. The error is [errStalled] when that has to be replaced.
func (c *Consumer) consume(ctx context.Context) error {
	m, err := c.join()
	if err != nil {
		return err
	}
	err = m.poll(ctx)
	c.watch.end(m.progress())
	m.stop(m.assigned())
	return errors.Join(err, m.leave())
}

func (c *Consumer) settings() kafka.ConfigMap {
	settings := kafka.ConfigMap{
		"group.id":                      c.cfg.Group,
		"auto.offset.reset":             "earliest",
		"partition.assignment.strategy": "cooperative-sticky",
		// A worker stores the offset behind what it has handled. The client commits what is stored.
		"enable.auto.offset.store": false,
		"enable.auto.commit":       true,
		"enable.partition.eof":     true, // see progress
		"auto.commit.interval.ms":  500,
		"session.timeout.ms":       6000,
		"heartbeat.interval.ms":    2000,
	}
	if c.readsOthers() {
		settings["topic.metadata.refresh.interval.ms"] = int(lookForOthers.Milliseconds())
	}
	maps.Copy(settings, fetching(groupLongPoll, c.cfg.FetchWait))
	return settings
}

// membership is what the group needs of the brokers.
func (c *Consumer) membership() Right { return Right{"Read", "group", c.cfg.Group} }

// denied notes that the group's members are refused, but for one that reads what others write: the service does without.
func (c *Consumer) denied(err kafka.Error) {
	if err.Code() == kafka.ErrGroupAuthorizationFailed && !c.readsOthers() {
		c.bus.access.refused(c.membership(), err)
	}
}

// readsOthers reports whether a topic is not of the suite: it may be made, or get partitions, while the group waits for it.
func (c *Consumer) readsOthers() bool {
	table := c.bus.topics()
	return slices.ContainsFunc(c.cfg.Topics, func(name string) bool { _, ours := table[name]; return !ours })
}

func recordOf(message *kafka.Message) Record {
	headers := make(map[string]string, len(message.Headers))
	for _, header := range message.Headers {
		headers[header.Key] = string(header.Value)
	}
	return Record{
		Topic: *message.TopicPartition.Topic, Key: string(message.Key), Value: message.Value, Headers: headers,
		Partition: message.TopicPartition.Partition, Offset: int64(message.TopicPartition.Offset), Time: message.Timestamp,
		LeaderEpoch: known(message.TopicPartition.LeaderEpoch),
	}
}
