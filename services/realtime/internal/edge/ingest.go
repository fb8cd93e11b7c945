package edge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// Ingest takes records of one partition, in order. It is a reader's Handler. It never fails: a record that cannot be used is
// logged and passed over, for every edge reads it and none can mend it.
func (e *Edge) Ingest(ctx context.Context, records []bus.Record) error {
	for _, record := range records {
		p := e.partition(record.Partition)
		if p == nil {
			e.logger.ErrorContext(ctx, "a delivery is in a partition that did not exist when this edge started; restart realtime",
				"partition", record.Partition, "offset", record.Offset)
			e.metrics.deliveries.WithLabelValues("unknown partition").Inc()
			continue
		}
		entry, of, err := prepare(record)
		switch {
		case errors.Is(err, events.ErrUnknownType):
			e.skip(p, record, "unknown type")
		case err != nil:
			e.skip(p, record, "malformed")
			e.logger.ErrorContext(ctx, "a delivery cannot be read", "partition", record.Partition, "offset", record.Offset, "error", err)
		default:
			e.deliver(ctx, p, record, entry, of)
		}
	}
	return nil
}

func (e *Edge) skip(p *partition, record bus.Record, outcome string) {
	e.metrics.deliveries.WithLabelValues(outcome).Inc()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin(e.limits, record.Offset)
	p.ring.Skip(record.Offset)
}

func (e *Edge) deliver(ctx context.Context, p *partition, record bus.Record, entry ring.Entry, of events.Delivery) {
	p.mu.Lock()
	p.begin(e.limits, record.Offset)
	if !p.ring.Add(time.Now(), entry, of.EventID, of.Origin) {
		p.mu.Unlock()
		e.metrics.deliveries.WithLabelValues("repeat").Inc()
		return
	}
	span := e.trace(ctx, record, entry)
	for _, frame := range entry.Frames {
		for _, user := range frame.To {
			taken, refused := p.offer(user, span.sampled(frame.Frame))
			span.taken, span.refused = span.taken+taken, span.refused+refused
		}
	}
	p.mu.Unlock()
	span.end()
	e.metrics.deliveries.WithLabelValues("kept").Inc()
}

// begin makes the ring where the reader has not said where it begins.
func (p *partition) begin(limits ring.Limits, offset int64) {
	if p.ring == nil {
		p.ring = ring.New(limits, offset)
	}
}

// prepare gives the delivery in a record, and what of it is kept and handed out. Errors: those of [events.Decode].
func prepare(record bus.Record) (ring.Entry, events.Delivery, error) {
	event, err := events.Decode(record.Headers, record.Value)
	if err != nil {
		return ring.Entry{}, events.Delivery{}, fmt.Errorf("decode: %w", err)
	}
	delivery, ok := event.Data.(events.Delivery)
	if !ok {
		return ring.Entry{}, events.Delivery{}, fmt.Errorf("%w: %s is not for edges", events.ErrUnknownType, event.Data.EventName())
	}
	entry := ring.Entry{Offset: record.Offset, Time: record.Time, Frames: make([]ring.Addressed, 0, len(delivery.Streams))}
	id := sse.ID{Partition: record.Partition, Offset: record.Offset}
	for _, stream := range delivery.Streams {
		text, err := sse.Event(id, stream.Data)
		if err != nil {
			return ring.Entry{}, events.Delivery{}, fmt.Errorf("%w: %w", events.ErrMalformed, err)
		}
		slices.SortFunc(stream.To, ring.CompareUsers)
		entry.Frames = append(entry.Frames, ring.Addressed{
			Frame: ring.Frame{Offset: record.Offset, Text: text, At: event.Time},
			To:    slices.Compact(stream.To),
		})
	}
	return entry, delivery, nil
}
