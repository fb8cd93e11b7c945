// Package timeline writes to the store of timelines what the rooms' log has, from two sides. A send writes its own message
// through as soon as the log has it, so that the sender finds it at once. The consumer group ism.messages.timeline goes over
// every record and writes what no send has written, so that nothing is missing after a crash or an outage of the store.
//
// # State
//
// The timelines themselves are in the store. A [Timeline] holds three small memories of its process, which only save work; losing them loses
// nothing:
//
//   - sending: the sends, edits and deletions that have begun and are not settled, by the id of their event.
//   - written: what these have written, by the id of their event; the newest 16,384. A record's headers tell that id, so the
//     consumer group need not decode what a send of this process has written, which is nearly all that it comes to. Of a batch that failed
//     it also has the messages that were written before, so that they are not written again when their records come again.
//   - firsts: where messages that the consumer group has read stand first in the log, see [bus.Firsts].
//
// # Who may touch it
//
// Any number of sends call [Timeline.Begin] and [Timeline.WriteThrough] at once. The consumer calls [Timeline.Apply], one batch
// of a partition at a time and partitions at once. One mutex guards the memories and is never held during a call of the store.
//
// # Lifecycle
//
// A Timeline starts empty and has no goroutines. A send is begun before it appends to the log and settled when its
// write-through has ended, in any way. Apply waits for sends that have begun, so that it does not write the same message at the
// same time; each is bounded by the deadlines of its request.
//
// # Invariants
//
//   - A message's position is the epoch of the log and the offset of its record. Both sides derive the same entry from the
//     same record, so it does not matter which of them writes it, or that both do.
//   - Apply returns without an error only if every message of the batch is in the store. Then the consumer commits its offset.
//   - An edit or a deletion is written to the position of its message, as a revision by the position of its own record. Of a message that the log has again, see below,
//     that is its first, also where whoever revised it found it at another.
//   - A message may be in the log several times, with one id: its record was written twice, see [bus.Appender]; it is a change of members, which rooms' outbox
//     may append again; or it is a send that its sender has named and tried again, on another node perhaps. It stays at its first position. Sends
//     may have written it at others; as the records of a partition come in order, Apply knows the first, and withdraws it from all others.
//     The last two may come again after any time: their first position is looked up in the store. So are, for a minute or so, all
//     messages of a partition that this process has just been given. Of all others it is remembered, within the bound that [bus.Firsts] has.
//   - What sends have written of named messages is not remembered.
//   - A batch is written in chunks, each with a deadline of its own, so a store that is slow makes progress at the rate of its answers.
//
// # Failures
//
//   - The store fails during a write-through: the send succeeds all the same, and the consumer group writes the message.
//   - The store fails during Apply: Apply fails, so the partition waits and no record is given up. What had been written is remembered.
//   - The process ends: the group's next owner of the partition begins at the last committed offset and writes again what is
//     there, which changes nothing.
//   - The position has another message: the log has lost records at its end and gives their offsets out again. What was stored first stays. Apply
//     fails with [ErrLogLost]: the partition waits, and says why, until the log has been begun anew. The acknowledged message is in
//     that log, so it is not put aside.
//   - The store can never keep a message: Apply writes the others of the batch, and rejects the batch. When its records come again one
//     by one, as a [bus.Handler] may expect, it knows the others and rejects only that one.
package timeline

import (
	"context"
	"errors"
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

// What the consumer group did about a message: it wrote it, knew that it was written, or withdrew it because the log has it before.
const (
	written  = "written"
	known    = "known"
	repeated = "repeated"
)

const (
	// remembered is how many messages that sends have written are remembered until the consumer group comes to them.
	remembered = 16_384
	// chunkSize is how many messages the consumer group writes at once.
	chunkSize = 64
	// appendTimeout, and messageTimeout for each message, is the deadline of one write of the consumer group: time for the five answers, one
	// after the other, that a message may take of a slow store, and for the dozen of a chunk of as many rooms. A store that hangs is an outage
	// like any other.
	appendTimeout  = 5 * time.Second
	messageTimeout = 150 * time.Millisecond
)

// Timeline writes to a store what the log has.
type Timeline struct {
	store   store.Store
	log     Log
	expires Expires
	tracing bus.Tracing

	firsts *bus.Firsts[store.Key]

	mu      sync.Mutex
	sending map[uuid.UUID]chan struct{}   // by event id; closed when the send is settled
	written *lru.Cache[uuid.UUID, passed] // by event id

	through, applied *prometheus.CounterVec
}

// Log is the log of the rooms, see [bus.Log].
type Log interface {
	Epoch() (epoch int32, known bool)
}

// Expires gives when a message goes; zero: never. See [store.Entry].
type Expires func(ctx context.Context, message wire.Message) (time.Time, error)

var (
	// ErrLogLost says that the log gives out offsets which other messages have in the same epoch.
	ErrLogLost = errors.New(events.TopicRooms + " has lost records: it gives positions out again that other messages have. Save what it has " +
		"and begin it anew, as docs/operations.md says under \"When ism.rooms is lost\"")
	errNoEpoch = fmt.Errorf("%w: the epoch of the log is not known yet", bus.ErrUnavailable)
)

// passed is a message, or the revision of one, that this process has written.
type passed struct {
	key    store.Key
	at, by events.Position // of the message, and of the record that says so
}

func passedOf(entry store.Entry) passed {
	return passed{key: store.KeyOf(entry), at: entry.Position, by: entry.MadeBy()}
}

// New makes a timeline of the log.
func New(s store.Store, log Log, expires Expires, tracing bus.Tracing, tel *telemetry.Telemetry) (*Timeline, error) {
	memory, err := lru.New[uuid.UUID, passed](remembered)
	if err != nil {
		return nil, fmt.Errorf("make memory of written messages: %w", err)
	}
	through := telemetry.Counters(tel.Metrics, prometheus.CounterOpts{
		Name: "ism_messages_write_through_total",
		Help: "Messages, edits and deletions that a request wrote to the timeline, by result: written, or failed and left to the consumer group.",
	}, "result", "written", "failed")
	applied := telemetry.Counters(tel.Metrics, prometheus.CounterOpts{
		Name: "ism_messages_applied_total",
		Help: "Messages, edits and deletions that the consumer group came to, by result: written by it, known to be written, or repeated: in the log before.",
	}, "result", "written", "known", "repeated")
	return &Timeline{
		store: s, log: log, expires: expires, tracing: tracing, firsts: bus.NewFirsts[store.Key](), sending: map[uuid.UUID]chan struct{}{}, written: memory,
		through: through, applied: applied,
	}, nil
}

// Begin says that a send is about to append an event to the log, so that the consumer group waits for it instead of writing the same
// message at the same time. Call the returned function when the send is over, whatever came of it.
func (t *Timeline) Begin(event uuid.UUID) (settle func()) {
	settled := make(chan struct{})
	t.mu.Lock()
	t.sending[event] = settled
	t.mu.Unlock()
	return func() {
		t.mu.Lock()
		delete(t.sending, event)
		t.mu.Unlock()
		close(settled)
	}
}

// WriteThrough writes what an event that the log has at the position makes of the timeline: its message, or the revision of one. The error is [ErrLogLost]
// where another message has the message's position.
func (t *Timeline) WriteThrough(ctx context.Context, event events.Event, at events.Position) error {
	entry, ok := EntryOf(event.Data, at)
	if !ok {
		return fmt.Errorf("write through to the timeline: %s makes nothing of it", event.Data.EventName())
	}
	if err := t.put(ctx, []store.Entry{entry}); err != nil {
		t.through.WithLabelValues("failed").Inc()
		return fmt.Errorf("write message through to the timeline: %w", orLogLost(err))
	}
	t.through.WithLabelValues("written").Inc()
	if entry.Message.ClientID == "" { // else the log may have it before, which the consumer group finds out
		t.remember(event.ID, entry)
	}
	return nil
}

// put appends entries to the store, each with when it expires.
func (t *Timeline) put(ctx context.Context, entries []store.Entry) error {
	if err := t.date(ctx, entries); err != nil {
		return err
	}
	return t.store.Append(ctx, entries)
}

// date says of each entry when it expires.
func (t *Timeline) date(ctx context.Context, entries []store.Entry) (err error) {
	for i := range entries {
		if entries[i].Expires, err = t.expires(ctx, entries[i].Message); err != nil {
			return err
		}
	}
	return nil
}

// remember remembers a message that this process has written.
func (t *Timeline) remember(event uuid.UUID, entry store.Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.written.Add(event, passedOf(entry))
}

// Apply writes the messages among records of one partition of the rooms' log, and what became of them. It is a [bus.Handler].
func (t *Timeline) Apply(ctx context.Context, records []bus.Record) error {
	epoch, begun := t.log.Epoch()
	if !begun {
		return errNoEpoch
	}
	if err := t.firsts.Read(records); err != nil {
		return err
	}
	found := make([]applying, 0, len(records))
	for _, record := range records {
		if message, ok := t.isWritten(ctx, record, epoch); ok && t.standsFirst(record, message) {
			t.pass(ctx, record, message.key)
			continue
		}
		decoded, err := bus.Decode[events.RoomEvent]([]bus.Record{record})
		if err != nil {
			return err
		}
		for _, event := range decoded {
			if entry, ok := EntryOf(event.Data, position(epoch, event.Record)); ok {
				found = append(found, applying{record: event.Record, event: event.Event.ID, entry: entry})
				t.before(record, passedOf(entry)) // so that it is remembered to the records behind it
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	return t.apply(ctx, found)
}

// apply writes what the store lacks of messages of one partition, in the order of the log.
func (t *Timeline) apply(ctx context.Context, found []applying) error {
	first, err := t.firstPositions(ctx, found)
	if err != nil {
		return err
	}
	var missing, again []applying
	for _, a := range found {
		key := store.KeyOf(a.entry)
		at, there := t.firstOf(a, first)
		switch {
		case a.revises():
			if a.entry, err = t.atFirst(ctx, a.entry, at, there, missing); err != nil {
				return err
			}
			there = false // the message, not its revision
		case there && at.Compare(a.entry.Position) < 0:
			again = append(again, a)
			continue
		}
		first[key] = a.entry.Position
		if a.named() && there && at == a.entry.Position || t.hasWritten(a) {
			t.pass(ctx, a.record, key)
		} else {
			missing = append(missing, a)
		}
	}
	if err := t.write(ctx, missing); err != nil {
		return err
	}
	return t.withdraw(ctx, again)
}

// EntryOf gives the entry that an event at a position makes; false where it makes none.
func EntryOf(event events.Data, at events.Position) (store.Entry, bool) {
	switch event := event.(type) {
	case events.TimelineEvent:
		message, _ := event.InTimeline()
		entry := store.Entry{Position: at, Message: message}
		if posted, ok := event.(events.MessagePosted); ok {
			entry.Pace = posted.Pace
		}
		return entry, true
	case events.RevisionEvent:
		revision := event.Revises()
		entry := store.Revised(revision.Message, revision.At(), at)
		entry.Pace = revision.Pace
		return entry, true
	default:
		return store.Entry{}, false
	}
}

func position(epoch int32, record bus.Record) events.Position {
	return events.Position{Epoch: epoch, Offset: record.Offset}
}

// orLogLost is the error, as an [ErrLogLost] where a position is taken.
func orLogLost(err error) error {
	if errors.Is(err, store.ErrPositionTaken) {
		return fmt.Errorf("%w: %w", ErrLogLost, err)
	}
	return err
}

// describe says in the trace of a message's send what its timeline needed of the consumer group.
func describe(span trace.Span, room, message uuid.UUID, result string) {
	if span.IsRecording() {
		span.SetAttributes(telemetry.RoomID(room), telemetry.MessageID(message), attribute.String("ism.timeline", result))
	}
}

// hasWritten reports whether this process has written what a record says.
func (t *Timeline) hasWritten(a applying) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	message, ok := t.written.Peek(a.event)
	return ok && message == passedOf(a.entry)
}

// isWritten gives the message of a record that this process has written, after waiting for a send that is under way.
func (t *Timeline) isWritten(ctx context.Context, record bus.Record, epoch int32) (message passed, ok bool) {
	event, err := uuid.Parse(record.Headers[events.HeaderID])
	if err != nil {
		return passed{}, false // decoding it finds out what it is
	}
	t.mu.Lock()
	settled, sending := t.sending[event]
	t.mu.Unlock()
	if sending {
		select {
		case <-settled:
		case <-ctx.Done():
			return passed{}, false
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	message, ok = t.written.Get(event)
	return message, ok && message.by == position(epoch, record)
}
