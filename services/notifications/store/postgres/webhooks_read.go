package postgres

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/jobs"
)

const selectChanges = `SELECT version FROM webhook_changes`

// EndpointChanges implements [store.Webhooks].
func (s *Store) EndpointChanges(ctx context.Context) (version int64, err error) {
	err = s.do(ctx, "read the changes of endpoints", func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.QueryRow(ctx, selectChanges).Scan(&version)
	})
	return version, err
}

// Subscribed implements [store.Webhooks].
func (s *Store) Subscribed(ctx context.Context) (all []store.Endpoint, version int64, err error) {
	// What is changed between the two is read again the next time.
	if version, err = s.EndpointChanges(ctx); err != nil {
		return nil, 0, err
	}
	all, err = s.endpoints(ctx, `WHERE status IN ('active', 'paused') ORDER BY id`)
	return all, version, err
}

// Endpoint implements [store.Webhooks].
func (s *Store) Endpoint(ctx context.Context, id uuid.UUID) (store.Endpoint, error) {
	all, err := s.endpoints(ctx, `WHERE id = $1 AND status <> 'deleted'`, id)
	if err == nil && len(all) == 0 {
		err = store.ErrNoEndpoint
	}
	if err != nil {
		return store.Endpoint{}, err
	}
	return all[0], nil
}

// Endpoints implements [store.Webhooks].
func (s *Store) Endpoints(ctx context.Context, after uuid.UUID, limit int) ([]store.Endpoint, error) {
	return s.endpoints(ctx, `WHERE status <> 'deleted' AND id > $1 ORDER BY id LIMIT $2`, after, limit)
}

func (s *Store) endpoints(ctx context.Context, which string, args ...any) ([]store.Endpoint, error) {
	return collect(ctx, s, "read endpoints", scanEndpoint, selectEndpoint+which, args...)
}

// collect reads rows.
func collect[T any](ctx context.Context, s *Store, doing string, scan pgx.RowToFunc[T], statement string, args ...any) (all []T, err error) {
	err = s.do(ctx, doing, func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, statement, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, scan)
		return err
	})
	return all, err
}

const selectAttempts = `
SELECT delivery_id, number, at, took, status, error, body FROM webhook_attempts WHERE delivery_id = $1 ORDER BY number`

func scanAttempt(row pgx.CollectableRow) (a store.Attempt, err error) {
	err = row.Scan(&a.DeliveryID, &a.Number, &a.At, &a.Took, &a.Status, &a.Error, &a.Body)
	a.At = a.At.UTC()
	return a, err
}

// Delivery implements [store.Webhooks].
func (s *Store) Delivery(ctx context.Context, endpoint, id uuid.UUID) (store.Delivery, []store.Attempt, error) {
	all, err := collect(ctx, s, "read a delivery", scanDelivery, selectDelivery+`WHERE id = $1 AND endpoint_id = $2`, id, endpoint)
	if err == nil && len(all) == 0 {
		err = store.ErrNoDelivery
	}
	if err != nil {
		return store.Delivery{}, nil, err
	}
	attempts, err := collect(ctx, s, "read attempts", scanAttempt, selectAttempts, id)
	return all[0], attempts, err
}

// Deliveries implements [store.Webhooks]. Each state is read by itself, as the index has them.
func (s *Store) Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error) {
	before := cmp.Or(q.Before, math.MaxInt64)
	if len(q.States) == 0 {
		return collect(ctx, s, "read deliveries", scanDelivery, selectDelivery+`WHERE endpoint_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3`,
			q.EndpointID, before, q.Limit)
	}
	var all []store.Delivery
	for _, state := range q.States {
		some, err := collect(ctx, s, "read deliveries", scanDelivery,
			selectDelivery+`WHERE endpoint_id = $1 AND state = $4 AND seq < $2 ORDER BY seq DESC LIMIT $3`, q.EndpointID, before, q.Limit, string(state))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return q.Newest(all), nil
}

const selectStranded = `
SELECT id FROM webhook_endpoints e WHERE status = 'active' AND (
    EXISTS (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'released' AND coalesce(d.next_at, '-infinity') <= $3)
    OR EXISTS (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'retrying' AND d.next_at < $2)
    OR coalesce(closed_until, '-infinity') <= $2
        AND EXISTS (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'waiting')
        AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'released'))
ORDER BY id LIMIT $1`

// Stranded implements [store.Webhooks].
func (s *Store) Stranded(ctx context.Context, now, before time.Time, limit int) ([]uuid.UUID, error) {
	return collect(ctx, s, "look for what is stranded", pgx.RowTo[uuid.UUID], selectStranded, limit, before, now)
}

// Old implements [store.Webhooks].
func (s *Store) Old(ctx context.Context, before time.Time, limit int) ([]store.Delivery, error) {
	return collect(ctx, s, "look for what is old", scanDelivery,
		selectDelivery+`WHERE state IN ('behind', 'waiting', 'released', 'retrying') AND changed_at < $1 LIMIT $2`, before, limit)
}

// removals each remove what is old, so much at once.
var removals = []string{
	`DELETE FROM webhook_deliveries WHERE seq IN (
    SELECT seq FROM webhook_deliveries WHERE state IN ('delivered', 'given-up') AND changed_at < $1 LIMIT $2)`,
	`DELETE FROM webhook_deliveries WHERE seq IN (
    SELECT seq FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id
    WHERE e.status = 'deleted' AND $1::timestamptz IS NOT NULL LIMIT $2)`,
	`DELETE FROM webhook_events WHERE id IN (
    SELECT id FROM webhook_events e WHERE taken_at < $1 AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.event_id = e.id) LIMIT $2)`,
	`DELETE FROM webhook_endpoints WHERE id IN (
    SELECT id FROM webhook_endpoints e WHERE status = 'deleted' AND $1::timestamptz IS NOT NULL
    AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.id) LIMIT $2)`,
}

// RemoveOld implements [store.Webhooks].
func (s *Store) RemoveOld(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	for _, statement := range removals {
		err = s.do(ctx, "remove what is old", func(ctx context.Context, pool *pgxpool.Pool) error {
			result, err := pool.Exec(ctx, statement, before, limit)
			removed += int(result.RowsAffected())
			return err
		})
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

const countPending = `SELECT count(*) FROM (SELECT FROM webhook_deliveries WHERE state = $1 LIMIT $2) AS counted`

// PendingDeliveries implements [store.Webhooks].
func (s *Store) PendingDeliveries(ctx context.Context, limit int) (map[store.DeliveryState]int, error) {
	all := map[store.DeliveryState]int{}
	for _, state := range store.PendingStates() {
		counted, err := collect(ctx, s, "count pending deliveries", pgx.RowTo[int], countPending, string(state), limit)
		if err != nil {
			return nil, err
		}
		all[state] = counted[0]
	}
	return all, nil
}

// RunJobs implements [store.Webhooks].
func (s *Store) RunJobs(ctx context.Context, atOnce int, log *slog.Logger, handle func(ctx context.Context, job store.Job) error) error {
	var pool *pgxpool.Pool
	err := retry.Policy{First: 100 * time.Millisecond, Max: time.Second}.Do(ctx, func(ctx context.Context) error {
		return s.db.Do(ctx, func(_ context.Context, connected *pgxpool.Pool) error {
			pool = connected
			return nil
		})
	}, func(error, time.Duration) {})
	if err != nil {
		return nil //nolint:nilerr // ctx is done
	}
	return jobs.Run(ctx, riverpgxv5.New(pool), atOnce, log, handle)
}
