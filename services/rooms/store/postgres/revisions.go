package postgres

import (
	"context"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/rooms/store"
)

// The order of revisions is that of [store.Revision.Supersedes]. Positions are compared as the texts that they are, byte by byte.
const updatePreviews = `
UPDATE rooms AS r
SET preview = v.preview
FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::jsonb[]) AS v (room_id, epoch, log_offset, preview)
WHERE r.id = v.room_id AND r.latest_epoch = v.epoch AND r.latest_offset = v.log_offset
  AND (coalesce((v.preview->>'deleted')::boolean, false), (v.preview->>'revisedBy') COLLATE "C")
    > (coalesce((r.preview->>'deleted')::boolean, false), coalesce(r.preview->>'revisedBy', '') COLLATE "C")`

func (t tx) RevisePreviews(ctx context.Context, revisions []store.Revision) error {
	var all struct {
		rooms    []uuid.UUID
		epochs   []int32
		offsets  []int64
		previews []store.Shown
	}
	for _, revision := range revisions {
		all.rooms, all.previews = append(all.rooms, revision.RoomID), append(all.previews, revision.Shown())
		all.epochs, all.offsets = append(all.epochs, revision.Message.Epoch), append(all.offsets, revision.Message.Offset)
	}
	_, err := t.db.Exec(ctx, updatePreviews, all.rooms, all.epochs, all.offsets, all.previews)
	return storeError("revise previews", err)
}
