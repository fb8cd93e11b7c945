// Package previews takes the messages of the log into the rooms: latest message, preview, the sender's read mark.
package previews

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Group is the consumer group.
const Group = "ism.rooms.previews"

// Rooms is the part of the store that takes messages.
type Rooms interface {
	ApplyMessages(ctx context.Context, messages []store.Posted) error
}

// Handler gives the handler of records of [events.TopicRooms]. The epoch is that of the log which the records are read
// from. A record that is no event is [bus.ErrRejected]; events other than messages are passed over, and leave
// nothing in their traces.
func Handler(rooms Rooms, epoch int32, tracing bus.Tracing) bus.Handler {
	return func(ctx context.Context, records []bus.Record) error {
		messages, taken := make([]store.Posted, 0, len(records)), make([]bus.Record, 0, len(records))
		ids := make([]uuid.UUID, 0, len(records))
		for _, record := range records {
			event, err := events.Decode(record.Headers, record.Value)
			switch {
			case errors.Is(err, events.ErrUnknownType):
				continue
			case err != nil:
				return fmt.Errorf("%w: %w", bus.ErrRejected, err)
			}
			if posted, ok := event.Data.(events.MessagePosted); ok {
				taken, ids = append(taken, record), append(ids, posted.Message.ID)
				messages = append(messages, store.Posted{
					RoomID:   posted.RoomID,
					SenderID: posted.Message.SenderID,
					At:       posted.Message.CreatedAt,
					Preview:  posted.Preview,
					Place:    store.Place{Epoch: epoch, Offset: record.Offset},
				})
			}
		}
		ctx, spans := tracing.Batch(ctx, taken)
		for i, span := range spans {
			if span.IsRecording() {
				span.SetAttributes(telemetry.RoomID(messages[i].RoomID), telemetry.MessageID(ids[i]))
			}
		}
		err := rooms.ApplyMessages(ctx, messages)
		bus.EndSpans(spans, err)
		if err != nil {
			return fmt.Errorf("take messages into their rooms: %w", err)
		}
		return nil
	}
}
