// Package previews takes the messages of the log into the rooms: latest message, preview, the sender's read mark.
package previews

import (
	"context"
	"fmt"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
)

// Rooms takes messages, see [changes.Changes].
type Rooms interface {
	ApplyMessages(ctx context.Context, messages []changes.Posted) error
}

// Log is the log of the rooms, see [bus.Log].
type Log interface {
	Epoch() (epoch int32, known bool)
}

// Handler gives the handler of records of [events.TopicRooms], which are read from the log once its epoch is known. A record that is no event is [bus.ErrRejected]; events other than messages are passed over, and leave
// nothing in their traces.
func Handler(rooms Rooms, log Log, tracing bus.Tracing) bus.Handler {
	return func(ctx context.Context, records []bus.Record) error {
		epoch, known := log.Epoch()
		if !known {
			return fmt.Errorf("%w: the epoch of the log is not known yet", bus.ErrUnavailable)
		}
		decoded, err := bus.Decode[events.MessagePosted](records)
		if err != nil {
			return err
		}
		messages, taken := make([]changes.Posted, len(decoded)), make([]bus.Record, len(decoded))
		for i, posted := range decoded {
			taken[i] = posted.Record
			messages[i] = changes.Posted{
				RoomID:   posted.Data.RoomID,
				SenderID: posted.Data.Message.SenderID,
				At:       posted.Data.Message.CreatedAt.Time,
				Preview:  posted.Data.Preview,
				Position: events.Position{Epoch: epoch, Offset: posted.Record.Offset},
			}
		}
		ctx, spans := tracing.Batch(ctx, taken)
		for i, span := range spans {
			if span.IsRecording() {
				span.SetAttributes(telemetry.RoomID(messages[i].RoomID), telemetry.MessageID(decoded[i].Data.Message.ID))
			}
		}
		err = rooms.ApplyMessages(ctx, messages)
		bus.EndSpans(spans, err)
		if err != nil {
			return fmt.Errorf("take messages into their rooms: %w", err)
		}
		return nil
	}
}
