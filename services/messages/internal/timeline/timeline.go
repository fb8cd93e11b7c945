// Package timeline writes timelines from two sides: sends write their message through as soon as the log has it, and a
// consumer group of the log writes whatever they did not.
//
// The log is the truth. Each message is at the position that its offset names, so writing it twice changes nothing; the
// memory of what sends have written only saves the work.
package timeline

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

// What the consumer group did about a message: it wrote it, or knew that a send of this process had.
const (
	written = "written"
	known   = "known"
)

const (
	// remembered is how many messages that sends have written are remembered until the consumer group comes to them.
	remembered = 16_384
	// applyTimeout is the deadline of one write of the consumer group. A store that hangs is an outage like any other.
	applyTimeout = 3 * time.Second
	// outageMemory is how long a partition counts as kept up by the store after its last failure. It is longer than the
	// time between two tries.
	outageMemory = 30 * time.Second
)

// Timeline writes to a store what the log has.
type Timeline struct {
	store   store.Store
	epoch   int32
	tracing bus.Tracing

	mu      sync.Mutex
	sending map[uuid.UUID]chan struct{}            // by message id; closed when the send is settled
	written *lru.Cache[uuid.UUID, events.Position] // by message id
	failing map[int32]time.Time                    // when the store last failed, by partition that it holds up

	through, applied *prometheus.CounterVec
}

// New makes a timeline whose log is in the given epoch.
func New(s store.Store, epoch int32, tracing bus.Tracing, tel *telemetry.Telemetry) (*Timeline, error) {
	memory, err := lru.New[uuid.UUID, events.Position](remembered)
	if err != nil {
		return nil, fmt.Errorf("make memory of written messages: %w", err)
	}
	through := telemetry.Counters(tel.Metrics, prometheus.CounterOpts{
		Name: "ism_messages_write_through_total",
		Help: "Messages that a send wrote to the timeline, by result: written, or failed and left to the consumer group.",
	}, "result", "written", "failed")
	applied := telemetry.Counters(tel.Metrics, prometheus.CounterOpts{
		Name: "ism_messages_applied_total",
		Help: "Messages that the consumer group came to, by result: written by it, or known to be written by a send of this process.",
	}, "result", "written", "known")
	return &Timeline{
		store: s, epoch: epoch, tracing: tracing, sending: map[uuid.UUID]chan struct{}{}, written: memory, failing: map[int32]time.Time{},
		through: through, applied: applied,
	}, nil
}

// Begin says that a send of the message is about to append to the log, so that the consumer group waits for it instead of
// writing the same message at the same time. Call the returned function when the send is over, whatever came of it.
func (t *Timeline) Begin(message uuid.UUID) (settle func()) {
	settled := make(chan struct{})
	t.mu.Lock()
	t.sending[message] = settled
	t.mu.Unlock()
	return func() {
		t.mu.Lock()
		delete(t.sending, message)
		t.mu.Unlock()
		close(settled)
	}
}

// WriteThrough writes a message that the log has at the offset.
func (t *Timeline) WriteThrough(ctx context.Context, message wire.Message, offset int64) error {
	entry := store.Entry{Position: events.Position{Epoch: t.epoch, Offset: offset}, Message: message}
	if err := t.store.Append(ctx, []store.Entry{entry}); err != nil {
		t.through.WithLabelValues("failed").Inc()
		return fmt.Errorf("write message through to the timeline: %w", err)
	}
	t.through.WithLabelValues("written").Inc()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.written.Add(message.ID, entry.Position)
	return nil
}

// Apply writes the messages among records of one partition of the rooms' log. It is a [bus.Handler].
func (t *Timeline) Apply(ctx context.Context, records []bus.Record) error {
	decoded, err := bus.Decode[events.MessagePosted](records)
	if err != nil {
		return err
	}
	missing := make([]applying, 0, len(decoded))
	for _, posted := range decoded {
		entry := store.Entry{Position: events.Position{Epoch: t.epoch, Offset: posted.Record.Offset}, Message: posted.Data.Message}
		if t.isWritten(ctx, entry) {
			t.applied.WithLabelValues(known).Inc()
			_, span := t.tracing.Process(ctx, posted.Record)
			describe(span, entry.Message, known)
			span.End()
			continue
		}
		missing = append(missing, applying{record: posted.Record, entry: entry})
	}
	if len(missing) == 0 {
		return nil
	}
	return t.write(ctx, missing)
}

// applying is a record and the entry that is made of it.
type applying struct {
	record bus.Record
	entry  store.Entry
}

// write writes entries that the store may lack, each also shown in the trace of its send.
func (t *Timeline) write(ctx context.Context, missing []applying) error {
	writing, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	entries, records := make([]store.Entry, len(missing)), make([]bus.Record, len(missing))
	for i, m := range missing {
		entries[i], records[i] = m.entry, m.record
	}
	writing, spans := t.tracing.Batch(writing, records)
	for i, span := range spans {
		describe(span, entries[i].Message, written)
	}
	err := t.store.Append(writing, entries)
	bus.EndSpans(spans, err)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.failing[missing[0].record.Partition] = time.Now()
		return fmt.Errorf("apply %d messages to timelines: %w", len(entries), err)
	}
	delete(t.failing, missing[0].record.Partition)
	t.applied.WithLabelValues(written).Add(float64(len(entries)))
	return nil
}

// describe says in the trace of a message's send what its timeline needed of the consumer group.
func describe(span trace.Span, message wire.Message, result string) {
	if span.IsRecording() {
		span.SetAttributes(telemetry.RoomID(message.RoomID), telemetry.MessageID(message.ID), attribute.String("ism.timeline", result))
	}
}

// Probe reports whether the store takes writes. While it does not, no record is given up; nor is one that failed a moment
// ago because of the store, though the store may be back by now: it has to be tried again first.
func (t *Timeline) Probe(ctx context.Context) error {
	t.mu.Lock()
	for partition, since := range t.failing {
		if time.Since(since) > outageMemory {
			delete(t.failing, partition) // another instance has it by now
		}
	}
	failing := len(t.failing)
	t.mu.Unlock()
	if failing > 0 {
		return fmt.Errorf("%w: it holds up %d partitions", store.ErrUnavailable, failing)
	}
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	return t.store.Ping(ctx)
}

// isWritten reports whether a send of this process has written the entry, after waiting for one that is under way.
func (t *Timeline) isWritten(ctx context.Context, entry store.Entry) bool {
	t.mu.Lock()
	settled, sending := t.sending[entry.Message.ID]
	t.mu.Unlock()
	if sending {
		select {
		case <-settled:
		case <-ctx.Done():
			return false
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	position, ok := t.written.Get(entry.Message.ID)
	return ok && position == entry.Position
}
