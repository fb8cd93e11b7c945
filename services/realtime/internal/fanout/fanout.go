// Package fanout turns what happens in rooms into what is delivered to users.
package fanout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
)

// Group is the fan-out's consumer group.
const Group = "ism.realtime.fanout"

const source = "/ism/realtime"

// Producer writes the deliveries.
type Producer interface {
	ProduceAll(ctx context.Context, records []bus.Record) ([]bus.Receipt, error)
}

// Fanout writes, for each event of a room, one delivery to each partition that its audience touches.
type Fanout struct {
	producer   Producer
	partitions int32
	audiences  *audiences
	tracing    bus.Tracing
	propagator propagation.TextMapPropagator
	metrics    metrics
}

// New makes a fan-out to the given number of partitions, which remembers the audiences of so many rooms.
func New(producer Producer, partitions int32, rooms int, tracing bus.Tracing, tel *telemetry.Telemetry) (*Fanout, error) {
	known, err := newAudiences(rooms)
	if err != nil {
		return nil, err
	}
	return &Fanout{
		producer:   producer,
		partitions: partitions,
		audiences:  known,
		tracing:    tracing,
		propagator: tel.Propagator,
		metrics:    newMetrics(tel.Metrics),
	}, nil
}

// Handle delivers records of one partition, in order. It is a consumer's Handler. When one of several is malformed it does
// nothing, and is handed them one by one.
func (f *Fanout) Handle(ctx context.Context, records []bus.Record) (err error) {
	decoded := make([]events.Event, len(records))
	for i, record := range records {
		event, err := events.Decode(record.Headers, record.Value)
		switch {
		case errors.Is(err, events.ErrUnknownType): // the zero event: not for us
		case err != nil:
			return fmt.Errorf("%w: %w", bus.ErrRejected, err)
		default:
			decoded[i] = event
		}
	}
	var deliveries []bus.Record
	for i, record := range records {
		made, err := f.deliveries(record, decoded[i])
		if err != nil {
			return err
		}
		if len(made) > 0 {
			span := f.trace(ctx, record, decoded[i], made)
			defer func() { bus.EndSpan(span, err) }() // once the deliveries have been written
			deliveries = append(deliveries, made...)
		}
	}
	if len(deliveries) > 0 {
		if _, err := f.producer.ProduceAll(ctx, deliveries); err != nil {
			return fmt.Errorf("write deliveries: %w", err)
		}
	}
	f.metrics.in.Add(float64(len(records)))
	f.metrics.out.Add(float64(len(deliveries)))
	return nil
}

// trace starts a span in the record's trace, which the deliveries carry on.
func (f *Fanout) trace(ctx context.Context, record bus.Record, event events.Event, deliveries []bus.Record) trace.Span {
	ctx, span := f.tracing.Process(ctx, record)
	if span.IsRecording() {
		span.SetAttributes(attribute.Int("ism.deliveries", len(deliveries)))
		switch data := event.Data.(type) {
		case events.MessagePosted:
			span.SetAttributes(telemetry.RoomID(data.RoomID), telemetry.MessageID(data.Message.ID))
		case events.RoomCreated:
			span.SetAttributes(telemetry.RoomID(data.RoomID))
		}
	}
	for i := range deliveries {
		f.propagator.Inject(ctx, propagation.MapCarrier(deliveries[i].Headers))
	}
	return span
}

// streams gives the server-sent events of an event, each with its recipients.
func (f *Fanout) streams(event events.Event) ([]events.StreamEvent, error) {
	switch data := event.Data.(type) {
	case events.RoomCreated:
		audience := f.audiences.newest(data.RoomID, data.Audience)
		return newRooms(event, data, audience)
	case events.MessagePosted:
		audience := f.audiences.newest(data.RoomID, data.Audience)
		chat := wire.ChatMessage{Type: "ChatMessage", Message: data.Message, Preview: data.Preview, CreatedAt: event.Time}
		return one(chat, audience)
	case events.RoomRead: // nothing on the wire, but its audience may be news
		f.audiences.newest(data.RoomID, data.Audience)
		return nil, nil
	default:
		return nil, nil
	}
}

func newRooms(event events.Event, data events.RoomCreated, audience []uuid.UUID) ([]events.StreamEvent, error) {
	if data.Room.Type != wire.Single {
		return one(wire.NewRoom{Type: "NewRoom", Room: data.Room, CreatedAt: event.Time}, audience)
	}
	var streams []events.StreamEvent
	for _, user := range audience {
		seen, err := one(wire.NewRoom{Type: "NewRoom", Room: data.RoomFor(user), CreatedAt: event.Time}, []uuid.UUID{user})
		if err != nil {
			return nil, err
		}
		streams = append(streams, seen...)
	}
	return streams, nil
}

func one(payload any, to []uuid.UUID) ([]events.StreamEvent, error) {
	data, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: encode %T: %w", bus.ErrRejected, payload, err)
	}
	return []events.StreamEvent{{To: to, Data: data}}, nil
}

// deliveries gives the records of an event, in the order of their partitions: the recipients divided among them.
func (f *Fanout) deliveries(record bus.Record, event events.Event) ([]bus.Record, error) {
	streams, err := f.streams(event)
	if err != nil {
		return nil, err
	}
	byPartition := map[int32][]events.StreamEvent{}
	for _, stream := range streams {
		to := map[int32][]uuid.UUID{}
		for _, user := range stream.To {
			number := events.UserPartition(user, f.partitions)
			to[number] = append(to[number], user)
		}
		for number, users := range to {
			byPartition[number] = append(byPartition[number], events.StreamEvent{To: users, Data: stream.Data})
		}
	}
	var records []bus.Record
	for _, number := range slices.Sorted(maps.Keys(byPartition)) {
		made, err := delivery(record, event, number, byPartition[number])
		if err != nil {
			return nil, err
		}
		records = append(records, made)
	}
	return records, nil
}

func delivery(record bus.Record, event events.Event, partition int32, streams []events.StreamEvent) (bus.Record, error) {
	data := events.Delivery{
		Partition: partition,
		EventID:   event.ID,
		Origin:    events.Origin{Topic: record.Topic, Partition: record.Partition, Offset: record.Offset},
		Streams:   streams,
	}
	headers, value, err := events.Encode(events.Event{
		ID:     uuid.NewSHA1(event.ID, []byte(data.PartitionKey())), // the same when it is written twice
		Source: source,
		Time:   event.Time,
		Data:   data,
	})
	if err != nil {
		return bus.Record{}, fmt.Errorf("%w: %w", bus.ErrRejected, err)
	}
	return bus.Record{
		Topic: events.TopicDeliveries, Key: data.PartitionKey(), Value: value, Headers: headers, Partition: partition,
	}, nil
}
