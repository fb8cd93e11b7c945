package changes

import (
	"context"
	"slices"
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
	// Version is the membership version that a [wire.RoomChange] has brought; 0 for any other message. It tells a change that is in the log twice.
	Version int64
}

// ApplyMessages takes messages, of any rooms, into the rooms' LatestMessage and preview, and moves their senders' read marks. A message whose
// position is not after the newest that the room has taken leaves the room as it is, so messages may be applied again and in any order.
// Messages of unknown rooms are passed over. There is no event: the messages are in the log.
func (c *Changes) ApplyMessages(ctx context.Context, messages []Posted) error {
	if len(messages) == 0 {
		return nil
	}
	rooms := roomsOf(messages)
	return c.store.Transact(ctx, "apply_messages", func(ctx context.Context, tx store.Tx) error {
		if err := tx.LockRooms(ctx, rooms); err != nil {
			return err
		}
		untaken, err := untaken(ctx, tx, rooms, messages)
		if err != nil {
			return err
		}
		latest, marks := fold(untaken)
		if err := tx.SetLatestMessages(ctx, latest); err != nil {
			return err
		}
		return tx.AdvanceReadMarks(ctx, marks)
	})
}

func roomsOf(messages []Posted) []uuid.UUID {
	rooms := make([]uuid.UUID, 0, len(messages))
	known := map[uuid.UUID]bool{}
	for _, message := range messages {
		if !known[message.RoomID] {
			known[message.RoomID] = true
			rooms = append(rooms, message.RoomID)
		}
	}
	return rooms
}

// untaken leaves out the changes of members that the rooms have taken before, and says that they have taken the others: one that the outbox has
// appended twice has another position.
func untaken(ctx context.Context, tx store.Tx, rooms []uuid.UUID, messages []Posted) ([]Posted, error) {
	if !slices.ContainsFunc(messages, func(message Posted) bool { return message.Version > 0 }) {
		return messages, nil
	}
	taken, err := tx.ChangeVersions(ctx, rooms)
	if err != nil {
		return nil, err
	}
	var left []Posted
	newest := map[uuid.UUID]int64{}
	for _, message := range messages {
		if message.Version > 0 && message.Version <= taken[message.RoomID] {
			continue
		}
		if message.Version > 0 {
			taken[message.RoomID], newest[message.RoomID] = message.Version, message.Version
		}
		left = append(left, message)
	}
	return left, tx.SetChangeVersions(ctx, newest)
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
		if message.Version > 0 { // who leaves has no mark, and who joins reads nothing by it
			continue
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
