package changes

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Posted is what a room has to know of a message.
type Posted struct {
	RoomID   uuid.UUID
	SenderID uuid.UUID
	At       time.Time // the message's createdAt
	Preview  wire.Preview
	Position events.Position
}

// ApplyMessages takes messages, of any rooms, into the rooms' LatestMessage and preview, and moves their senders' read marks. A message whose
// position is not after the newest that the room has taken leaves the room as it is, so messages may be applied again and in any order.
// Messages of unknown rooms are passed over. There is no event: the messages are in the log.
func (c *Changes) ApplyMessages(ctx context.Context, messages []Posted) error {
	if len(messages) == 0 {
		return nil
	}
	latest, marks := fold(messages)
	rooms := make([]uuid.UUID, len(latest))
	for i, message := range latest {
		rooms[i] = message.RoomID
	}
	return c.store.Transact(ctx, "apply_messages", func(ctx context.Context, tx store.Tx) error {
		if err := tx.LockRooms(ctx, rooms); err != nil {
			return err
		}
		if err := tx.SetLatestMessages(ctx, latest); err != nil {
			return err
		}
		return tx.AdvanceReadMarks(ctx, marks)
	})
}

// fold reduces messages to what remains of them: the newest of each room, and the newest read mark of each sender there.
func fold(messages []Posted) (latest []store.LatestMessage, marks []store.ReadMark) {
	type sender struct{ room, user uuid.UUID }
	roomAt := map[uuid.UUID]int{}
	markAt := map[sender]int{}
	for _, message := range messages {
		shown := store.LatestMessage{RoomID: message.RoomID, At: message.At, Preview: message.Preview, Position: message.Position}
		if i, ok := roomAt[message.RoomID]; !ok {
			roomAt[message.RoomID] = len(latest)
			latest = append(latest, shown)
		} else if latest[i].Position.Compare(message.Position) < 0 {
			latest[i] = shown
		}
		by := sender{message.RoomID, message.SenderID}
		if i, ok := markAt[by]; !ok {
			markAt[by] = len(marks)
			marks = append(marks, store.ReadMark{RoomID: message.RoomID, UserID: message.SenderID, At: message.At})
		} else if marks[i].At.Before(message.At) {
			marks[i].At = message.At
		}
	}
	return latest, marks
}
