package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// Subscriber is an open stream.
type Subscriber interface {
	// Offer hands over a frame. It must neither wait nor call the edge. It reports false where the stream cannot take it: the stream has ended
	// itself then, and gets no more.
	Offer(frame ring.Frame) bool
}

// ErrNotCaughtUp says that the edge has not yet read what was in the deliveries when it started.
var ErrNotCaughtUp = errors.New("the deliveries have not been read yet")

// Reasons of a Resync event.
const (
	reasonMalformed = "malformed"        // the id is none
	reasonOther     = "other-partition"  // the id is of a partition that is not the user's
	reasonExpired   = "expired"          // what follows the id is no longer kept
	reasonUnknown   = "unknown-position" // the id is of a record that has not been written
)

// aheadTimeout is how long a stream waits for the edge to reach the position that it resumes from. Another edge may have read further.
const (
	aheadTimeout = time.Second
	aheadPoll    = 10 * time.Millisecond
)

// Edge is one node's view of the deliveries.
type Edge struct {
	limits  ring.Limits
	logger  *slog.Logger
	tracing bus.Tracing
	metrics metrics

	partitions []*partition  // by number; set by Open
	caughtUp   chan struct{} // closed by CaughtUp
}

// partition is one partition's ring and the open streams of its users. Its lock is what makes a replay and the live events
// behind it one sequence: whoever holds it sees no record half handed out.
type partition struct {
	number  int32
	mu      sync.Mutex
	ring    *ring.Ring // nil before Begin
	streams map[uuid.UUID][]Subscriber
}

// New makes an edge. Open it before anything else.
func New(limits ring.Limits, tracing bus.Tracing, tel *telemetry.Telemetry) *Edge {
	e := &Edge{limits: limits, logger: tel.Log, tracing: tracing, caughtUp: make(chan struct{})}
	e.metrics = newMetrics(tel.Metrics)
	return e
}

// Open sets the number of partitions of the deliveries, before the first is read. The number must not change while edges
// and fan-outs run: it decides in which partition a user is.
func (e *Edge) Open(partitions int32) {
	for number := range partitions {
		e.partitions = append(e.partitions, &partition{number: number, streams: map[uuid.UUID][]Subscriber{}})
	}
}

// Begin sets the offset from which on a partition is read. It is a reader's Begin.
func (e *Edge) Begin(number int32, offset int64) {
	if p := e.partition(number); p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ring = ring.New(e.limits, offset)
	}
}

// CaughtUp says that everything that was in the deliveries at the start has been read. It is a reader's CaughtUp.
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

// Run lets deliveries that are too old fall out until ctx is done, also where no new ones come.
func (e *Edge) Run(ctx context.Context) error {
	if e.Await(ctx) != nil { // before that the partitions may not be known
		return nil
	}
	sweep := time.NewTicker(max(time.Second, e.limits.Window/10))
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
	records, size := 0, 0
	for _, p := range e.partitions {
		p.mu.Lock()
		if p.ring != nil {
			p.ring.Evict(now)
			records, size = records+p.ring.Len(), size+p.ring.Bytes()
		}
		p.mu.Unlock()
	}
	e.metrics.ringRecords.Set(float64(records))
	e.metrics.ringBytes.Set(float64(size))
}

// Attachment is what a stream begins with.
type Attachment struct {
	ID      sse.ID       // where the stream stands
	Opening []byte       // text to write first: the id, or a Resync event with it
	Backlog []ring.Frame // what the client has missed
}

// Attach subscribes a stream of the user: it is offered all that comes behind the attachment's backlog, without gap or
// repeat. With a last event id the backlog is all that follows it or, where that cannot be had, a Resync event is in the
// opening. Without one the stream begins now. Detach the subscriber at the end. The edge must have caught up.
func (e *Edge) Attach(ctx context.Context, user uuid.UUID, lastEventID string, sub Subscriber) (Attachment, error) {
	p := e.partitionOf(user)
	if lastEventID == "" {
		return p.attachNow(user, sub, ""), nil
	}
	id, err := sse.ParseID(lastEventID)
	switch {
	case err != nil:
		return e.resync(p, user, sub, reasonMalformed)
	case id.Partition != p.number:
		return e.resync(p, user, sub, reasonOther)
	}
	attachment, err := p.attachBehind(user, sub, id)
	for waited := time.Duration(0); errors.Is(err, ring.ErrAhead) && waited < aheadTimeout; waited += aheadPoll {
		select {
		case <-ctx.Done():
			return Attachment{}, fmt.Errorf("wait for the deliveries: %w", ctx.Err())
		case <-time.After(aheadPoll):
		}
		attachment, err = p.attachBehind(user, sub, id)
	}
	switch {
	case errors.Is(err, ring.ErrAhead):
		return e.resync(p, user, sub, reasonUnknown)
	case errors.Is(err, ring.ErrExpired):
		return e.resync(p, user, sub, reasonExpired)
	}
	e.metrics.replays.Inc()
	e.metrics.replayed.Add(float64(len(attachment.Backlog)))
	return attachment, nil
}

func (e *Edge) resync(p *partition, user uuid.UUID, sub Subscriber, reason string) (Attachment, error) {
	data, err := json.Marshal(wire.Resync{Type: "Resync", Reason: reason, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)})
	if err != nil {
		return Attachment{}, fmt.Errorf("encode Resync: %w", err)
	}
	e.metrics.resyncs.WithLabelValues(reason).Inc()
	return p.attachNow(user, sub, string(data)), nil
}

// Detach ends a subscription.
func (e *Edge) Detach(user uuid.UUID, sub Subscriber) {
	p := e.partitionOf(user)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(user, sub)
}

// Position is that of the user's partition: all events up to there have been offered to the user's streams.
func (e *Edge) Position(user uuid.UUID) sse.ID {
	p := e.partitionOf(user)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.position()
}

func (e *Edge) partitionOf(user uuid.UUID) *partition {
	return e.partitions[events.UserPartition(user, int32(len(e.partitions)))]
}

func (e *Edge) partition(number int32) *partition {
	if number < 0 || int(number) >= len(e.partitions) {
		return nil
	}
	return e.partitions[number]
}

func (p *partition) position() sse.ID { return sse.ID{Partition: p.number, Offset: p.ring.Position()} }

// attachNow subscribes from here on, with an event of the given data first unless it is "".
func (p *partition) attachNow(user uuid.UUID, sub Subscriber, data string) Attachment {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams[user] = append(p.streams[user], sub)
	id := p.position()
	if data == "" {
		return Attachment{ID: id, Opening: sse.AppendEnd(sse.AppendPosition(nil, id))}
	}
	return Attachment{ID: id, Opening: sse.AppendEvent(nil, id, data)}
}

// attachBehind subscribes behind an id. Errors: those of [ring.Ring.Replay], with nothing subscribed.
func (p *partition) attachBehind(user uuid.UUID, sub Subscriber, id sse.ID) (Attachment, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	backlog, err := p.ring.Replay(user, id.Offset)
	if err != nil {
		return Attachment{}, err
	}
	p.streams[user] = append(p.streams[user], sub)
	return Attachment{ID: id, Opening: sse.AppendEnd(sse.AppendPosition(nil, id)), Backlog: backlog}, nil
}

// offer hands a frame to the user's streams and reports how many took it, and how many did not and are gone.
func (p *partition) offer(user uuid.UUID, frame ring.Frame) (taken, refused int) {
	streams, open := p.streams[user]
	if !open {
		return 0, 0
	}
	p.keep(user, slices.DeleteFunc(streams, func(sub Subscriber) bool {
		if sub.Offer(frame) {
			taken++
			return false
		}
		refused++
		return true
	}))
	return taken, refused
}

func (p *partition) remove(user uuid.UUID, sub Subscriber) {
	p.keep(user, slices.DeleteFunc(p.streams[user], func(s Subscriber) bool { return s == sub }))
}

func (p *partition) keep(user uuid.UUID, streams []Subscriber) {
	if len(streams) == 0 {
		delete(p.streams, user)
		return
	}
	p.streams[user] = streams
}
