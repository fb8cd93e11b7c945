// Package previews takes the messages of the log into the rooms: latest message, preview, the sender's read mark; and into the preview what becomes of
// the latest message, by edits and its deletion.
//
// # State
//
// What is taken is in the store. [Previews] remembers of the batches that failed what had been taken of them before, the newest 16,384 messages,
// so that it is not taken again when their records come again; losing that loses nothing. And it remembers where messages stand first in the log, see
// [bus.Firsts], so that one whose record is there twice is taken once.
//
// # Invariants
//
//   - A batch is taken in chunks of rooms, each in a transaction: a store that is slow makes progress at the rate of its answers.
//   - A message that the store can never keep is [bus.ErrRejected], and no other is.
package previews

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

const (
	chunkRooms = 50 // of one transaction
	remembered = 16_384
)

// Rooms takes messages, see [changes.Changes].
type Rooms interface {
	ApplyMessages(ctx context.Context, messages []changes.Posted) error
	ApplyRevisions(ctx context.Context, revisions []changes.Revised) error
}

// Progress is told how far the log has been taken, see [progress.Progress].
type Progress interface {
	Reached(ctx context.Context, partition int32, next events.Position) error
}

// Log is the log of the rooms, see [bus.Log].
type Log interface {
	Epoch() (epoch int32, known bool)
}

// Previews takes messages into their rooms. It is safe for concurrent use.
type Previews struct {
	rooms   Rooms
	log     Log
	reached Progress
	tracing bus.Tracing
	taken   *lru.Cache[key, struct{}]
	firsts  *bus.Firsts[store.MessageKey]
}

// key names a record, by its event and where it is.
type key struct {
	event     uuid.UUID
	partition int32
	offset    int64
}

// New makes a Previews of records that are read from the log, once its epoch is known.
func New(rooms Rooms, log Log, reached Progress, tracing bus.Tracing) (*Previews, error) {
	taken, err := lru.New[key, struct{}](remembered)
	if err != nil {
		return nil, fmt.Errorf("make the memory of taken messages: %w", err)
	}
	return &Previews{rooms: rooms, log: log, reached: reached, tracing: tracing, taken: taken, firsts: bus.NewFirsts[store.MessageKey]()}, nil
}

// taking is a record and the message in it, or what it makes of one.
type taking struct {
	key           key
	record        bus.Record
	room, message uuid.UUID
	posted        *changes.Posted
	revision      *changes.Revised
}

// Apply takes the messages, and their revisions, among records of one partition of [events.TopicRooms]. It is a [bus.Handler]. A record that is no event,
// or whose message the store can never keep, is [bus.ErrRejected]; all other events are passed over, and leave nothing in their traces.
func (p *Previews) Apply(ctx context.Context, records []bus.Record) error {
	epoch, known := p.log.Epoch()
	if !known {
		return fmt.Errorf("%w: the epoch of the log is not known yet", bus.ErrUnavailable)
	}
	decoded, err := bus.Decode[events.RoomEvent](records)
	if err != nil {
		return err
	}
	if err := p.firsts.Read(records); err != nil {
		return err
	}
	messages := make([]taking, 0, len(decoded))
	for _, event := range decoded {
		if message, ok := takingOf(event, epoch); ok && !p.repeats(message) && !p.taken.Contains(message.key) {
			messages = append(messages, message)
		}
	}
	done, err := bus.InChunks(chunks(messages), func(chunk []taking) error { return p.apply(ctx, chunk) })
	if err != nil {
		for _, message := range done {
			p.taken.Add(message.key, struct{}{})
		}
	}
	last := records[len(records)-1]
	if rejected := errors.Is(err, bus.ErrRejected) && len(records) == 1; err == nil || rejected {
		// What the store does not take of this the next batch says.
		_ = p.reached.Reached(ctx, last.Partition, events.Position{Epoch: epoch, Offset: last.Offset + 1})
	}
	return err
}

// repeats reports whether it is remembered that the log has a message before. Where it is not certain that this would be remembered, the room is asked.
func (p *Previews) repeats(message taking) bool {
	if message.posted == nil {
		return false
	}
	message.posted.MayRepeat = message.posted.MayRepeat || !p.firsts.Sure(message.record)
	return p.firsts.First(message.record, store.MessageKey{Room: message.room, Message: message.message}) < message.record.Offset
}

// takingOf gives what is to be taken of an event; false: nothing.
func takingOf(event bus.Decoded[events.RoomEvent], epoch int32) (taking, bool) {
	of := taking{
		key:    key{event: event.Event.ID, partition: event.Record.Partition, offset: event.Record.Offset},
		record: event.Record,
		room:   event.Data.InRoom(),
	}
	at := events.Position{Epoch: epoch, Offset: event.Record.Offset}
	switch data := event.Data.(type) {
	case events.TimelineEvent:
		posted := postedOf(data, at)
		of.message, of.posted = posted.MessageID, &posted
	case events.RevisionEvent:
		revised := data.Revises()
		of.message = revised.Message.ID
		of.revision = &changes.Revised{
			Revision: store.Revision{
				RoomID: revised.RoomID, Message: revised.At(), By: at, Sender: revised.Message.SenderID, Preview: revised.Preview,
				Expires: timeOf(revised.Expires), Deleted: revised.Message.DeletedAt != nil,
			},
			MessageID: revised.Message.ID, Named: revised.Message.ClientID != "",
		}
	default:
		return taking{}, false
	}
	return of, true
}

func postedOf(event events.TimelineEvent, at events.Position) changes.Posted {
	message, preview := event.InTimeline()
	posted := changes.Posted{
		RoomID:    message.RoomID,
		MessageID: message.ID,
		SenderID:  message.SenderID,
		At:        message.CreatedAt.Time,
		Preview:   preview,
		Position:  at,
		MayRepeat: message.ClientID != "",
	}
	switch event := event.(type) {
	case events.MembershipChanged:
		posted.Version, posted.Joins = event.Version, event.Change == wire.Join
	case events.MessagePosted:
		posted.Expires = timeOf(event.Expires)
	}
	return posted
}

func timeOf(at *wire.Time) time.Time {
	if at == nil {
		return time.Time{}
	}
	return at.Time
}

// chunks divides messages, so that all of a room are together.
func chunks(messages []taking) [][]taking {
	var divided [][]taking
	chunkOf := map[uuid.UUID]int{}
	for _, message := range messages {
		chunk, known := chunkOf[message.room]
		if !known {
			chunk = len(chunkOf) / chunkRooms
			chunkOf[message.room] = chunk
		}
		if chunk == len(divided) {
			divided = append(divided, nil)
		}
		divided[chunk] = append(divided[chunk], message)
	}
	return divided
}

// apply takes messages in one transaction, and then their revisions in another, each also shown in the trace of its request. What comes of it is what would
// come of one after the other, as a revision concerns nothing but its message's preview. The error is [bus.ErrRejected] if one of them is at fault.
func (p *Previews) apply(ctx context.Context, chunk []taking) error {
	var (
		messages  []changes.Posted
		revisions []changes.Revised
		records   = make([]bus.Record, len(chunk))
	)
	for i, message := range chunk {
		records[i] = message.record
		if message.posted != nil {
			messages = append(messages, *message.posted)
		} else {
			revisions = append(revisions, *message.revision)
		}
	}
	ctx, spans := p.tracing.Batch(ctx, records)
	for i, span := range spans {
		if span.IsRecording() {
			span.SetAttributes(telemetry.RoomID(chunk[i].room), telemetry.MessageID(chunk[i].message))
		}
	}
	err := p.rooms.ApplyMessages(ctx, messages)
	if err == nil {
		err = p.rooms.ApplyRevisions(ctx, revisions)
	}
	bus.EndSpans(spans, err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrUnstorable):
		return fmt.Errorf("%w: take messages into their rooms: %w", bus.ErrRejected, err)
	default:
		return fmt.Errorf("take messages into their rooms: %w", err)
	}
}
