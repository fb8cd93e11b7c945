package edge

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime/internal/cut"
	"github.com/ism-chat/ism/services/realtime/internal/large"
	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// resync is the data of a Resync event.
func resync(reason string) []byte {
	text, _ := sse.Encode(wire.Resync{Type: "Resync", Reason: reason, CreatedAt: wire.At(time.Now())}) // strings and a time
	return text
}

// unreadable moves on behind a record that cannot be read, and tells those whom it may concern of the gap. It reports whether nobody knows who they are:
// then all streams are to be told.
func (e *Edge) unreadable(ctx context.Context, number int, record bus.Record) (all bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	behind, taken := e.ring.Take(number, record.Offset, record.LeaderEpoch)
	if !taken {
		e.metrics.records.WithLabelValues("repeat").Inc()
		return false
	}
	e.seq++
	e.metrics.records.WithLabelValues("malformed").Inc()
	if to := e.concerned(record); !to.nobody() {
		e.announce(ctx, ring.Entry{Partition: number, Behind: behind, Time: record.Time}, to, reasonUnreadable)
		return false
	}
	e.ring.Tear(number, reasonUnreadable)
	return true
}

// concerned gives who may see the event of a record that cannot be read: its audience where it can be told, or else the room's, as far as it is
// known; never an older one than that. What such a record says is not remembered. In the logs of users the key alone says it.
func (e *Edge) concerned(record bus.Record) target {
	if slices.Contains([]string{events.TopicUsers, events.TopicNotifications, events.TopicMedia}, record.Topic) {
		if user, err := uuid.Parse(record.Key); err == nil {
			return target{users: []uuid.UUID{user}}
		}
		return target{}
	}
	var told events.Audience
	if json.Unmarshal(record.Value, &told) != nil {
		told = events.Audience{}
	}
	room, err := uuid.Parse(record.Key)
	if err != nil {
		return target{users: told.Users}
	}
	if known, version, ok := e.audiences.known(room); ok && (len(told.Users) == 0 || version > told.Version) {
		return known
	}
	return target{users: told.Users}
}

// announce tells of a gap, in its place. The caller holds the lock.
func (e *Edge) announce(ctx context.Context, at ring.Entry, to target, reason string) {
	now := time.Now()
	at.Event = &sse.Event{Data: resync(reason), At: now, Resync: reason}
	offer := e.untraced(ctx)
	offer.event(at.Event, e.add(now, at, to))
	e.metrics.resyncs.WithLabelValues(reason).Add(float64(offer.span.taken))
}

// TakeMemberships takes snapshots of who is in large rooms, and that they are removed. It is a reader's Handler, and never fails.
func (e *Edge) TakeMemberships(ctx context.Context, records []bus.Record) error {
	for _, record := range records {
		decoded, err := bus.Decode[events.Data]([]bus.Record{record})
		if err != nil {
			e.logger.ErrorContext(ctx, "a record cannot be read", "topic", record.Topic, "partition", record.Partition, "offset", record.Offset, "error", err)
			continue
		}
		e.mu.Lock()
		for _, event := range decoded {
			switch data := event.Data.(type) {
			case events.MembershipSnapshot:
				if room := e.audiences.large.Snapshot(time.Now(), data); room != nil {
					e.announceToMembers(ctx, room)
				}
			case events.SnapshotRemoved:
				e.audiences.large.Removed(time.Now(), data.RoomID, data.Part)
			}
		}
		e.mu.Unlock()
	}
	return nil
}

// MembershipsCaughtUp says that all snapshots have been taken that there were at the start.
func (e *Edge) MembershipsCaughtUp() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.audiences.large.CaughtUp()
}

// announceToMembers tells the members of a large room, now that they are known, that they have been given nothing of it. The caller holds the lock.
func (e *Edge) announceToMembers(ctx context.Context, room *large.Room) {
	event, offer := &sse.Event{Data: resync(reasonUnreadable), At: time.Now(), Resync: reasonUnreadable}, e.untraced(ctx)
	offer.event(event, e.present(target{room: room, asOf: room.Version()}))
	e.metrics.resyncs.WithLabelValues(reasonUnreadable).Add(float64(offer.span.taken))
}

// reportUnknown tells all streams that there are large rooms of which nobody can say who is in them. The caller holds the lock.
func (e *Edge) reportUnknown(now time.Time) {
	unknown := e.audiences.large.Unknown(now)
	if len(unknown) == 0 {
		return
	}
	e.logger.Error("it is not known who is in large rooms: their snapshots are missing in "+events.TopicMemberships, "rooms", len(unknown), "for_example", unknown[0])
	e.announceToAll(context.Background(), reasonUnreadable)
}

// announceToAll tells all streams of a gap just before the edge's cut, at which the ring is torn. The caller holds the lock.
func (e *Edge) announceToAll(ctx context.Context, reason string) {
	event, offer := &sse.Event{Data: resync(reason), At: time.Now(), Resync: reason}, e.untraced(ctx)
	for user := range e.ring.Everybody {
		offer.event(event, []*ring.User{user})
	}
	e.metrics.resyncs.WithLabelValues(reason).Add(float64(offer.span.taken))
}

// untraced offers what has no trace of its own.
func (e *Edge) untraced(ctx context.Context) *offering {
	return &offering{edge: e, span: &recordSpan{span: trace.SpanFromContext(ctx)}}
}

// Jumped moves on to where partitions go on that could not be read on where they were. It is a reader's Jumped.
func (e *Edge) Jumped(jumps []bus.Jump) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now, ours := time.Now(), false
	for _, jump := range jumps {
		number, known := e.number(jump.Topic, jump.Partition)
		if !known {
			continue
		}
		ours = true
		e.ring.Jump(now, number, ring.Jump{
			To: cut.Point{Offset: jump.To, LeaderEpoch: jump.LeaderEpoch}, Back: jump.Back(), LeaderNow: jump.LeaderNow,
		}, reasonJumped)
	}
	if !ours {
		return
	}
	e.seq++
	e.announceToAll(context.Background(), reasonJumped)
	e.publish()
}
