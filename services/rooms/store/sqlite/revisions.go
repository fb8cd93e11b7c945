package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ism-chat/ism/services/rooms/store"
)

// The order of revisions is that of [store.Revision.Supersedes]. Positions are compared as the texts that they are, byte by byte.
const updatePreview = `
UPDATE rooms
SET preview = ?4
WHERE id = ?1 AND latest_epoch = ?2 AND latest_offset = ?3
  AND (coalesce(?4->>'deleted', 0), ?4->>'revisedBy') > (coalesce(preview->>'deleted', 0), coalesce(preview->>'revisedBy', ''))`

func (t *tx) RevisePreviews(ctx context.Context, revisions []store.Revision) error {
	for _, revision := range revisions {
		preview, err := json.Marshal(revision.Shown())
		if err != nil {
			return fmt.Errorf("encode preview: %w", err)
		}
		_, err = t.db.ExecContext(ctx, updatePreview, revision.RoomID[:], revision.Message.Epoch, revision.Message.Offset, string(preview))
		if err != nil {
			return storeError("revise preview", err)
		}
	}
	return nil
}
