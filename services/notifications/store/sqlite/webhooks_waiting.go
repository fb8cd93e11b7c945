package sqlite

import (
	"context"
	"time"
)

// selectOldestWaiting looks at the first of each endpoint: they wait in the order in which they were taken.
const selectOldestWaiting = `
SELECT changed_at FROM (
    SELECT (SELECT changed_at FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'waiting' ORDER BY seq LIMIT 1) AS changed_at
    FROM webhook_endpoints e WHERE e.status = 'active' AND e.failures = 0)
WHERE changed_at IS NOT NULL ORDER BY changed_at LIMIT 1`

// OldestWaiting implements [store.Webhooks].
func (s *Store) OldestWaiting(ctx context.Context) (time.Time, error) {
	found, err := collect(ctx, s, "look for the oldest that waits", scanTime, selectOldestWaiting)
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	return found[0], nil
}

func scanTime(row scanner) (time.Time, error) {
	var micros int64
	err := row.Scan(&micros)
	return fromMicros(micros), err
}
