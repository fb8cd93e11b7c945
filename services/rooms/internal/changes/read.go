package changes

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// MarkRead moves the user's read mark to the given time, or to the room's latest message if that is later, never back, and puts
// [events.RoomRead] into the outbox. It gives that row. Errors: [store.ErrRoomNotFound].
func (c *Changes) MarkRead(ctx context.Context, room, user uuid.UUID, at time.Time) (row int64, err error) {
	err = c.store.Transact(ctx, "mark_read", func(ctx context.Context, tx store.Tx) error {
		state, err := tx.LockMembership(ctx, room)
		if err != nil {
			return err
		}
		upTo := at
		if state.LatestMessage.After(at) {
			upTo = state.LatestMessage
		}
		read, err := tx.AdvanceReadMark(ctx, store.ReadMark{RoomID: room, UserID: user, At: upTo})
		if err != nil {
			return err
		}
		joined, err := tx.Joined(ctx, room)
		if err != nil {
			return err
		}
		audience := events.Audience{Users: joined, Version: state.MembershipVersion}
		row, err = c.append(ctx, tx, at, events.RoomRead{RoomID: room, UserID: user, ReadAt: wire.At(read), Audience: audience})
		return err
	})
	if err != nil {
		return 0, err
	}
	return row, nil
}
