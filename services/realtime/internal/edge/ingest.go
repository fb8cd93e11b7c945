package edge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// Ingest takes records of one partition, in order. It is a reader's Handler. It never fails: a record that cannot be used is
// logged, and its streams are told of the gap, for every edge reads it and none can mend it.
func (e *Edge) Ingest(ctx context.Context, records []bus.Record) error {
	if len(records) == 0 {
		return nil
	}
	number, known := e.number(records[0].Topic, records[0].Partition)
	if !known {
		e.logger.ErrorContext(ctx, "records are in a partition that did not exist when this edge started; restart realtime",
			"topic", records[0].Topic, "partition", records[0].Partition, "offset", records[0].Offset)
		e.metrics.records.WithLabelValues("unknown partition").Add(float64(len(records)))
		return nil
	}
	live := e.Ready(ctx) == nil
	torn := false // all streams are yet to be told of records that could not be read: once for all that stand together
	for _, record := range records {
		occurred, err := read(record)
		switch {
		case errors.Is(err, events.ErrUnknownType):
			e.pass(number, record)
		case err != nil:
			e.logger.ErrorContext(ctx, "a record cannot be read", "topic", record.Topic, "partition", record.Partition, "offset", record.Offset, "error", err)
			torn = e.unreadable(ctx, number, record) || torn
		default:
			e.deliver(ctx, number, record, occurred, live, torn)
			torn = false
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if torn {
		e.announceToAll(ctx, reasonUnreadable)
	}
	e.publish()
	return nil
}

// occurrence is what an edge needs of an event of a room.
type occurrence struct {
	id       uuid.UUID
	at       time.Time
	room     uuid.UUID
	audience events.Audience
	data     []byte       // what all of the audience see, as it stands on a stream; nil where the event tells
	event    events.Event // decoded only where data is nil
}

// read reads a record. Errors: those of [events.Decode].
func read(record bus.Record) (occurrence, error) {
	position := ""
	if at, known := events.PositionOf(record.Headers, record.Offset); known {
		position = at.String()
	}
	if envelope, ok := events.OpenEnvelope(record.Key, record.Headers, record.Value); ok {
		envelope.Position = position
		return occurrence{
			id: envelope.ID, at: envelope.At, room: envelope.RoomID, audience: envelope.Audience, data: sse.DataOf(len(record.Value), envelope.AppendPayload),
		}, nil
	}
	event, err := events.Decode(record.Headers, record.Value)
	if err != nil {
		return occurrence{}, fmt.Errorf("decode: %w", err)
	}
	event.Position = position
	inRoom, ok := event.Data.(events.RoomEvent)
	if !ok {
		return occurrence{}, fmt.Errorf("%w: %s is not for edges", events.ErrUnknownType, event.Data.EventName())
	}
	return occurrence{id: event.ID, at: event.Time, room: inRoom.InRoom(), audience: inRoom.SeenBy(), event: event}, nil
}

// sight is an event as some users see it.
type sight struct {
	to   []uuid.UUID
	data []byte
}

// seenBy gives how the users see the event.
func (o occurrence) seenBy(users []uuid.UUID) ([]sight, error) {
	if o.data != nil {
		return []sight{{to: users, data: o.data}}, nil
	}
	all, err := events.StreamEvents(o.event, users)
	if err != nil {
		return nil, fmt.Errorf("encode for streams: %w", err)
	}
	sights := make([]sight, 0, len(all))
	for _, one := range all {
		data, err := sse.Data(one.Data)
		if err != nil {
			return nil, err
		}
		sights = append(sights, sight{to: one.To, data: data})
	}
	return sights, nil
}

// allOf gives all who see an event: not only its audience, for who has left is told so.
func allOf(sights []sight) (users []uuid.UUID) {
	for _, s := range sights {
		users = append(users, s.to...)
	}
	return users
}

// pass moves on behind a record that is not for streams.
func (e *Edge) pass(number int, record bus.Record) {
	e.metrics.records.WithLabelValues("unknown type").Inc()
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, taken := e.ring.Take(number, record.Offset, record.LeaderEpoch); taken {
		e.seq++
	}
}

// deliver takes a record into the ring, and offers what it tells to the streams of those who may see it. While the edge reads what was
// written before its start, there are none. Torn says that all streams are to be told of a gap before it.
func (e *Edge) deliver(ctx context.Context, number int, record bus.Record, of occurrence, live, torn bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if torn {
		e.announceToAll(ctx, reasonUnreadable)
	}
	now := time.Now()
	behind, taken := e.ring.Take(number, record.Offset, record.LeaderEpoch)
	if !taken {
		e.metrics.records.WithLabelValues("repeat").Inc()
		return
	}
	e.seq++
	users := e.audiences.newest(of.room, of.audience)
	sighting := e.ring.Sight(now, number, ring.Identity{ID: of.id, At: of.at, Written: record.Time})
	if sighting == ring.Repeat {
		e.metrics.records.WithLabelValues("repeat").Inc()
		return
	}
	at := ring.Entry{Partition: number, Behind: behind, Time: record.Time}
	sights, err := of.seenBy(users)
	switch {
	case err != nil:
		e.metrics.records.WithLabelValues("malformed").Inc()
		e.logger.ErrorContext(ctx, "a record cannot be written to streams", "topic", record.Topic, "partition", record.Partition, "offset", record.Offset, "error", err)
		e.announce(ctx, at, users, reasonUnreadable)
	case sighting == ring.Late && len(sights) > 0:
		e.metrics.records.WithLabelValues("late").Inc()
		e.logger.WarnContext(ctx, "an event comes so late that nobody can tell whether it was delivered before", "topic", record.Topic,
			"partition", record.Partition, "offset", record.Offset, "happened", of.at)
		e.announce(ctx, at, allOf(sights), reasonLate)
	default:
		e.metrics.records.WithLabelValues("kept").Inc()
		e.show(ctx, record, of, at, sights, live)
	}
}

// show keeps what users see of a record, and offers it to their streams. The caller holds the lock.
func (e *Edge) show(ctx context.Context, record bus.Record, of occurrence, at ring.Entry, sights []sight, live bool) {
	if len(sights) == 0 {
		return
	}
	span := e.trace(ctx, record, of, sights, live)
	defer span.end()
	offer := &offering{edge: e, span: span}
	now := time.Now()
	for _, s := range sights {
		at.Event = &sse.Event{Data: s.data, At: of.at}
		offer.event(at.Event, e.ring.Add(now, at, s.to))
	}
}

// offering offers the events of one record. All streams share the id line, which is made only if there is one.
type offering struct {
	edge *Edge
	span *recordSpan
	id   []byte
}

func (o *offering) event(event *sse.Event, to []*ring.User) {
	traced := o.span.traced(event)
	for _, user := range to {
		if len(user.Streams) == 0 {
			continue
		}
		if o.id == nil {
			o.id = o.edge.idLine(o.edge.ring.Cut())
		}
		frame := sse.Frame{ID: o.id, Seq: o.edge.seq, Event: event}
		if o.span.taken < maxWriteSpans {
			frame.Event = traced
		}
		o.user(user, frame)
	}
}
