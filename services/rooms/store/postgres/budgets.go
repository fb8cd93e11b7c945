package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/rooms/store"
)

const spend = `
INSERT INTO budgets AS b (user_id, kind, hour, spent) VALUES ($1, $2, $3, $4)
ON CONFLICT (user_id, kind) DO UPDATE
SET hour = greatest(b.hour, excluded.hour), spent = CASE WHEN b.hour < excluded.hour THEN excluded.spent ELSE b.spent + excluded.spent END
WHERE b.hour < excluded.hour OR b.spent + excluded.spent <= $5`

func (t tx) Spend(ctx context.Context, user uuid.UUID, on store.Spending, hour time.Time, amount, most int) (within bool, err error) {
	if amount > most {
		return false, nil
	}
	spent, err := t.db.Exec(ctx, spend, user, string(on), hour, amount, most)
	return spent.RowsAffected() == 1, storeError("spend", err)
}
