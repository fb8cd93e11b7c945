package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// selectOldestWaiting looks at the first of each endpoint: they wait in the order in which they were taken.
const selectOldestWaiting = `
SELECT first.changed_at FROM webhook_endpoints e, LATERAL (
    SELECT changed_at FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'waiting' ORDER BY seq LIMIT 1) first
WHERE e.status = 'active' AND e.failures = 0 ORDER BY first.changed_at LIMIT 1`

// OldestWaiting implements [store.Webhooks].
func (s *Store) OldestWaiting(ctx context.Context) (time.Time, error) {
	found, err := collect(ctx, s, "look for the oldest that waits", pgx.RowTo[time.Time], selectOldestWaiting)
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	return found[0].UTC(), nil
}
