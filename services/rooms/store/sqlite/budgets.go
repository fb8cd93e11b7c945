package sqlite

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/rooms/store"
)

const spend = `
INSERT INTO budgets (user_id, kind, hour, spent) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (user_id, kind) DO UPDATE
SET hour = max(hour, excluded.hour), spent = CASE WHEN hour < excluded.hour THEN excluded.spent ELSE spent + excluded.spent END
WHERE hour < excluded.hour OR spent + excluded.spent <= ?5`

func (t *tx) Spend(ctx context.Context, user uuid.UUID, on store.Spending, hour time.Time, amount, most int) (within bool, err error) {
	if amount > most {
		return false, nil
	}
	result, err := t.db.ExecContext(ctx, spend, user[:], string(on), hour.UnixMicro(), amount, most)
	if err != nil {
		return false, storeError("spend", err)
	}
	spent, err := result.RowsAffected()
	return spent == 1, storeError("spend", err)
}
