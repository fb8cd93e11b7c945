package sqlite

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Uses implements [store.Rows].
func (r *Rows) Uses(ctx context.Context, medium uuid.UUID, limit int) ([]uuid.UUID, error) {
	const statement = `SELECT message_id FROM uses WHERE medium_id = ? AND removed = 0 LIMIT ?`
	return collect(ctx, r, "read uses", scanID, statement, medium[:], limit)
}

// ExpiredMessages implements [store.Rows].
func (r *Rows) ExpiredMessages(ctx context.Context, by time.Time, limit int) ([]uuid.UUID, error) {
	const statement = `
SELECT message_id FROM uses WHERE removed = 0 AND expires_at IS NOT NULL AND expires_at <= ? ORDER BY expires_at LIMIT ?`
	return collect(ctx, r, "look for expired messages", scanID, statement, by.UnixMicro(), limit)
}
