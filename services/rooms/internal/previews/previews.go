// Package previews takes the messages of the log into the rooms: latest message, preview, the sender's read mark.
//
// # State
//
// What is taken is in the store. [Previews] remembers of the batches that failed what had been taken of them before, the newest 16,384 messages,
// so that it is not taken again when their records come again; losing that loses nothing.
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
	return &Previews{rooms: rooms, log: log, reached: reached, tracing: tracing, taken: taken}, nil
}

// taking is a record and the message in it.
type taking struct {
	key     key
	record  bus.Record
	message uuid.UUID
	posted  changes.Posted
}

// Apply takes the messages among records of one partition of [events.TopicRooms]. It is a [bus.Handler]. A record that is no event, or whose
// message the store can never keep, is [bus.ErrRejected]; events other than messages are passed over, and leave nothing in their traces.
func (p *Previews) Apply(ctx context.Context, records []bus.Record) error {
	epoch, known := p.log.Epoch()
	if !known {
		return fmt.Errorf("%w: the epoch of the log is not known yet", bus.ErrUnavailable)
	}
	decoded, err := bus.Decode[events.TimelineEvent](records)
	if err != nil {
		return err
	}
	messages := make([]taking, 0, len(decoded))
	for _, posted := range decoded {
		if message := takingOf(posted, epoch); !p.taken.Contains(message.key) {
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

func takingOf(posted bus.Decoded[events.TimelineEvent], epoch int32) taking {
	message, preview := posted.Data.InTimeline()
	of := taking{
		key:     key{event: posted.Event.ID, partition: posted.Record.Partition, offset: posted.Record.Offset},
		record:  posted.Record,
		message: message.ID,
		posted: changes.Posted{
			RoomID:    message.RoomID,
			MessageID: message.ID,
			SenderID:  message.SenderID,
			At:        message.CreatedAt.Time,
			Preview:   preview,
			Position:  events.Position{Epoch: epoch, Offset: posted.Record.Offset},
			Named:     message.ClientID != "",
		},
	}
	if changed, ok := posted.Data.(events.MembershipChanged); ok {
		of.posted.Version, of.posted.Joins = changed.Version, changed.Change == wire.Join
	}
	return of
}

// chunks divides messages, so that all of a room are together.
func chunks(messages []taking) [][]taking {
	var divided [][]taking
	chunkOf := map[uuid.UUID]int{}
	for _, message := range messages {
		chunk, known := chunkOf[message.posted.RoomID]
		if !known {
			chunk = len(chunkOf) / chunkRooms
			chunkOf[message.posted.RoomID] = chunk
		}
		if chunk == len(divided) {
			divided = append(divided, nil)
		}
		divided[chunk] = append(divided[chunk], message)
	}
	return divided
}

// apply takes messages in one transaction, each also shown in the trace of its send. The error is [bus.ErrRejected] if one of them is at fault.
func (p *Previews) apply(ctx context.Context, chunk []taking) error {
	messages, records := make([]changes.Posted, len(chunk)), make([]bus.Record, len(chunk))
	for i, message := range chunk {
		messages[i], records[i] = message.posted, message.record
	}
	ctx, spans := p.tracing.Batch(ctx, records)
	for i, span := range spans {
		if span.IsRecording() {
			span.SetAttributes(telemetry.RoomID(chunk[i].posted.RoomID), telemetry.MessageID(chunk[i].message))
		}
	}
	err := p.rooms.ApplyMessages(ctx, messages)
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
