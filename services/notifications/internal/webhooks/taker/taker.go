// Package taker takes what happened from the logs, and has webhooks of it delivered to the endpoints that are subscribed.
//
// # State
//
// Endpoints are kept in memory, as of a change that the store counts. The count is asked for with each batch that has anything to tell, so an endpoint
// gets all that happens once its backend has been answered. Where there is no endpoint, a batch costs that question and nothing for its records; what
// nobody is subscribed to is not decoded.
//
// # Invariants
//
//   - A record is committed once the deliveries of all its webhooks are in the store. Taking it again adds nothing.
//   - An endpoint gets nothing that happened before it was made.
package taker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/delivery"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/subscriptions"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	// chunk is how many deliveries go into one transaction.
	chunk = 500
	// skew is how far the clock of whoever wrote an event may be behind that of who made an endpoint.
	skew = 5 * time.Second
)

// Deliveries is where webhooks go.
type Deliveries interface {
	Take(ctx context.Context, all []delivery.Taken) error
}

// Tracing has what is done for a record show in the record's trace.
type Tracing struct {
	Records    bus.Tracing
	Propagator propagation.TextMapPropagator
}

// Taker takes records. It is safe for concurrent use.
type Taker struct {
	endpoints  *subscriptions.Endpoints
	deliveries Deliveries
	tracing    Tracing
	oldest     time.Duration // what happened longer ago is passed over
	now        func() time.Time
}

// New makes a taker. What happened longer ago than oldest would be given up at once.
func New(endpoints subscriptions.Store, deliveries Deliveries, tracing Tracing, oldest time.Duration, now func() time.Time) *Taker {
	return &Taker{endpoints: subscriptions.New(endpoints), deliveries: deliveries, tracing: tracing, oldest: oldest, now: now}
}

// Take implements [bus.Handler].
func (t *Taker) Take(ctx context.Context, records []bus.Record) error {
	if !slices.ContainsFunc(records, func(record bus.Record) bool { return len(payload.Possible(record.Headers[events.HeaderType])) > 0 }) {
		return nil
	}
	ctx = telemetry.Untraced(ctx) // only what becomes a webhook shows, in the trace of its record
	endpoints, err := t.endpoints.Now(ctx)
	if err != nil || len(endpoints) == 0 {
		return err
	}
	all, err := t.webhooks(records, endpoints)
	if err != nil || len(all) == 0 {
		return err
	}
	ctx, spans := t.begin(ctx, records, all)
	err = t.deliver(ctx, all)
	bus.EndSpans(spans, err)
	return err
}

// taken is a webhook and which record of the batch it is made of.
type taken struct {
	delivery.Taken

	record int
}

// begin begins the span of each record that webhooks are made of, and has them go on with its trace.
func (t *Taker) begin(ctx context.Context, records []bus.Record, all []taken) (context.Context, []trace.Span) {
	var (
		used []bus.Record
		span = make([]int, len(all)) // of each webhook's record
	)
	for i, one := range all {
		if i == 0 || one.record != all[i-1].record {
			used = append(used, records[one.record])
		}
		span[i] = len(used) - 1
	}
	working, spans := t.tracing.Records.Batch(ctx, used)
	for i := range all {
		if used[span[i]].Headers[headerTrace] != "" {
			all[i].Trace = TraceOf(trace.ContextWithSpan(ctx, spans[span[i]]), t.tracing.Propagator)
		}
	}
	return working, spans
}

const headerTrace = "traceparent"

// TraceOf is the traceparent of what is being done (https://www.w3.org/TR/trace-context/#traceparent-header); empty: it is of no trace.
func TraceOf(ctx context.Context, propagator propagation.TextMapPropagator) string {
	carrier := propagation.MapCarrier{}
	propagator.Inject(ctx, carrier)
	return carrier[headerTrace]
}

func (t *Taker) deliver(ctx context.Context, all []taken) error {
	for _, some := range chunks(all) {
		if err := t.deliveries.Take(ctx, some); err != nil {
			if errors.Is(err, store.ErrUnstorable) {
				return fmt.Errorf("%w: %w", bus.ErrRejected, err)
			}
			return fmt.Errorf("take webhooks: %w", err)
		}
	}
	return nil
}

// webhooks gives the webhooks of records, each with its endpoints. The error, of the first record that is malformed, is [bus.ErrRejected].
func (t *Taker) webhooks(records []bus.Record, endpoints []store.Endpoint) (all []taken, err error) {
	for i, record := range records {
		interested := interestedIn(record, endpoints)
		if len(interested) == 0 || t.tooOld(record, interested) {
			continue
		}
		made, err := t.webhooksOf(record)
		if err != nil {
			return nil, err
		}
		for _, webhook := range made {
			if to := idsOf(webhook, interested); len(to) > 0 {
				all = append(all, taken{delivery.Taken{Webhook: webhook, Endpoints: to}, i})
			}
		}
	}
	return all, nil
}

// interestedIn gives the endpoints that are subscribed to something that a record may become, by its headers and its key alone.
func interestedIn(record bus.Record, endpoints []store.Endpoint) (interested []store.Endpoint) {
	possible := payload.Possible(record.Headers[events.HeaderType])
	for _, endpoint := range endpoints {
		for _, kind := range possible {
			if slices.Contains(endpoint.Types, string(kind)) && takesRoom(endpoint, kind, record.Key) {
				interested = append(interested, endpoint)
				break
			}
		}
	}
	return interested
}

// takesRoom reports whether an endpoint takes what happened in a room; where it is of some rooms alone, it takes nothing that is of no room.
func takesRoom(endpoint store.Endpoint, kind payload.Type, key string) bool {
	if len(endpoint.Rooms) == 0 {
		return true
	}
	room, err := uuid.Parse(key)
	return err == nil && kind.OfRooms() && slices.Contains(endpoint.Rooms, room)
}

// tooOld reports whether a record is of before what any endpoint gets, by its headers alone. What they do not say decoding finds out.
func (t *Taker) tooOld(record bus.Record, endpoints []store.Endpoint) bool {
	at, err := events.TimeOf(record.Headers)
	if err != nil {
		return false
	}
	return at.Before(t.now().Add(-t.oldest)) || !slices.ContainsFunc(endpoints, func(e store.Endpoint) bool { return since(e, at) })
}

// since reports whether something happened since an endpoint was made.
func since(endpoint store.Endpoint, at time.Time) bool {
	return !at.Before(endpoint.CreatedAt.Add(-skew))
}

// webhooksOf gives what a record becomes.
func (t *Taker) webhooksOf(record bus.Record) ([]payload.Webhook, error) {
	event, err := events.Decode(record.Headers, record.Value)
	switch {
	case errors.Is(err, events.ErrUnknownType):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", bus.ErrRejected, err)
	}
	if at, known := events.PositionOf(record.Headers, record.Offset); known {
		event.Position = at.String()
	}
	made, err := payload.Of(event)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", bus.ErrRejected, err)
	}
	return made, nil
}

// idsOf gives the endpoints that a webhook is for.
func idsOf(webhook payload.Webhook, endpoints []store.Endpoint) (ids []uuid.UUID) {
	for _, endpoint := range endpoints {
		if slices.Contains(endpoint.Types, string(webhook.Type)) && since(endpoint, webhook.At) {
			ids = append(ids, endpoint.ID)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// chunks divides webhooks, in their order, so that each part has few deliveries.
func chunks(all []taken) (parts [][]delivery.Taken) {
	var part []delivery.Taken
	deliveries := 0
	for _, one := range all {
		if deliveries > 0 && deliveries+len(one.Endpoints) > chunk {
			parts = append(parts, part)
			part, deliveries = nil, 0
		}
		part = append(part, one.Taken)
		deliveries += len(one.Endpoints)
	}
	if len(part) > 0 {
		parts = append(parts, part)
	}
	return parts
}
