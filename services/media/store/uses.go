package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// Refer notes that a message uses a medium, as the record of its room's log at a position says. Of several the one with the highest position counts; a
// medium that was used before, and is no more, is deleted. A message that was deleted ([Store.Unrefer]) uses nothing, whichever comes first. A medium
// that there is not, or is deleted, is passed over. A message that expires uses it up to then, see [Store.ExpiredUses]; the zero time: it does not.
func (s *Store) Refer(ctx context.Context, medium, message uuid.UUID, position events.Position, expires time.Time) error {
	return s.transact(ctx, "refer", func(ctx context.Context, tx Tx) error {
		use, err := tx.LockUse(ctx, message)
		if err != nil || position.Compare(use.Position) <= 0 {
			return err
		}
		before, isNew := use.Medium, use.Position == events.StartOfLog
		locked, err := tx.Lock(ctx, distinct(before, medium))
		if err != nil {
			return err
		}
		there := slices.ContainsFunc(locked, func(m Media) bool { return m.ID == medium && m.State != wire.MediaDeleted })
		if !there && before == uuid.Nil && !use.Removed {
			return tx.RemoveUse(ctx, message)
		}
		use.Medium, use.Position, use.ChangedAt = medium, position, s.moment()
		use.ExpiresAt = time.Time{}
		if !expires.IsZero() {
			use.ExpiresAt = expires.UTC().Truncate(time.Microsecond)
		}
		if err := tx.SetUse(ctx, use); err != nil {
			return err
		}
		if err := s.shown(ctx, tx, medium, isNew); err != nil {
			return err
		}
		return s.deleteUnused(ctx, tx, locked, func(m Media) bool { return use.Removed || m.ID != medium })
	})
}

// Unrefer notes that a message is deleted. Where it was the last one that used a medium, that is deleted.
func (s *Store) Unrefer(ctx context.Context, message uuid.UUID) error {
	return s.transact(ctx, "unrefer", func(ctx context.Context, tx Tx) error {
		use, err := tx.LockUse(ctx, message)
		if err != nil || use.Removed {
			return err
		}
		return s.end(ctx, tx, use)
	})
}

// ExpiredUses notes that messages which have expired by now are deleted, as [Store.Unrefer] does, of at most so many. It reports how many; fewer than that:
// of all. Nobody tells that a message has expired.
func (s *Store) ExpiredUses(ctx context.Context, now time.Time, limit int) (expired int, err error) {
	messages, err := s.ExpiredMessages(ctx, now.UTC(), limit)
	if err != nil {
		return 0, err
	}
	for _, message := range messages {
		if err := s.expire(ctx, message, now); err != nil {
			return expired, err
		}
		expired++
	}
	return expired, nil
}

func (s *Store) expire(ctx context.Context, message uuid.UUID, now time.Time) error {
	return s.transact(ctx, "expire_use", func(ctx context.Context, tx Tx) error {
		use, err := tx.LockUse(ctx, message)
		switch {
		case err != nil, use.Removed:
			return err
		case use.Position == events.StartOfLog: // it was removed meanwhile
			return tx.RemoveUse(ctx, message)
		case use.ExpiresAt.IsZero() || use.ExpiresAt.After(now): // an edit has it stay
			return nil
		}
		return s.end(ctx, tx, use)
	})
}

// end ends a use that is locked, for good.
func (s *Store) end(ctx context.Context, tx Tx, use Use) error {
	locked, err := tx.Lock(ctx, distinct(use.Medium))
	if err != nil {
		return err
	}
	use.Removed, use.ChangedAt = true, s.moment()
	if err := tx.SetUse(ctx, use); err != nil {
		return err
	}
	return s.deleteUnused(ctx, tx, locked, func(Media) bool { return true })
}

// distinct gives ids without repeats, in their order, and without the nil one.
func distinct(ids ...uuid.UUID) []uuid.UUID {
	ids = slices.DeleteFunc(ids, func(id uuid.UUID) bool { return id == uuid.Nil })
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// deleteUnused deletes those of the locked media that may have lost their last use, and have. One that another message is about to show stays for it, or for
// [Store.Unused].
func (s *Store) deleteUnused(ctx context.Context, tx Tx, locked []Media, lost func(m Media) bool) error {
	var unused []Media
	for _, m := range locked {
		if m.State == wire.MediaDeleted || m.Purpose != PurposeMessage || !lost(m) {
			continue
		}
		used, err := tx.InUse(ctx, m.ID)
		if err != nil {
			return err
		}
		held, err := s.isHeld(ctx, tx, m.ID)
		if err != nil {
			return err
		}
		if !used && !held {
			unused = append(unused, m)
		}
	}
	return s.deleteLocked(ctx, tx, unused, ReasonUnused)
}

// deleteLocked deletes media that are locked.
func (s *Store) deleteLocked(ctx context.Context, tx Tx, media []Media, reason string) error {
	if len(media) == 0 {
		return nil
	}
	return s.deleteAll(ctx, tx, ledger{}, media, reason)
}

// deleteAll deletes media that are locked, beside what is added to usages for another reason.
func (s *Store) deleteAll(ctx context.Context, tx Tx, usages ledger, media []Media, reason string) error {
	left := make([]Media, len(media))
	for i, m := range media {
		left[i] = m.deleted(reason, s.moment())
	}
	return s.write(ctx, tx, usages, media, left)
}
