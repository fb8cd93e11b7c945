package changes

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/rooms/store"
)

// Rewritten is what one step has written of the snapshots of all large rooms.
type Rewritten struct {
	Row      int64 // the last one; 0: the room has nothing to be written, or there was none left
	Finished bool  // all large rooms are written
}

// RewriteNext puts all snapshots of the next large room into the outbox, for an incarnation of [events.TopicMemberships] that has not got them, and
// says so in the store. One transaction does so at a time. Of a room that has ended the first incarnation may still have what versions before
// [events.SnapshotRemoved] have left of it: that is removed; another one has nothing of it.
//
// The room is locked as it is for a change of its members, so its snapshots stand in the outbox in the order of its versions: one that is written
// again is newer than all before it, and older than all behind it.
func (c *Changes) RewriteNext(ctx context.Context, topic uuid.UUID, at time.Time) (done Rewritten, err error) {
	err = c.store.Transact(ctx, "rewrite_snapshots", func(ctx context.Context, tx store.Tx) error {
		rewrite, err := tx.LockRewrite(ctx, topic)
		if done = (Rewritten{Finished: rewrite.Finished}); err != nil || rewrite.Finished {
			return err
		}
		switch room, err := tx.NextLarge(ctx, rewrite.Behind); {
		case errors.Is(err, store.ErrRoomNotFound):
			rewrite.Finished = true
		case err != nil:
			return err
		default:
			rewrite.Behind = room
			if done.Row, err = c.rewrite(ctx, tx, room, rewrite.First, at); err != nil {
				return err
			}
		}
		done.Finished = rewrite.Finished
		return tx.SetRewrite(ctx, topic, rewrite)
	})
	if err != nil {
		return Rewritten{}, err
	}
	return done, nil
}

// rewrite gives the last row that it has put into the outbox; 0 where there was nothing to be put.
func (c *Changes) rewrite(ctx context.Context, tx store.Tx, room uuid.UUID, first bool, at time.Time) (row int64, err error) {
	state, err := tx.LockRoom(ctx, room)
	switch ended := errors.Is(err, store.ErrRoomNotFound); {
	case ended && first:
		return c.removeParts(ctx, tx, at, room)
	case ended:
		return 0, nil
	case err != nil:
		return 0, err
	}
	users, err := tx.Joined(ctx, room)
	if err != nil {
		return 0, err
	}
	return c.appendParts(ctx, tx, at, room, state.MembershipVersion, users)
}
