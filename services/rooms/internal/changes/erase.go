package changes

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/rooms/store"
)

// DeleteUser deletes a user of the tenant, "" for any, and puts [events.UserDeleted] into the outbox. It gives the id of the erasure, which is to be
// carried on, and the row; 0 where the user has been deleted before. Errors: [people.ErrUserNotFound].
func (c *Changes) DeleteUser(ctx context.Context, tenant string, user uuid.UUID, at time.Time) (erasure uuid.UUID, row int64, err error) {
	asked := uuid.Must(uuid.NewV7())
	err = c.store.Transact(ctx, "delete_user", func(ctx context.Context, tx store.Tx) error {
		id, of, began, err := tx.DeleteUser(ctx, tenant, user, store.NewErasure{ID: asked, At: at, By: append([]string{"rooms"}, c.rules.ErasedBy...)})
		if erasure, row = id, 0; err != nil || !began {
			return err
		}
		row, err = c.append(ctx, tx, at, events.UserDeleted{UserID: user, ErasureID: id, Tenant: of})
		return err
	})
	if err != nil {
		return uuid.Nil, 0, err
	}
	return erasure, row, nil
}

// EraseFromRoom takes a deleted user out of a room, as if it had left, and counts that. A user who is not in the room stays out of it.
func (c *Changes) EraseFromRoom(ctx context.Context, of store.Pending, room uuid.UUID, at time.Time) error {
	err := c.store.Transact(ctx, "erase_from_room", func(ctx context.Context, tx store.Tx) error {
		if _, err := c.leave(ctx, tx, room, of.UserID, at); err != nil {
			return err
		}
		return tx.CountErased(ctx, of.ID, 1)
	})
	if errors.Is(err, store.ErrRoomNotFound) {
		return nil
	}
	return err
}

// EraseRelationships ends relationships of a deleted user, at most so many, and counts them. It gives their number: 0 where there are no more.
func (c *Changes) EraseRelationships(ctx context.Context, of store.Pending, limit int) (ended int, err error) {
	err = c.store.Transact(ctx, "erase_relationships", func(ctx context.Context, tx store.Tx) error {
		relatives, err := tx.AnyRelatives(ctx, of.UserID, limit)
		if ended = len(relatives); err != nil || ended == 0 {
			return err
		}
		if _, err := tx.LockUsers(ctx, of.Tenant, relatives); err != nil { // nobody changes what is between them and a deleted user
			return err
		}
		for _, relative := range relatives {
			if err := tx.Unrelate(ctx, of.UserID, relative); err != nil {
				return err
			}
		}
		return tx.CountErased(ctx, of.ID, ended)
	})
	return ended, err
}

// FinishElsewhere puts what another service has erased of a deleted user into the receipt. To do it again changes nothing.
func (c *Changes) FinishElsewhere(ctx context.Context, told events.UserErased) error {
	return c.store.Transact(ctx, "finish_erasure_part", func(ctx context.Context, tx store.Tx) error {
		return tx.FinishPart(ctx, told.ErasureID, store.ErasurePart{Service: told.Service, Erased: told.Erased, FinishedAt: &told.FinishedAt})
	})
}

// FinishErasure says that nothing is left of a deleted user that rooms would erase.
func (c *Changes) FinishErasure(ctx context.Context, of store.Pending, at time.Time) error {
	return c.store.Transact(ctx, "finish_erasure", func(ctx context.Context, tx store.Tx) error {
		return tx.FinishErasure(ctx, of.ID, at)
	})
}
