package sqlite

import (
	"context"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

const selectRevised = selectEntries + `
WHERE room_id = ? AND (edited_at IS NOT NULL OR deleted_at IS NOT NULL)
	AND (revision_epoch, revision_offset) >= (?, ?) AND (revision_epoch, revision_offset) < (?, ?) AND` + live + `
ORDER BY revision_epoch, revision_offset
LIMIT ?`

// Revised implements [store.Store].
func (s *Store) Revised(ctx context.Context, room uuid.UUID, within store.Range, limit int) ([]store.Entry, events.Position, error) {
	entries, err := s.entries(ctx, room, limit, selectRevised,
		room[:], within.From.Epoch, within.From.Offset, within.Before.Epoch, within.Before.Offset, limit)
	switch {
	case err != nil:
		return nil, events.Position{}, err
	case len(entries) < limit:
		return entries, within.Before, nil
	}
	return entries, entries[limit-1].Revision.Next(), nil
}
