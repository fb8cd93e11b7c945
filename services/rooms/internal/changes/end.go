package changes

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/rooms/store"
)

// End ends a room for all its members, and puts [events.RoomEnded] into the outbox. It gives that row. What is written does not grow with the members
// of a large room: it has no more parts for many than for few. Errors: [store.ErrRoomNotFound], also for one that has ended.
func (c *Changes) End(ctx context.Context, room uuid.UUID, by Author, at time.Time) (row int64, err error) {
	err = c.store.Transact(ctx, "end_room", func(ctx context.Context, tx store.Tx) error {
		state, err := by.lock(ctx, tx, room)
		if err != nil {
			return err
		}
		ended := events.RoomEnded{RoomID: room, Tenant: state.Tenant, Audience: events.Audience{Users: []uuid.UUID{}, Version: state.MembershipVersion + 1, WholeRoom: state.Large}}
		if !state.Large {
			if ended.Removed, err = tx.Joined(ctx, room); err != nil {
				return err
			}
		}
		if err := end(ctx, tx, ended, at); err != nil {
			return err
		}
		row, err = c.append(ctx, tx, at, ended)
		if err != nil || !state.Large {
			return err
		}
		_, err = c.removeParts(ctx, tx, at, room)
		return err
	})
	if err != nil {
		return 0, err
	}
	return row, nil
}

func end(ctx context.Context, tx store.Tx, ended events.RoomEnded, at time.Time) error {
	if err := tx.LeaveAll(ctx, ended.RoomID, at); err != nil {
		return err
	}
	if err := tx.EndRoom(ctx, ended.RoomID, at); err != nil {
		return err
	}
	return tx.SetMembershipVersion(ctx, ended.RoomID, ended.Version)
}
