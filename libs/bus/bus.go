// Package bus is the suite's way to Kafka: a producer, a consumer group and a reader, all over confluent-kafka-go.
//
// # What holds
//
//   - A record is acknowledged by all in-sync replicas, in the order in which one producer was given it (acks=all, idempotence). It is written once, but
//     where brokers are lost and come back: then the log may have it twice, see [Appender].
//   - A consumer group handles the records of a partition in their order, one batch at a time, and commits only what has been
//     handled. After a crash what was not committed is handled again.
//   - A record goes to the dead letters, with the reason, only if it can never be handled: it is malformed, or the program has a fault.
//     Whatever else fails is tried again for as long as it takes. The partition waits, and is seen to wait.
//   - A request's trace goes with its records.
//   - Every queue is bounded. What does not fit is refused (producer) or not fetched yet (consumer).
package bus

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Config is part of a deployable's configuration, under KAFKA.
type Config struct {
	Brokers          []string `envconfig:"BROKERS" default:"localhost:9092" desc:"bootstrap brokers, host:port, comma-separated"`
	ClientID         string   `envconfig:"CLIENT_ID" default:"ism" desc:"name that brokers log"`
	SecurityProtocol string   `envconfig:"SECURITY_PROTOCOL" default:"plaintext" desc:"plaintext, ssl, sasl_plaintext or sasl_ssl"`
	Security
	Replication int   `envconfig:"REPLICATION" default:"1" desc:"replication factor of the topics that this deployable creates"`
	Partitions  int   `envconfig:"PARTITIONS" default:"0" desc:"partitions of the topics that this deployable creates, dead letters apart; 0: the suite's own counts; all deployables must agree"`
	Epoch       int32 `envconfig:"EPOCH" default:"0" was:"ISM_ROOMS_EPOCH,ISM_MESSAGES_EPOCH" desc:"least epoch of the log ism.rooms when it is seen for the first time; not needed: rooms and messages find out by themselves that the topic was made anew"`
}

// answerTimeout is how long a broker may be silent, when it is connected to or asked, until a client takes it for one that hangs and looks for
// another: while others have led its partitions for long, a machine that has vanished without a word or a process that stands still would hold
// them up for a minute, which is the client's own default.
const answerTimeout = 5 * time.Second

// A client that has lost a broker connects again at once, and pauses after an attempt that has failed. With half of the least pause for the last limit, a
// client that has no broker at all takes one to connect to without regard to these pauses: a group's member or a reader that looks for its coordinator does
// that for as long as all are away, so that each would connect thirty times a second if the least were 50 ms.
const (
	reconnectAtLeast = 500 * time.Millisecond
	reconnectAtMost  = time.Second
)

// PartitionAny lets the key choose the partition (murmur2, as Kafka's own clients do).
const PartitionAny int32 = -1

// Record is a Kafka record.
type Record struct {
	Topic     string
	Key       string
	Value     []byte // nil: a tombstone, with which compaction removes what the topic has of the key
	Headers   map[string]string
	Partition int32 // to produce: PartitionAny, or a partition
	Offset    int64 // of a record that was read
	// LeaderEpoch of a record that was read: which of the partition's leaders has taken it. [NoLeaderEpoch] where the brokers do not say.
	LeaderEpoch int32
	Time        time.Time
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

// Validate says what is wrong beyond the types.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	fault := func(variable, format string, args ...any) {
		faults = append(faults, config.Fault{Variable: variable, Problem: fmt.Sprintf(format, args...)})
	}
	if len(c.Brokers) == 0 {
		fault("BROKERS", "is empty; allowed: host:port, comma-separated")
	}
	for _, broker := range c.Brokers {
		if _, port, err := net.SplitHostPort(broker); err != nil || port == "" {
			fault("BROKERS", "%q is no host:port", broker)
		}
	}
	faults = append(faults, c.Faults(c.SecurityProtocol)...)
	if c.Partitions < 0 {
		fault("PARTITIONS", "%d is below 0", c.Partitions)
	}
	if c.Epoch < 0 {
		fault("EPOCH", "%d is out of range; allowed: 0 or above", c.Epoch)
	}
	if c.Replication < 1 {
		fault("REPLICATION", "%d is below 1", c.Replication)
	}
	return faults
}

// Bus makes producers, consumers and readers with one configuration.
type Bus struct {
	cfg Config
	tel *telemetry.Telemetry

	compareEvery    time.Duration // see watch
	statisticsEvery time.Duration // see requests

	mu    sync.Mutex
	admin *admin // nil until it is needed

	ensuring sync.Mutex      // held during one attempt to ensure topics
	ensured  map[string]bool // topics that are known to be there

	access *access
	tokens *tokens // of OAUTHBEARER
}

// New makes a bus. It reaches for nothing but files.
func New(cfg Config, tel *telemetry.Telemetry) *Bus {
	b := &Bus{
		cfg: cfg, tel: tel, compareEvery: compareInterval, statisticsEvery: statisticsInterval, ensured: map[string]bool{},
		access: &access{topics: map[Right]bool{}, denied: map[Right]bool{}}, tokens: newTokens(cfg.OAuth, tel.Log),
	}
	b.showEnds()
	return b
}

// LeastEpoch is the least that the log ism.rooms may have, as it is configured, see [Log].
func (b *Bus) LeastEpoch() int32 { return b.cfg.Epoch }

// Close ends the bus's own connection. Producers, consumers and readers have theirs.
func (b *Bus) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.admin != nil {
		b.admin.close()
		b.admin = nil
	}
}

// clientConfig is what every client is configured with, and what is given on top.
func (b *Bus) clientConfig(own kafka.ConfigMap) *kafka.ConfigMap {
	all := kafka.ConfigMap{
		"bootstrap.servers":                  strings.Join(b.cfg.Brokers, ","),
		"client.id":                          b.cfg.ClientID,
		"security.protocol":                  b.cfg.SecurityProtocol,
		"socket.keepalive.enable":            true,
		"socket.nagle.disable":               true, // a record does not wait on the way for more to send
		"log_level":                          0,    // see disturbances
		"statistics.interval.ms":             int(b.statisticsEvery.Milliseconds()),
		"enable.metrics.push":                false, // what is sent to brokers is only what the suite needs
		"socket.timeout.ms":                  int(answerTimeout.Milliseconds()),
		"reconnect.backoff.ms":               int(reconnectAtLeast.Milliseconds()),
		"reconnect.backoff.max.ms":           int(reconnectAtMost.Milliseconds()),
		"socket.connection.setup.timeout.ms": int(answerTimeout.Milliseconds()),
		"api.version.request.timeout.ms":     int(answerTimeout.Milliseconds()),
		// Asking for a topic must not make it, with the broker's number of partitions instead of the table's.
		"allow.auto.create.topics": false,
		// A topic that has just been made is found soon.
		"topic.metadata.refresh.fast.interval.ms": 100,
	}
	if b.cfg.SecurityProtocol == "" {
		all["security.protocol"] = "plaintext"
	}
	maps.Copy(all, b.cfg.settings())
	maps.Copy(all, own)
	return &all
}
