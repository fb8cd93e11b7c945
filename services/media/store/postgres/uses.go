package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Uses implements [store.Rows].
func (r *Rows) Uses(ctx context.Context, medium uuid.UUID, limit int) ([]uuid.UUID, error) {
	return collect(ctx, r, "read uses", pgx.RowTo[uuid.UUID], `SELECT message_id FROM uses WHERE medium_id = $1 AND NOT removed LIMIT $2`, medium, limit)
}

// ExpiredMessages implements [store.Rows].
func (r *Rows) ExpiredMessages(ctx context.Context, by time.Time, limit int) ([]uuid.UUID, error) {
	const statement = `
SELECT message_id FROM uses WHERE NOT removed AND expires_at IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2`
	return collect(ctx, r, "look for expired messages", pgx.RowTo[uuid.UUID], statement, by, limit)
}
