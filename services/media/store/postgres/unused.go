package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/services/media/store"
)

func (t tx) Idle(ctx context.Context, medium uuid.UUID) (idle store.Idle, known bool, err error) {
	var until *time.Time
	err = t.db.QueryRow(ctx, `SELECT medium_id, since, shown, holds, held_until FROM idle WHERE medium_id = $1`, medium).
		Scan(&idle.Medium, &idle.Since, &idle.Shown, &idle.Holds, &until)
	if isNone(err) {
		return store.Idle{}, false, nil
	}
	idle.Since, idle.Until = idle.Since.UTC(), fromNull(until)
	return idle, err == nil, storeError("read what is idle", err)
}

const upsertIdle = `
INSERT INTO idle (medium_id, since, shown, holds, held_until) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (medium_id) DO UPDATE SET since = excluded.since, shown = excluded.shown, holds = excluded.holds, held_until = excluded.held_until`

const selectIdle = `
SELECT medium_id FROM idle WHERE (shown OR since < $1) AND (holds = 0 OR held_until <= $2) ORDER BY since LIMIT $3`

func (t tx) SelectIdle(ctx context.Context, before, now time.Time, limit int) ([]uuid.UUID, error) {
	return rowsOf(ctx, t, "select what is idle", pgx.RowTo[uuid.UUID], selectIdle, before, now, limit)
}
