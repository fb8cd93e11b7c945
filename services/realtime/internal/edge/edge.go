package edge

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/cut"
	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// ErrNotCaughtUp says that the edge has not yet read what was in the logs when it started.
var ErrNotCaughtUp = errors.New("the logs have not been read yet")

// Config says what an edge keeps.
type Config struct {
	ring.Limits
	Audiences int // memory for the newest audiences of rooms, bytes
	// Changed, if set, is called when a user's first stream has been attached, and when the last has been detached or is gone. It is called
	// under the edge's lock: it must neither wait nor call the edge.
	Changed func(user uuid.UUID, online bool)
}

// Edge is one node's view of the logs.
type Edge struct {
	cfg     Config
	logger  *slog.Logger
	tracing bus.Tracing
	metrics metrics

	// Set by Open.
	logs  cut.Logs
	first map[string]int // by topic, the number of its partition 0 in the cut
	count map[string]int32

	caughtUp chan struct{} // closed by CaughtUp
	position atomic.Pointer[sse.Position]

	mu        sync.Mutex
	ring      *ring.Ring // nil before Open
	audiences *audiences
	seq       uint64 // of the newest record taken
	late      lateness
}

// New makes an edge. Open it before anything else.
func New(cfg Config, tracing bus.Tracing, tel *telemetry.Telemetry) (*Edge, error) {
	known, err := newAudiences(cfg.Audiences, cfg.Window+cfg.Margin)
	if err != nil {
		return nil, err
	}
	if cfg.Changed == nil {
		cfg.Changed = func(uuid.UUID, bool) {}
	}
	e := &Edge{
		cfg: cfg, logger: tel.Log, tracing: tracing, metrics: newMetrics(tel.Metrics), audiences: known,
		first: map[string]int{}, count: map[string]int32{}, caughtUp: make(chan struct{}),
	}
	e.position.Store(&sse.Position{})
	return e, nil
}

// Open sets the logs, before the first record is read. All edges must open the same ones, in the same order. An event that happened before since may
// have been in the logs before what the edge reads.
func (e *Edge) Open(epoch int32, since time.Time, topics ...cut.Topic) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.logs = cut.Of(epoch, topics...)
	number := 0
	for _, topic := range topics {
		e.first[topic.Name], e.count[topic.Name] = number, topic.Partitions
		number += int(topic.Partitions)
	}
	e.ring = ring.New(e.cfg.Limits, e.logs.Partitions(), since)
	e.publish()
}

// Begin sets the offset from which on a partition is read, and the leader epoch of the record before. It is a reader's Begin.
func (e *Edge) Begin(topic string, partition int32, offset int64, leaderEpoch int32) {
	number, ok := e.number(topic, partition)
	if !ok {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ring.Begin(number, cut.Point{Offset: offset, LeaderEpoch: leaderEpoch})
	e.publish()
}

// CaughtUp says that everything that was in the logs at the start has been read. It is a reader's CaughtUp.
func (e *Edge) CaughtUp() { close(e.caughtUp) }

// Ready reports [ErrNotCaughtUp] until the edge has caught up.
func (e *Edge) Ready(context.Context) error {
	select {
	case <-e.caughtUp:
		return nil
	default:
		return ErrNotCaughtUp
	}
}

// Await waits until the edge has caught up, at most until ctx is done. The error is [ErrNotCaughtUp].
func (e *Edge) Await(ctx context.Context) error {
	select {
	case <-e.caughtUp:
		return nil
	case <-ctx.Done():
		return ErrNotCaughtUp
	}
}

// Run lets events that are too old fall out until ctx is done, also where no new ones come.
func (e *Edge) Run(ctx context.Context) error {
	if e.Await(ctx) != nil { // before that the logs may not be known
		return nil
	}
	sweep := time.NewTicker(max(time.Second, e.cfg.Window/10))
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-sweep.C:
			e.evict(now)
		}
	}
}

func (e *Edge) evict(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ring.Evict(now)
	e.audiences.large.Evict(now)
	e.reportUnknown(now)
	e.late.report(e.logger)
	e.metrics.ringRecords.Set(float64(e.ring.Len()))
	e.metrics.ringBytes.Set(float64(e.ring.Bytes()))
}

// Position is where the edge is: everything before it has been offered to the streams. It takes no lock.
func (e *Edge) Position() sse.Position { return *e.position.Load() }

// publish makes the ring's cut the position. The caller holds the lock.
func (e *Edge) publish() {
	e.position.Store(&sse.Position{Seq: e.seq, ID: e.idLine(e.ring.Cut())})
}

// idLine is the line with a cut.
func (e *Edge) idLine(c cut.Cut) []byte {
	text := make([]byte, 0, 64) // of most cuts
	return sse.AppendID(make([]byte, 0, 64+len("id: \n")), e.logs.Append(text, c))
}

// number gives the number of a partition in the cut.
func (e *Edge) number(topic string, partition int32) (int, bool) {
	count, known := e.count[topic]
	if !known || partition < 0 || partition >= count {
		return 0, false
	}
	return e.first[topic] + int(partition), true
}

// Reached is how far an edge has read a partition.
type Reached struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Next      int64  `json:"nextOffset"`
}

// Reached gives how far the edge has read each partition; none before Open.
func (e *Edge) Reached() []Reached {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := []Reached{}
	if e.ring == nil {
		return all
	}
	for _, topic := range slices.Sorted(maps.Keys(e.count)) {
		for partition := range e.count[topic] {
			all = append(all, Reached{Topic: topic, Partition: partition, Next: e.ring.Cut()[e.first[topic]+int(partition)].Offset})
		}
	}
	return all
}
