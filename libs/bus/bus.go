// Package bus is the suite's way to Kafka: a producer, a consumer group and a reader, all over confluent-kafka-go.
package bus

import (
	"context"
	"errors"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Config is part of a deployable's configuration, under KAFKA.
type Config struct {
	Brokers          []string      `envconfig:"BROKERS" default:"localhost:9092" desc:"bootstrap brokers, host:port, comma-separated"`
	ClientID         string        `envconfig:"CLIENT_ID" default:"ism" desc:"name that brokers log"`
	SecurityProtocol string        `envconfig:"SECURITY_PROTOCOL" default:"plaintext" desc:"plaintext, ssl, sasl_plaintext or sasl_ssl"`
	SASLMechanism    string        `envconfig:"SASL_MECHANISM" desc:"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"`
	SASLUsername     string        `envconfig:"SASL_USERNAME" desc:"user name for SASL"`
	SASLPassword     config.Secret `envconfig:"SASL_PASSWORD" desc:"password for SASL"`
	CAFile           string        `envconfig:"CA_FILE" desc:"certificate authority of the brokers, PEM; empty: the system's"`
	Replication      int           `envconfig:"REPLICATION" default:"1" desc:"replication factor of the topics that this deployable creates"`
}

// PartitionAny lets the key choose the partition (murmur2, as Kafka's own clients do).
const PartitionAny int32 = -1

// Record is a Kafka record.
type Record struct {
	Topic     string
	Key       string
	Value     []byte
	Headers   map[string]string
	Partition int32 // to produce: PartitionAny, or a partition
	Offset    int64 // of a record that was read
	Time      time.Time
}

// Receipt is where a record has been written.
type Receipt struct {
	Partition int32
	Offset    int64
}

var (
	// ErrUnavailable says that the brokers could not be reached, or did not answer in time. The record may have been written.
	ErrUnavailable = errors.New("kafka is unavailable")
	// ErrRejected marks a record that can never be handled: it goes to the dead letters at once.
	ErrRejected = errors.New("record rejected")
)

// Bus makes producers, consumers and readers with one configuration.
type Bus struct{}

// New makes a bus. It reaches for nothing.
func New(cfg Config, tel *telemetry.Telemetry) *Bus { panic("skeleton") }

// Ready asks the brokers for their metadata.
func (b *Bus) Ready(ctx context.Context) error { panic("skeleton") }

// EnsureTopics creates the topics that are missing, with the table's partition counts and retention, and logs those that
// differ. It retries until ctx is done.
func (b *Bus) EnsureTopics(ctx context.Context, topics ...string) error { panic("skeleton") }

// Partitions is the number of partitions that the topic has at the brokers.
func (b *Bus) Partitions(ctx context.Context, topic string) (int32, error) { panic("skeleton") }

// ProducerConfig says how a producer behaves.
type ProducerConfig struct {
	// DeliveryTimeout is how long a record may take to be acknowledged.
	DeliveryTimeout time.Duration
}

// Producer writes records, acks=all and idempotent.
type Producer struct{}

// NewProducer makes a producer. Close it.
func (b *Bus) NewProducer(cfg ProducerConfig) (*Producer, error) { panic("skeleton") }

// Produce writes one record, with the trace context of ctx in its headers, and waits for its acknowledgement.
func (p *Producer) Produce(ctx context.Context, record Record) (Receipt, error) { panic("skeleton") }

// ProduceAll writes records in the order given, without waiting in between, and waits for all. Receipts stand in the same
// order. After an error some may have been written. A record that has a traceparent header already keeps it.
func (p *Producer) ProduceAll(ctx context.Context, records []Record) ([]Receipt, error) {
	panic("skeleton")
}

// Close waits for what is under way, at most until ctx is done.
func (p *Producer) Close(ctx context.Context) error { panic("skeleton") }

// Handler handles records of one partition, in order. Where it fails on several records they are handed to it again one by one.
type Handler func(ctx context.Context, records []Record) error

// Each makes a Handler of a function for one record, each in a span that continues the record's trace.
func (b *Bus) Each(handle func(ctx context.Context, record Record) error) Handler { panic("skeleton") }

// ConsumerConfig says what a consumer group reads and how.
type ConsumerConfig struct {
	Group    string
	Topics   []string
	Handler  Handler
	MaxBatch int // most records handed over at once; 1 if zero
	// Attempts is how often a record is tried before it goes to the dead letters; 5 if zero.
	Attempts int
	// Probe reports whether what the handler depends on works. While it fails, a failing record is retried for ever: the
	// fault is not the record's. Nil: always works.
	Probe func(ctx context.Context) error
	// Assigned, if set, is called before the first record of a newly assigned partition.
	Assigned func(ctx context.Context, topic string, partition int32) error
}

// Consumer reads topics as a member of a consumer group.
type Consumer struct{}

// NewConsumer makes a consumer. Run it.
func (b *Bus) NewConsumer(cfg ConsumerConfig) (*Consumer, error) { panic("skeleton") }

// Run consumes until ctx is done, then finishes what is under way, commits it and leaves the group.
func (c *Consumer) Run(ctx context.Context) error { panic("skeleton") }

// ReaderConfig says what a reader reads.
type ReaderConfig struct {
	Topic string
	// Since is the time of the oldest records to read; zero: only what is written from now on.
	Since time.Time
	// Handler is called for the records of each partition in order, of several partitions at once. Its error is logged.
	Handler  Handler
	MaxBatch int
	// CaughtUp is called once, when all that was in the topic at the start has been handled.
	CaughtUp func()
	// Begin, if set, is called once for each partition, before its first record and before CaughtUp, with the offset at which
	// reading begins: the log's end where nothing has been written since. All records from there on are handed over.
	Begin func(partition int32, offset int64)
}

// Reader reads every partition of a topic by assignment, without a group: each reader gets every record.
type Reader struct{}

// NewReader makes a reader. Run it.
func (b *Bus) NewReader(cfg ReaderConfig) (*Reader, error) { panic("skeleton") }

// Run reads until ctx is done.
func (r *Reader) Run(ctx context.Context) error { panic("skeleton") }
