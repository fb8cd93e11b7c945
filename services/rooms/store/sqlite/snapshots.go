package sqlite

import (
	"context"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/rooms/store"
)

const (
	insertRewrite = `INSERT INTO snapshot_rewrites (topic_id) VALUES (?) ON CONFLICT DO NOTHING`
	selectRewrite = `
SELECT behind, finished, NOT EXISTS (SELECT 1 FROM snapshot_rewrites WHERE topic_id <> ?1)
FROM snapshot_rewrites
WHERE topic_id = ?1`
)

func (t *tx) LockRewrite(ctx context.Context, topic uuid.UUID) (rewrite store.Rewrite, err error) {
	if _, err = t.db.ExecContext(ctx, insertRewrite, topic[:]); err == nil {
		err = t.db.QueryRowContext(ctx, selectRewrite, topic[:]).Scan(&rewrite.Behind, &rewrite.Finished, &rewrite.First)
	}
	return rewrite, storeError("lock a rewrite of snapshots", err)
}

const updateRewrite = `UPDATE snapshot_rewrites SET behind = ?2, finished = ?3 WHERE topic_id = ?1`

func (t *tx) SetRewrite(ctx context.Context, topic uuid.UUID, rewrite store.Rewrite) error {
	_, err := t.db.ExecContext(ctx, updateRewrite, topic[:], rewrite.Behind[:], rewrite.Finished)
	return storeError("set how far a rewrite of snapshots is", err)
}

const selectNextLarge = `SELECT id FROM rooms WHERE large AND id > ? ORDER BY id LIMIT 1`

func (t *tx) NextLarge(ctx context.Context, behind uuid.UUID) (room uuid.UUID, err error) {
	err = t.db.QueryRowContext(ctx, selectNextLarge, behind[:]).Scan(&room)
	return room, storeError("find the next large room", orNotFound(err))
}
