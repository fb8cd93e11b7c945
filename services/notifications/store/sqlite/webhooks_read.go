package sqlite

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/jobs"
)

// collect reads rows.
func collect[T any](ctx context.Context, s *Store, doing string, scan func(row scanner) (T, error), statement string, args ...any) (all []T, err error) {
	err = s.do(doing, func(db *sqlite.DB) error {
		all, err = rowsOf(ctx, db.Readers, scan, statement, args...)
		return err
	})
	return all, err
}

func scanNumber(row scanner) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}

// EndpointChanges implements [store.Webhooks].
func (s *Store) EndpointChanges(ctx context.Context) (int64, error) {
	versions, err := collect(ctx, s, "read the changes of endpoints", scanNumber, `SELECT version FROM webhook_changes`)
	if err != nil {
		return 0, err
	}
	return versions[0], nil
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
	all, err := s.endpoints(ctx, `WHERE id = ? AND status <> 'deleted'`, id[:])
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
	return s.endpoints(ctx, `WHERE status <> 'deleted' AND id > ? ORDER BY id LIMIT ?`, after[:], limit)
}

func (s *Store) endpoints(ctx context.Context, which string, args ...any) ([]store.Endpoint, error) {
	return collect(ctx, s, "read endpoints", scanEndpoint, selectEndpoint+which, args...)
}

func scanAttempt(row scanner) (a store.Attempt, err error) {
	var at, took int64
	err = row.Scan(&a.DeliveryID, &a.Number, &at, &took, &a.Status, &a.Error, &a.Body)
	a.At, a.Took = fromMicros(at), time.Duration(took)*time.Microsecond
	return a, err
}

const selectAttempts = `SELECT delivery_id, number, at, took, status, error, body FROM webhook_attempts WHERE delivery_id = ? ORDER BY number`

// Delivery implements [store.Webhooks].
func (s *Store) Delivery(ctx context.Context, endpoint, id uuid.UUID) (store.Delivery, []store.Attempt, error) {
	all, err := collect(ctx, s, "read a delivery", scanDelivery, selectDelivery+`WHERE id = ? AND endpoint_id = ?`, id[:], endpoint[:])
	if err == nil && len(all) == 0 {
		err = store.ErrNoDelivery
	}
	if err != nil {
		return store.Delivery{}, nil, err
	}
	attempts, err := collect(ctx, s, "read attempts", scanAttempt, selectAttempts, id[:])
	return all[0], attempts, err
}

// Deliveries implements [store.Webhooks]. Each state is read by itself, as the index has them.
func (s *Store) Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error) {
	before := cmp.Or(q.Before, math.MaxInt64)
	if len(q.States) == 0 {
		return collect(ctx, s, "read deliveries", scanDelivery, selectDelivery+`WHERE endpoint_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
			q.EndpointID[:], before, q.Limit)
	}
	var all []store.Delivery
	for _, state := range q.States {
		some, err := collect(ctx, s, "read deliveries", scanDelivery,
			selectDelivery+`WHERE endpoint_id = ? AND state = ? AND seq < ? ORDER BY seq DESC LIMIT ?`, q.EndpointID[:], string(state), before, q.Limit)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return q.Newest(all), nil
}

const selectStranded = `
SELECT id FROM webhook_endpoints e WHERE status = 'active' AND (
    EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'released' AND coalesce(d.next_at, 0) <= ?3)
    OR EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'retrying' AND d.next_at < ?2)
    OR coalesce(closed_until, 0) <= ?2
        AND EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'waiting')
        AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'released'))
ORDER BY id LIMIT ?1`

func scanID(row scanner) (id uuid.UUID, err error) {
	err = row.Scan(&id)
	return id, err
}

// Stranded implements [store.Webhooks].
func (s *Store) Stranded(ctx context.Context, now, before time.Time, limit int) ([]uuid.UUID, error) {
	return collect(ctx, s, "look for what is stranded", scanID, selectStranded, limit, before.UnixMicro(), now.UnixMicro())
}

const selectOld = selectDelivery + `WHERE state IN ('behind', 'waiting', 'released', 'retrying') AND changed_at < ? LIMIT ?`

// Old implements [store.Webhooks].
func (s *Store) Old(ctx context.Context, before time.Time, limit int) ([]store.Delivery, error) {
	return collect(ctx, s, "look for what is old", scanDelivery, selectOld, before.UnixMicro(), limit)
}

// removals each remove what is old, so much at once.
var removals = []string{
	`DELETE FROM webhook_deliveries WHERE seq IN (
    SELECT seq FROM webhook_deliveries WHERE state IN ('delivered', 'given-up') AND changed_at < ?1 LIMIT ?2)`,
	`DELETE FROM webhook_deliveries WHERE seq IN (
    SELECT seq FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id WHERE e.status = 'deleted' AND ?1 IS NOT NULL LIMIT ?2)`,
	`DELETE FROM webhook_events WHERE id IN (
    SELECT id FROM webhook_events e WHERE taken_at < ?1 AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.event_id = e.id) LIMIT ?2)`,
	`DELETE FROM webhook_endpoints WHERE id IN (
    SELECT id FROM webhook_endpoints e WHERE status = 'deleted' AND ?1 IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id) LIMIT ?2)`,
}

// RemoveOld implements [store.Webhooks].
func (s *Store) RemoveOld(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	for _, statement := range removals {
		err = s.do("remove what is old", func(db *sqlite.DB) error {
			result, err := db.Writer.ExecContext(ctx, statement, before.UnixMicro(), limit)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			removed += int(n)
			return err
		})
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// PendingDeliveries implements [store.Webhooks].
func (s *Store) PendingDeliveries(ctx context.Context, limit int) (map[store.DeliveryState]int, error) {
	all := map[store.DeliveryState]int{}
	for _, state := range store.PendingStates() {
		counted, err := collect(ctx, s, "count pending deliveries", scanNumber,
			`SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries WHERE state = ? LIMIT ?)`, string(state), limit)
		if err != nil {
			return nil, err
		}
		all[state] = int(counted[0])
	}
	return all, nil
}

// RunJobs implements [store.Webhooks]. River uses the one connection that writes, as all else does.
func (s *Store) RunJobs(ctx context.Context, atOnce int, log *slog.Logger, handle func(ctx context.Context, job store.Job) error) error {
	var opened *sqlite.DB
	err := retry.Policy{First: 100 * time.Millisecond, Max: time.Second}.Do(ctx, func(context.Context) error {
		return s.do("do jobs", func(db *sqlite.DB) error {
			opened = db
			return nil
		})
	}, func(error, time.Duration) {})
	if err != nil {
		return nil //nolint:nilerr // ctx is done
	}
	return jobs.Run(ctx, riversqlite.New(opened.Writer), atOnce, log, handle)
}
