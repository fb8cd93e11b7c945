// Package fanout turns what happens in rooms into what is delivered to users.
package fanout

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

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

// roomEvent is an event of a room and its record.
type roomEvent = bus.Decoded[events.RoomEvent]

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
	decoded, err := bus.Decode[events.RoomEvent](records)
	if err != nil {
		return err
	}
	var deliveries []bus.Record
	for _, d := range decoded {
		made, err := f.deliveries(d)
		if err != nil {
			return err
		}
		if len(made) > 0 {
			span := f.trace(ctx, d, made)
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
func (f *Fanout) trace(ctx context.Context, of roomEvent, deliveries []bus.Record) trace.Span {
	ctx, span := f.tracing.Process(ctx, of.Record)
	if span.IsRecording() {
		span.SetAttributes(attribute.Int("ism.deliveries", len(deliveries)), telemetry.RoomID(of.Data.InRoom()))
		if data, posted := of.Data.(events.MessagePosted); posted {
			span.SetAttributes(telemetry.MessageID(data.Message.ID))
		}
	}
	for i := range deliveries {
		f.propagator.Inject(ctx, propagation.MapCarrier(deliveries[i].Headers))
	}
	return span
}

// streamEvents gives the server-sent events of an event, each with its recipients. Events of other types have none, but their audience may
// be the newest.
func (f *Fanout) streamEvents(of roomEvent) ([]events.StreamEvent, error) {
	audience := f.audiences.newest(of.Data.InRoom(), of.Data.SeenBy())
	switch data := of.Data.(type) {
	case events.RoomCreated:
		return newRooms(of.Event.Time, data, audience)
	case events.MessagePosted:
		return streamEvent(wire.ChatMessage{
			Type: "ChatMessage", Message: data.Message, Preview: data.Preview, CreatedAt: of.Event.Time,
		}, audience)
	default:
		return nil, nil
	}
}

func newRooms(at time.Time, data events.RoomCreated, audience []uuid.UUID) ([]events.StreamEvent, error) {
	if data.Room.Type != wire.Single {
		return streamEvent(wire.NewRoom{Type: "NewRoom", Room: data.Room, CreatedAt: at}, audience)
	}
	var all []events.StreamEvent
	for _, user := range audience {
		own, err := streamEvent(wire.NewRoom{Type: "NewRoom", Room: data.RoomFor(user), CreatedAt: at}, []uuid.UUID{user})
		if err != nil {
			return nil, err
		}
		all = append(all, own...)
	}
	return all, nil
}

// streamEvent gives the one event with the payload.
func streamEvent(payload any, to []uuid.UUID) ([]events.StreamEvent, error) {
	data, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: encode %T: %w", bus.ErrRejected, payload, err)
	}
	return []events.StreamEvent{{To: to, Data: data}}, nil
}

// deliveries gives the records of an event, in the order of their partitions: the recipients divided among them.
func (f *Fanout) deliveries(of roomEvent) ([]bus.Record, error) {
	streams, err := f.streamEvents(of)
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
		made, err := delivery(of, number, byPartition[number])
		if err != nil {
			return nil, err
		}
		records = append(records, made)
	}
	return records, nil
}

func delivery(of roomEvent, partition int32, streams []events.StreamEvent) (bus.Record, error) {
	data := events.Delivery{
		Partition: partition,
		EventID:   of.Event.ID,
		Origin:    events.Origin{Topic: of.Record.Topic, Partition: of.Record.Partition, Offset: of.Record.Offset},
		Streams:   streams,
	}
	headers, value, err := events.Encode(events.Event{
		ID:     uuid.NewSHA1(of.Event.ID, []byte(data.PartitionKey())), // the same when it is written twice
		Source: source,
		Time:   of.Event.Time,
		Data:   data,
	})
	if err != nil {
		return bus.Record{}, fmt.Errorf("%w: %w", bus.ErrRejected, err)
	}
	return bus.Record{
		Topic: events.TopicDeliveries, Key: data.PartitionKey(), Value: value, Headers: headers, Partition: partition,
	}, nil
}
