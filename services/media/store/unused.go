package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// HeldFor is how long a medium is held for a message that was about to show it and never came.
const HeldFor = 24 * time.Hour

// withdrawable is how long a medium is not withdrawn for such a message: it is in the log, if at all, long before.
const withdrawable = time.Minute

// Idle is what is known of a ready medium that no message is known to show, or that one is about to.
type Idle struct {
	Medium uuid.UUID
	Since  time.Time // no message has shown it
	Shown  bool      // one has: it goes as soon as nobody holds it, unless another one does
	Holds  int       // messages that are about to show it
	Until  time.Time // the end of all holds; zero: there have been none
}

// held reports whether a message is about to show the medium.
func (i Idle) held(now time.Time) bool { return i.Holds > 0 && now.Before(i.Until) }

// Show gives a medium that a message of a sender's is about to show in a room, in whatever state. A ready one that is theirs is held for it: it is not deleted
// as unused until it is known that the message shows it ([Store.Refer]), or for [HeldFor]. So of a message and a deletion at the same moment one is first, and
// the other is refused or does not happen. Who asks twice for one message holds it twice, which only makes it stay for longer. Errors: [ErrNotFound].
func (s *Store) Show(ctx context.Context, id, room, sender uuid.UUID) (m Media, err error) {
	err = s.transact(ctx, "show", func(ctx context.Context, tx Tx) error {
		locked, err := tx.Lock(ctx, []uuid.UUID{id})
		switch {
		case err != nil:
			return err
		case len(locked) == 0:
			return ErrNotFound
		}
		m = locked[0]
		if m.State != wire.MediaReady || m.Purpose != PurposeMessage || m.Room != room || m.Uploader != sender {
			return nil
		}
		idle, known, err := tx.Idle(ctx, id)
		if err != nil {
			return err
		}
		now := s.moment()
		if !idle.held(now) {
			idle.Holds = 0
		}
		if !known { // a message shows it
			idle = Idle{Medium: id, Shown: true}
		}
		idle.Since, idle.Holds, idle.Until = now, idle.Holds+1, now.Add(HeldFor)
		return tx.Write(ctx, Written{Idle: []Idle{idle}})
	})
	return m, err
}

// shown notes that a message shows a medium which is locked. It was held for it where the message is new.
func (s *Store) shown(ctx context.Context, tx Tx, medium uuid.UUID, isNew bool) error {
	idle, known, err := tx.Idle(ctx, medium)
	if err != nil || !known {
		return err
	}
	if isNew {
		idle.Holds--
	}
	if !idle.held(s.moment()) {
		return tx.Write(ctx, Written{Gone: []uuid.UUID{medium}})
	}
	idle.Shown = true
	return tx.Write(ctx, Written{Idle: []Idle{idle}})
}

// awaitUse notes that a medium of messages has got its state, and is there for the first of them, or for none any more.
func (w *Written) awaitUse(m Media) {
	switch {
	case m.Purpose != PurposeMessage:
	case m.State == wire.MediaReady:
		w.Idle = append(w.Idle, Idle{Medium: m.ID, Since: m.ChangedAt})
	case m.State == wire.MediaDeleted:
		w.Gone = append(w.Gone, m.ID)
	}
}

// isHeld reports whether a message is about to show a medium that is locked.
func (s *Store) isHeld(ctx context.Context, tx Tx, medium uuid.UUID) (bool, error) {
	idle, known, err := tx.Idle(ctx, medium)
	return known && idle.held(s.moment()), err
}

// Unused deletes ready media that no message shows or is about to: those that none has ever shown, where they have been ready, and not asked for, since before
// a time, and those that stayed for a message that never came. It looks at so many at most, and reports at how many; fewer than that: at all.
func (s *Store) Unused(ctx context.Context, before time.Time, limit int) (looked int, err error) {
	err = s.transact(ctx, "unused", func(ctx context.Context, tx Tx) error {
		now := s.moment()
		ids, err := tx.SelectIdle(ctx, before.UTC(), now, limit)
		if err != nil {
			return err
		}
		looked = len(ids)
		locked, err := tx.Lock(ctx, ids)
		if err != nil {
			return err
		}
		media := map[uuid.UUID]Media{}
		for _, m := range locked {
			media[m.ID] = m
		}
		var unused []Media
		for _, id := range ids {
			gone, err := s.isUnused(ctx, tx, media[id], id, before)
			if err != nil {
				return err
			}
			if gone {
				unused = append(unused, media[id])
			}
		}
		return s.deleteLocked(ctx, tx, unused, ReasonUnused)
	})
	return looked, err
}

// isUnused looks once more, now that the medium is locked, and forgets what is known of it unless a message may show it yet.
func (s *Store) isUnused(ctx context.Context, tx Tx, m Media, id uuid.UUID, before time.Time) (bool, error) {
	idle, known, err := tx.Idle(ctx, id)
	if err != nil || !known || idle.held(s.moment()) || !idle.Shown && !idle.Since.Before(before) {
		return false, err
	}
	used := true // what there is not, or is deleted already, is nobody's
	if m.State == wire.MediaReady {
		if used, err = tx.InUse(ctx, id); err != nil {
			return false, err
		}
	}
	return !used, tx.Write(ctx, Written{Gone: []uuid.UUID{id}})
}

// Withdraw deletes a medium for who has uploaded it. One that is deleted stays as it is. Errors: [ErrNotFound], [ErrInUse].
func (s *Store) Withdraw(ctx context.Context, id uuid.UUID) error {
	return s.transact(ctx, "withdraw", func(ctx context.Context, tx Tx) error {
		locked, err := tx.Lock(ctx, []uuid.UUID{id})
		switch {
		case err != nil:
			return err
		case len(locked) == 0:
			return ErrNotFound
		case locked[0].State == wire.MediaDeleted:
			return nil
		}
		used, err := tx.InUse(ctx, id)
		if err != nil {
			return err
		}
		idle, _, err := tx.Idle(ctx, id)
		if err != nil {
			return err
		}
		if now := s.moment(); used || idle.held(now) && now.Before(idle.Until.Add(withdrawable-HeldFor)) {
			return ErrInUse
		}
		return s.deleteLocked(ctx, tx, locked, ReasonWithdrawn)
	})
}
