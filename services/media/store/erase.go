package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// DeleteRoom deletes media of a room that has ended, at most so many, and refuses new ones from then on. It reports how many it has deleted, and whether
// there are more. Deleted again, a room has none.
func (s *Store) DeleteRoom(ctx context.Context, room uuid.UUID, limit int) (deleted int, more bool, err error) {
	of, scope := Selection{Room: room}, Scope{ScopeRoom, room}
	err = s.transact(ctx, "delete_room", func(ctx context.Context, tx Tx) error {
		deleted, err = s.deleteSelected(ctx, tx, of, limit, ReasonRoomEnded, Usage{Scope: scope, ClosedAt: s.moment()})
		if err != nil {
			return err
		}
		more, err = hasAny(ctx, tx, of) // asked now that nothing more comes
		return err
	})
	return deleted, more, err
}

// DeleteUser deletes media that a deleted user has uploaded, at most so many, and refuses new ones for [Settle]. It reports how many it has deleted, and
// whether there are more. Where all are deleted, and the objects of all of them are gone, the receipt of the erasure is told: at once, or by
// [Store.Forget]. Deleted again, a user has none, and the receipt is told again.
func (s *Store) DeleteUser(ctx context.Context, user, erasure uuid.UUID, at time.Time, limit int) (deleted int, more bool, err error) {
	at = at.UTC()
	of, scope := Selection{Uploader: user, Until: at.Add(Settle)}, Scope{ScopeUser, user}
	err = s.transact(ctx, "delete_user", func(ctx context.Context, tx Tx) error {
		deleted, err = s.deleteSelected(ctx, tx, of, limit, ReasonUserDeleted, Usage{Scope: scope, ClosedAt: at})
		if err != nil {
			return err
		}
		if more, err = hasAny(ctx, tx, of); err != nil {
			return err
		}
		e, known, err := tx.Erasure(ctx, user)
		if err != nil {
			return err
		}
		if !known || e.ID != erasure {
			e = Erasure{User: user, ID: erasure, At: at}
		}
		e.Erased += int64(deleted)
		e.Complete = !more
		if err := tx.SetErasure(ctx, e); err != nil {
			return err
		}
		return s.tellErased(ctx, tx, user)
	})
	return deleted, more, err
}

// Expired deletes what is pending or rejected and has expired by now, at most so many. It reports how many; fewer than that: all are deleted.
func (s *Store) Expired(ctx context.Context, now time.Time, limit int) (deleted int, err error) {
	err = s.transact(ctx, "expire", func(ctx context.Context, tx Tx) error {
		deleted, err = s.deleteSelected(ctx, tx, Selection{Expired: now.UTC()}, limit, ReasonExpired)
		return err
	})
	return deleted, err
}

// deleteSelected deletes some of what is selected, and closes usages.
func (s *Store) deleteSelected(ctx context.Context, tx Tx, of Selection, limit int, reason string, closed ...Usage) (int, error) {
	ids, err := tx.Select(ctx, of, limit)
	if err != nil {
		return 0, err
	}
	locked, err := tx.Lock(ctx, ids)
	if err != nil {
		return 0, err
	}
	locked = slices.DeleteFunc(locked, func(m Media) bool { // what has become of it meanwhile
		return m.State == wire.MediaDeleted || !of.Expired.IsZero() && (m.ExpiresAt.IsZero() || m.ExpiresAt.After(of.Expired))
	})
	usages := ledger{}
	for _, usage := range closed {
		usages[usage.Scope] = &usage
	}
	return len(locked), s.deleteAll(ctx, tx, usages, locked, reason)
}

func hasAny(ctx context.Context, tx Tx, of Selection) (bool, error) {
	ids, err := tx.Select(ctx, of, 1)
	return len(ids) > 0, err
}

// Forget removes the row of a deleted medium, whose objects are gone, and tells the receipt of its uploader's erasure if it was the last. One that there is
// not is forgotten. Errors: [StateError].
func (s *Store) Forget(ctx context.Context, id uuid.UUID) error {
	switch m, err := s.Rows.ByID(ctx, id); {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	case m.State != wire.MediaDeleted: // which is for good
		return StateError{m.ID, m.State}
	}
	return s.transact(ctx, "forget", func(ctx context.Context, tx Tx) error {
		if err := tx.RemoveUses(ctx, id); err != nil {
			return err
		}
		locked, err := tx.Lock(ctx, []uuid.UUID{id})
		if err != nil || len(locked) == 0 {
			return err
		}
		if err := tx.Remove(ctx, id); err != nil {
			return err
		}
		uploader := locked[0].Uploader
		if _, err := tx.LockUsages(ctx, []Scope{{ScopeUser, uploader}}); err != nil {
			return err
		}
		return s.tellErased(ctx, tx, uploader)
	})
}

// tellErased tells the receipt of a user's erasure, if there is one under way and nothing is left. The user's usage is locked.
func (s *Store) tellErased(ctx context.Context, tx Tx, user uuid.UUID) error {
	e, known, err := tx.Erasure(ctx, user)
	if err != nil || !known || !e.Complete {
		return err
	}
	if left, err := tx.HasRows(ctx, user, e.At.Add(Settle)); err != nil || left {
		return err
	}
	if err := tx.RemoveErasure(ctx, user); err != nil {
		return err
	}
	return s.tell(ctx, tx, events.UserErased{UserID: user, ErasureID: e.ID, Service: "media", Erased: e.Erased, FinishedAt: wire.At(s.moment())})
}

// Clear deletes what is only kept in case the log is taken again from before: which messages were deleted, and which users and rooms. It deletes what is
// older than before, at most so much of each, and reports whether there may be more.
func (s *Store) Clear(ctx context.Context, before time.Time, limit int) (more bool, err error) {
	err = s.transact(ctx, "clear", func(ctx context.Context, tx Tx) error {
		uses, err := tx.ClearUses(ctx, before.UTC(), limit)
		if err != nil {
			return err
		}
		usages, err := tx.ClearUsages(ctx, before.UTC(), limit)
		more = uses == limit || usages == limit
		return err
	})
	return more, err
}
