package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/media/store"
)

func (t *tx) Idle(ctx context.Context, medium uuid.UUID) (idle store.Idle, known bool, err error) {
	var (
		since int64
		until sql.NullInt64
	)
	err = t.db.QueryRowContext(ctx, `SELECT medium_id, since, shown, holds, held_until FROM idle WHERE medium_id = ?`, medium[:]).
		Scan(&idle.Medium, &since, &idle.Shown, &idle.Holds, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Idle{}, false, nil
	}
	idle.Since, idle.Until = fromMicros(since), fromNull(until)
	return idle, err == nil, storeError("read what is idle", err)
}

const upsertIdle = `
INSERT INTO idle (medium_id, since, shown, holds, held_until) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (medium_id) DO UPDATE SET since = excluded.since, shown = excluded.shown, holds = excluded.holds, held_until = excluded.held_until`

const selectIdle = `
SELECT medium_id FROM idle WHERE (shown = 1 OR since < ?) AND (holds = 0 OR held_until <= ?) ORDER BY since LIMIT ?`

func (t *tx) SelectIdle(ctx context.Context, before, now time.Time, limit int) ([]uuid.UUID, error) {
	ids, err := rowsOf(ctx, t.db, scanID, selectIdle, before.UnixMicro(), now.UnixMicro(), limit)
	return ids, storeError("select what is idle", err)
}
