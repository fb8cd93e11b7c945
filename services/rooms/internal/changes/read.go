package changes

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Mark asks that a room counts as read by a member up to a message, or as unread from it on.
type Mark struct {
	RoomID, UserID uuid.UUID
	At             time.Time // of the request, UTC, microseconds
	// MessageID or Position name the message; without both it is the newest that the room has taken, and to mark as unread the newest of others.
	MessageID *uuid.UUID
	Position  *events.Position
	Unread    bool
}

// MarkRead moves up to where the member has read, and only forward unless it is asked to mark as unread. It reports whether that has changed
// anything; then [Changes.TellMarks] tells of it. The room is not locked, so that messages are taken meanwhile. Errors: [store.ErrRoomNotFound],
// [store.ErrMessageNotFound].
func (c *Changes) MarkRead(ctx context.Context, mark Mark) (changed bool, err error) {
	err = c.store.Transact(ctx, "mark_read", func(ctx context.Context, tx store.Tx) error {
		before, err := tx.LockReader(ctx, mark.RoomID, mark.UserID)
		if err != nil {
			return err
		}
		after, err := mark.apply(ctx, tx, before)
		if changed = err == nil && after != before; !changed {
			return err
		}
		untold := store.Untold{Since: mark.At, Receipt: !mark.Unread && after.Position != before.Position, Trace: c.traceOf(ctx)}
		return tx.SetReadState(ctx, mark.RoomID, mark.UserID, after, untold)
	})
	return changed, err
}

func (m Mark) apply(ctx context.Context, tx store.Tx, before store.ReadState) (store.ReadState, error) {
	room, latest, err := tx.TakenBy(ctx, m.RoomID) // behind the member's lock, so that it has all that the member's state has
	if err != nil {
		return store.ReadState{}, err
	}
	message, err := m.message(ctx, tx, room)
	if errors.Is(err, store.ErrMessageNotFound) && m.Unread && m.newest() {
		return before, nil // nobody else has written anything
	}
	if err != nil {
		return store.ReadState{}, err
	}
	switch {
	case m.Unread:
		return m.unread(ctx, tx, before, message)
	case m.newest():
		message.At = later(m.At, latest)
	}
	return m.read(ctx, tx, before, message)
}

// newest reports whether no message is named.
func (m Mark) newest() bool { return m.MessageID == nil && m.Position == nil }

// message finds the message that is meant. Where a position is older than all that the room knows it gives where the known ones begin, so that at
// least as many are unread. Errors: [store.ErrMessageNotFound].
func (m Mark) message(ctx context.Context, tx store.Tx, room store.Taken) (store.MessagePosition, error) {
	switch {
	case m.MessageID != nil:
		return tx.MessageByID(ctx, m.RoomID, *m.MessageID)
	case m.Position == nil && m.Unread:
		return tx.NewestOfOthers(ctx, m.RoomID, m.UserID)
	case m.Position == nil:
		return store.MessagePosition{Position: room.Position, Counted: room.Counted}, nil
	}
	found, err := tx.MessageUpTo(ctx, m.RoomID, *m.Position)
	switch {
	case err == nil && found.Position != *m.Position:
		return store.MessagePosition{}, store.ErrMessageNotFound
	case errors.Is(err, store.ErrMessageNotFound):
		return m.forgotten(ctx, tx)
	default:
		return found, err
	}
}

func (m Mark) forgotten(ctx context.Context, tx store.Tx) (store.MessagePosition, error) {
	oldest, err := tx.OldestMessage(ctx, m.RoomID)
	if err == nil && oldest.Number == 1 {
		err = store.ErrMessageNotFound // none is forgotten
	}
	if err != nil {
		return store.MessagePosition{}, err
	}
	return store.MessagePosition{Position: *m.Position, Counted: before(oldest)}, nil
}

// before is how many count that stand before the message.
func before(message store.MessagePosition) int64 {
	if message.Counts() {
		return message.Counted - 1
	}
	return message.Counted
}

// read moves up to where has been read to the message.
func (m Mark) read(ctx context.Context, tx store.Tx, state store.ReadState, message store.MessagePosition) (store.ReadState, error) {
	moves := !state.Pending && state.Position.Compare(message.Position) < 0
	if state.Opened && !moves {
		return state, nil
	}
	state.Opened, state.At = true, later(state.At, message.At)
	if !moves {
		return state, nil
	}
	return m.at(ctx, tx, state, message.Position, message.Counted)
}

// unread moves up to where has been read to just before the message.
func (m Mark) unread(ctx context.Context, tx store.Tx, state store.ReadState, message store.MessagePosition) (store.ReadState, error) {
	if state.Pending {
		return state, nil
	}
	state.Opened = true
	position := message.Position
	position.Offset--
	return m.at(ctx, tx, state, position, before(message))
}

func (m Mark) at(ctx context.Context, tx store.Tx, state store.ReadState, position events.Position, counted int64) (_ store.ReadState, err error) {
	ownBehind := m.Unread || state.OwnAfter > 0 // what somebody sends moves it to there, so else there are none
	state.Position, state.Counted, state.OwnAfter = position, counted, 0
	if ownBehind {
		state.OwnAfter, err = tx.CountOwn(ctx, m.RoomID, m.UserID, position)
	}
	return state, err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
