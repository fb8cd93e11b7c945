package changes

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/rooms/store"
)

// Revised is what an edit or a deletion makes of a message.
type Revised struct {
	store.Revision
	MessageID uuid.UUID
	// Named says that the sender has named the message: whoever revised it may have found it at another position than the room, which has the first.
	Named bool
}

// ApplyRevisions takes edits and deletions, of messages of any rooms, into the previews of the rooms that have the message as their latest. Neither the
// order of rooms nor what is unread changes. Revisions may be applied again, in any order and in any batches, once the room has taken the message.
func (c *Changes) ApplyRevisions(ctx context.Context, revisions []Revised) error {
	if len(revisions) == 0 {
		return nil
	}
	rooms := map[uuid.UUID]bool{}
	for _, revision := range revisions {
		rooms[revision.RoomID] = true
	}
	return c.store.Transact(ctx, "apply_revisions", func(ctx context.Context, tx store.Tx) error {
		taken, err := tx.LockTaken(ctx, slices.Collect(maps.Keys(rooms)))
		if err != nil {
			return err
		}
		newest := map[uuid.UUID]store.Revision{}
		for _, revised := range revisions {
			room, known := taken[revised.RoomID]
			if !known {
				continue
			}
			revision, err := atFirst(ctx, tx, revised, room)
			if err != nil {
				return err
			}
			if room.Position != revision.Message {
				continue
			}
			if before, there := newest[revision.RoomID]; !there || revision.Supersedes(before) {
				newest[revision.RoomID] = revision
			}
		}
		if len(newest) == 0 {
			return nil
		}
		return tx.RevisePreviews(ctx, inOrder(newest, func(r store.Revision) uuid.UUID { return r.RoomID }))
	})
}

// atFirst gives a revision at the position at which the room has the message, where the log may have it at several.
func atFirst(ctx context.Context, tx store.Tx, revised Revised, room store.Taken) (store.Revision, error) {
	// What the room has not taken, though the revision stands behind it, is a copy.
	if copied := revised.Message.Compare(room.Position) > 0; !revised.Named && !copied {
		return revised.Revision, nil
	}
	known, err := tx.MessageByID(ctx, revised.RoomID, revised.MessageID)
	switch {
	case errors.Is(err, store.ErrMessageNotFound): // it is too long ago to be the latest
	case err != nil:
		return store.Revision{}, err
	default:
		revised.Message = known.Position
	}
	return revised.Revision, nil
}
