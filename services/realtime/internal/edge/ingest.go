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

// occurrence is what an edge needs of an event of a room or of a user.
type occurrence struct {
	id       uuid.UUID
	at       time.Time
	room     uuid.UUID       // nil of a user's
	audience events.Audience // of a user's: the user alone, of no version
	data     []byte          // what all of the audience see, as it stands on a stream; nil where the event tells
	event    events.Event    // decoded only where data is nil
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
	of := occurrence{id: event.ID, at: event.Time, event: event}
	switch data := event.Data.(type) {
	case events.RoomEvent:
		of.room, of.audience = data.InRoom(), data.SeenBy()
	case events.UserEvent:
		of.audience.Users = []uuid.UUID{data.ForUser()}
	default:
		return occurrence{}, fmt.Errorf("%w: %s is not for edges", events.ErrUnknownType, event.Data.EventName())
	}
	return of, nil
}

// sight is an event as some see it.
type sight struct {
	to   target
	data []byte
}

// seenBy gives how the event is seen, if the target is its newest audience.
func (o occurrence) seenBy(newest target) ([]sight, error) {
	if o.data != nil {
		return []sight{{to: newest, data: o.data}}, nil
	}
	all, err := events.StreamEvents(o.event, newest.users)
	if err != nil {
		return nil, fmt.Errorf("encode for streams: %w", err)
	}
	sights := make([]sight, 0, len(all))
	for _, one := range all {
		data, err := sse.Data(one.Data)
		if err != nil {
			return nil, err
		}
		to := target{users: one.To}
		if one.MembersAsOf > 0 {
			to = target{room: newest.room, asOf: one.MembersAsOf}
		}
		sights = append(sights, sight{to: to, data: data})
	}
	return sights, nil
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
	newest := target{users: of.audience.Users}
	if of.room != uuid.Nil {
		newest = e.audiences.newest(now, of)
	}
	sighting := e.ring.Sight(now, number, ring.Identity{ID: of.id, At: of.at, Written: record.Time})
	if sighting == ring.Repeat {
		e.metrics.records.WithLabelValues("repeat").Inc()
		return
	}
	at := ring.Entry{Partition: number, Behind: behind, Time: record.Time}
	sights, err := of.seenBy(newest)
	switch {
	case err != nil:
		e.metrics.records.WithLabelValues("malformed").Inc()
		e.logger.ErrorContext(ctx, "a record cannot be written to streams", "topic", record.Topic, "partition", record.Partition, "offset", record.Offset, "error", err)
		e.announce(ctx, at, newest, reasonUnreadable)
	case sighting == ring.Late && !live && !e.ring.Reaches(now, record.Time): // there are no streams, and nobody resumes from before it
		e.metrics.records.WithLabelValues("outdated").Inc()
		e.ring.Pass(number)
	case sighting == ring.Late && len(sights) > 0:
		e.metrics.records.WithLabelValues("late").Inc()
		e.late.note(record, of.at)
		for _, s := range sights { // not only its audience: who has left is told so
			e.announce(ctx, at, s.to, reasonLate)
		}
	case expired(of, now): // its repeats are known as such from here on
		e.metrics.records.WithLabelValues("expired").Inc()
	default:
		e.metrics.records.WithLabelValues("kept").Inc()
		if ended(of) && newest.room != nil && newest.room.EndedUnseen() {
			e.ring.Tear(number, reasonUnreadable)
			e.announceToAll(ctx, reasonUnreadable)
		}
		e.show(ctx, record, of, at, sights, live)
	}
}

// ended reports whether an event says that a room has ended.
func ended(of occurrence) bool {
	_, is := of.event.Data.(events.RoomEnded)
	return is
}

// expired reports whether an event is a notification that nobody is to be shown any more.
func expired(of occurrence, now time.Time) bool {
	sent, is := of.event.Data.(events.NotificationSent)
	return is && sent.Expired(now)
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
		offer.event(at.Event, e.add(now, at, s.to))
	}
}

// add keeps an entry, and gives those of its target who have streams. Of a room of which it is not known who is in it nobody resumes from before it.
func (e *Edge) add(now time.Time, at ring.Entry, to target) []*ring.User {
	if to.room == nil {
		return e.ring.Add(now, at, to.users)
	}
	at.AsOf = to.asOf
	e.ring.AddToRoom(now, at, to.room.ID)
	if !to.room.Known() {
		e.ring.Tear(at.Partition, reasonUnreadable)
	}
	return e.present(to)
}

// present gives the members of a large room who have streams.
func (e *Edge) present(to target) []*ring.User {
	ids := e.audiences.large.Present(to.room, to.asOf)
	users := make([]*ring.User, len(ids))
	for i, id := range ids {
		users[i] = e.ring.User(id)
	}
	return users
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
