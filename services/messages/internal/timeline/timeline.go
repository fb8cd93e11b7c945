// Package timeline writes timelines from two sides: sends write their message through as soon as the log has it, and a
// consumer group of the log writes whatever they did not.
//
// The log is the truth. Each message is at the place that its offset names, so writing it twice changes nothing; the
// memory of what sends have written only saves the work.
package timeline

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/store"
)

// remembered is how many messages that sends have written are remembered until the consumer group comes to them.
const remembered = 16_384

// Timeline writes to a store what the log has.
type Timeline struct {
	store store.Store
	epoch int32

	mu      sync.Mutex
	sending map[uuid.UUID]chan struct{}        // by message id; closed when the send is settled
	written *lru.Cache[uuid.UUID, store.Place] // by message id

	through, applied *prometheus.CounterVec
}

// New makes a timeline whose log is in the given epoch.
func New(s store.Store, epoch int32, tel *telemetry.Telemetry) (*Timeline, error) {
	written, err := lru.New[uuid.UUID, store.Place](remembered)
	if err != nil {
		return nil, fmt.Errorf("make memory of written messages: %w", err)
	}
	through := telemetry.Register(tel.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ism_messages_write_through_total",
		Help: "Messages that a send wrote to the timeline, by result: written, or failed and left to the consumer group.",
	}, []string{"result"}))
	applied := telemetry.Register(tel.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ism_messages_applied_total",
		Help: "Messages that the consumer group came to, by result: written by it, or known to be written by a send of this process.",
	}, []string{"result"}))
	return &Timeline{
		store: s, epoch: epoch, sending: map[uuid.UUID]chan struct{}{}, written: written,
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
func (t *Timeline) WriteThrough(ctx context.Context, message events.Message, offset int64) error {
	entry := store.Entry{Place: store.Place{Epoch: t.epoch, Offset: offset}, Message: message}
	if err := t.store.Append(ctx, []store.Entry{entry}); err != nil {
		t.through.WithLabelValues("failed").Inc()
		return fmt.Errorf("write message through to the timeline: %w", err)
	}
	t.through.WithLabelValues("written").Inc()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.written.Add(message.ID, entry.Place)
	return nil
}

// Apply writes the messages among records of the rooms' log. It is a [bus.Handler].
func (t *Timeline) Apply(ctx context.Context, records []bus.Record) error {
	entries := make([]store.Entry, 0, len(records))
	known := 0
	for _, record := range records {
		event, err := events.Decode(record.Headers, record.Value)
		switch {
		case errors.Is(err, events.ErrUnknownType):
			continue
		case err != nil:
			return fmt.Errorf("%w: %w", bus.ErrRejected, err)
		}
		posted, ok := event.Data.(events.MessagePosted)
		if !ok {
			continue
		}
		entry := store.Entry{Place: store.Place{Epoch: t.epoch, Offset: record.Offset}, Message: posted.Message}
		if t.isWritten(ctx, entry) {
			known++
			continue
		}
		entries = append(entries, entry)
	}
	if len(entries) > 0 {
		if err := t.store.Append(ctx, entries); err != nil {
			return fmt.Errorf("apply %d messages to timelines: %w", len(entries), err)
		}
	}
	t.applied.WithLabelValues("written").Add(float64(len(entries)))
	t.applied.WithLabelValues("known").Add(float64(known))
	return nil
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
	place, ok := t.written.Get(entry.Message.ID)
	return ok && place == entry.Place
}
