package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/jobs"
)

// ChangeWebhooks implements [store.Webhooks].
func (s *Store) ChangeWebhooks(ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error) error {
	var refused error
	err := s.db.Transact(ctx, func(tx pgx.Tx) error {
		refused = change(ctx, webhookTx{tx, s.jobs})
		return refused
	})
	if refused != nil {
		return refused
	}
	return storeError(operation, err)
}

// webhookTx is a [store.WebhookTx].
type webhookTx struct {
	db   pgx.Tx
	jobs *jobs.Queue[pgx.Tx]
}

func (t webhookTx) exec(ctx context.Context, doing, statement string, args ...any) error {
	_, err := t.db.Exec(ctx, statement, args...)
	return storeError(doing, err)
}

const countChange = `UPDATE webhook_changes SET version = version + 1`

func (t webhookTx) changed(ctx context.Context) error {
	return t.exec(ctx, "count a change", countChange)
}

const (
	insertEndpoint = `
INSERT INTO webhook_endpoints (id, url, description, types, rooms, scheme, ordered, concurrency, status, reason, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
	insertSecret = `INSERT INTO webhook_secrets (endpoint_id, secret, created_at, expires_at) VALUES ($1, $2, $3, $4)` //nolint:gosec // no secret
)

func (t webhookTx) InsertEndpoint(ctx context.Context, e store.Endpoint, secret store.Secret) error {
	err := t.exec(ctx, "insert an endpoint", insertEndpoint,
		e.ID, e.URL, e.Description, e.Types, notNil(e.Rooms), e.Scheme, e.Ordered, e.Concurrency, e.Status, e.Reason, e.CreatedAt, e.UpdatedAt)
	if err != nil {
		return err
	}
	if err := t.insertSecret(ctx, e.ID, secret); err != nil {
		return err
	}
	return t.changed(ctx)
}

func (t webhookTx) insertSecret(ctx context.Context, endpoint uuid.UUID, secret store.Secret) error {
	return t.exec(ctx, "insert a secret", insertSecret, endpoint, secret.Text, secret.CreatedAt, orNull(secret.ExpiresAt))
}

const selectEndpoint = `
SELECT id, url, description, types, rooms, scheme, ordered, concurrency, status, reason, created_at, updated_at, failures, failing_since, closed_until
FROM webhook_endpoints `

func scanEndpoint(row pgx.CollectableRow) (e store.Endpoint, err error) {
	var failing, closed *time.Time
	err = row.Scan(&e.ID, &e.URL, &e.Description, &e.Types, &e.Rooms, &e.Scheme, &e.Ordered, &e.Concurrency, &e.Status, &e.Reason,
		&e.CreatedAt, &e.UpdatedAt, &e.Failures, &failing, &closed)
	e.CreatedAt, e.UpdatedAt, e.FailingSince, e.ClosedUntil = e.CreatedAt.UTC(), e.UpdatedAt.UTC(), fromNull(failing), fromNull(closed)
	return e, err
}

func (t webhookTx) LockEndpoint(ctx context.Context, id uuid.UUID) (store.Endpoint, error) {
	return oneEndpoint(ctx, t.db, selectEndpoint+`WHERE id = $1 AND status <> 'deleted' FOR UPDATE`, id)
}

// rowsQuerier is a transaction or a pool.
type rowsQuerier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func oneEndpoint(ctx context.Context, db rowsQuerier, statement string, args ...any) (store.Endpoint, error) {
	rows, err := db.Query(ctx, statement, args...)
	if err != nil {
		return store.Endpoint{}, storeError("read an endpoint", err)
	}
	endpoint, err := pgx.CollectExactlyOneRow(rows, scanEndpoint)
	if errors.Is(err, pgx.ErrNoRows) {
		return store.Endpoint{}, store.ErrNoEndpoint
	}
	return endpoint, storeError("read an endpoint", err)
}

const (
	updateEndpoint = `
UPDATE webhook_endpoints
SET url = $2, description = $3, types = $4, rooms = $5, ordered = $6, concurrency = $7, status = $8, reason = $9, updated_at = $10 WHERE id = $1`
	updateHealth   = `UPDATE webhook_endpoints SET failures = $2, failing_since = $3, closed_until = $4 WHERE id = $1`
	deleteEndpoint = `UPDATE webhook_endpoints SET status = 'deleted' WHERE id = $1`
	deleteSecrets  = `DELETE FROM webhook_secrets WHERE endpoint_id = $1`                                                            //nolint:gosec // no secret
	expireSecrets  = `UPDATE webhook_secrets SET expires_at = $2 WHERE endpoint_id = $1 AND (expires_at IS NULL OR expires_at > $2)` //nolint:gosec // no secret
	countEndpoints = `SELECT count(*) FROM webhook_endpoints WHERE status <> 'deleted'`
)

func (t webhookTx) UpdateEndpoint(ctx context.Context, e store.Endpoint) error {
	err := t.exec(ctx, "update an endpoint", updateEndpoint,
		e.ID, e.URL, e.Description, e.Types, notNil(e.Rooms), e.Ordered, e.Concurrency, e.Status, e.Reason, e.UpdatedAt)
	if err != nil {
		return err
	}
	return t.changed(ctx)
}

func (t webhookTx) UpdateHealth(ctx context.Context, e store.Endpoint) error {
	return t.exec(ctx, "update an endpoint's health", updateHealth, e.ID, e.Failures, orNull(e.FailingSince), orNull(e.ClosedUntil))
}

func (t webhookTx) DeleteEndpoint(ctx context.Context, id uuid.UUID) error {
	if err := t.exec(ctx, "delete an endpoint", deleteEndpoint, id); err != nil {
		return err
	}
	if err := t.exec(ctx, "delete secrets", deleteSecrets, id); err != nil {
		return err
	}
	return t.changed(ctx)
}

func (t webhookTx) Rotate(ctx context.Context, endpoint uuid.UUID, expire time.Time, secret store.Secret) error {
	if err := t.exec(ctx, "have secrets expire", expireSecrets, endpoint, expire); err != nil {
		return err
	}
	return t.insertSecret(ctx, endpoint, secret)
}

func (t webhookTx) CountEndpoints(ctx context.Context) (n int, err error) {
	err = t.db.QueryRow(ctx, countEndpoints).Scan(&n)
	return n, storeError("count endpoints", err)
}

const (
	insertEvents = `
INSERT INTO webhook_events (id, type, room_id, happened_at, taken_at, body)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::bytea[]) ON CONFLICT (id) DO NOTHING`
	insertDeliveries = `
INSERT INTO webhook_deliveries (id, endpoint_id, event_id, type, room_id, happened_at, state, changed_at)
SELECT id, endpoint_id, event_id, type, room_id, happened_at, state, changed_at
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::timestamptz[], $7::text[], $8::timestamptz[])
    WITH ORDINALITY AS d (id, endpoint_id, event_id, type, room_id, happened_at, state, changed_at, number)
ORDER BY number
ON CONFLICT (id) DO NOTHING`
)

func (t webhookTx) InsertEvents(ctx context.Context, events []store.WebhookEvent) error {
	var (
		ids             []uuid.UUID
		types           []string
		rooms           []*uuid.UUID
		happened, taken []time.Time
		bodies          [][]byte
	)
	for _, event := range events {
		ids, types, rooms = append(ids, event.ID), append(types, event.Type), append(rooms, orNobody(event.RoomID))
		happened, taken, bodies = append(happened, event.HappenedAt), append(taken, event.TakenAt), append(bodies, event.Body)
	}
	return t.exec(ctx, "insert events", insertEvents, ids, types, rooms, happened, taken, bodies)
}

func (t webhookTx) InsertDeliveries(ctx context.Context, deliveries []store.Delivery) error {
	var (
		ids, endpoints, events []uuid.UUID
		types, states          []string
		rooms                  []*uuid.UUID
		happened, changed      []time.Time
	)
	for _, d := range deliveries {
		ids, endpoints, events = append(ids, d.ID), append(endpoints, d.EndpointID), append(events, d.EventID)
		types, rooms, states = append(types, d.Type), append(rooms, orNobody(d.RoomID)), append(states, string(d.State))
		happened, changed = append(happened, d.HappenedAt), append(changed, d.ChangedAt)
	}
	return t.exec(ctx, "insert deliveries", insertDeliveries, ids, endpoints, events, types, rooms, happened, states, changed)
}

const (
	advance = `
UPDATE webhook_deliveries SET state = 'waiting' WHERE seq = (
    SELECT seq FROM webhook_deliveries WHERE endpoint_id = $1 AND room_id = $2 AND state = 'behind' ORDER BY seq LIMIT 1)
AND NOT EXISTS (SELECT FROM webhook_deliveries WHERE endpoint_id = $1 AND room_id = $2 AND state IN ('waiting', 'released', 'retrying'))`
	countReleased = `SELECT count(*) FROM webhook_deliveries WHERE endpoint_id = $1 AND state = 'released'`
	release       = `
UPDATE webhook_deliveries SET state = 'released', changed_at = $3 WHERE seq IN (
    SELECT seq FROM webhook_deliveries WHERE endpoint_id = $1 AND state = 'waiting' ORDER BY seq LIMIT $2)
RETURNING ` + deliveryColumns
	loosen = `
UPDATE webhook_deliveries SET state = 'waiting', next_at = NULL
WHERE endpoint_id = $1 AND (state = 'released' AND changed_at < $2 OR state = 'retrying' AND next_at < $2)`
	deliveryColumns = `
seq, id, endpoint_id, event_id, type, room_id, happened_at, state, attempts, round, next_at, status, error, changed_at`
	selectDelivery = `SELECT ` + deliveryColumns + ` FROM webhook_deliveries `
	updateDelivery = `
UPDATE webhook_deliveries SET state = $2, attempts = $3, round = $4, next_at = $5, status = $6, error = $7, changed_at = $8 WHERE id = $1`
	insertAttempt = `
INSERT INTO webhook_attempts (delivery_id, number, at, took, status, error, body) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	replay = `
UPDATE webhook_deliveries SET state = 'waiting', round = 0, next_at = NULL, changed_at = $6 WHERE seq IN (
    SELECT seq FROM webhook_deliveries
    WHERE endpoint_id = $1 AND state = $2 AND happened_at >= $3 AND happened_at < $4 ORDER BY happened_at, seq LIMIT $5)
RETURNING happened_at`
)

func (t webhookTx) Advance(ctx context.Context, endpoint, room uuid.UUID) error {
	return t.exec(ctx, "advance a room", advance, endpoint, room)
}

func (t webhookTx) CountReleased(ctx context.Context, endpoint uuid.UUID) (n int, err error) {
	err = t.db.QueryRow(ctx, countReleased, endpoint).Scan(&n)
	return n, storeError("count released deliveries", err)
}

func (t webhookTx) Release(ctx context.Context, endpoint uuid.UUID, limit int, at time.Time) ([]store.Delivery, error) {
	rows, err := t.db.Query(ctx, release, endpoint, limit, at)
	if err != nil {
		return nil, storeError("release deliveries", err)
	}
	released, err := pgx.CollectRows(rows, scanDelivery)
	slices.SortFunc(released, func(a, b store.Delivery) int { return int(a.Seq - b.Seq) })
	return released, storeError("release deliveries", err)
}

func (t webhookTx) Loosen(ctx context.Context, endpoint uuid.UUID, before time.Time) error {
	return t.exec(ctx, "loosen deliveries", loosen, endpoint, before)
}

func scanDelivery(row pgx.CollectableRow) (d store.Delivery, err error) {
	var (
		room *uuid.UUID
		next *time.Time
	)
	err = row.Scan(&d.Seq, &d.ID, &d.EndpointID, &d.EventID, &d.Type, &room, &d.HappenedAt, &d.State, &d.Attempts, &d.Round, &next, &d.Status, &d.Error, &d.ChangedAt)
	if room != nil {
		d.RoomID = *room
	}
	d.HappenedAt, d.ChangedAt, d.NextAt = d.HappenedAt.UTC(), d.ChangedAt.UTC(), fromNull(next)
	return d, err
}

func oneDelivery(ctx context.Context, db rowsQuerier, statement string, args ...any) (store.Delivery, error) {
	rows, err := db.Query(ctx, statement, args...)
	if err != nil {
		return store.Delivery{}, storeError("read a delivery", err)
	}
	delivery, err := pgx.CollectExactlyOneRow(rows, scanDelivery)
	if errors.Is(err, pgx.ErrNoRows) {
		return store.Delivery{}, store.ErrNoDelivery
	}
	return delivery, storeError("read a delivery", err)
}

func (t webhookTx) LockDelivery(ctx context.Context, id uuid.UUID) (store.Delivery, error) {
	return oneDelivery(ctx, t.db, selectDelivery+`WHERE id = $1 FOR UPDATE`, id)
}

func (t webhookTx) UpdateDelivery(ctx context.Context, d store.Delivery) error {
	return t.exec(ctx, "update a delivery", updateDelivery, d.ID, d.State, d.Attempts, d.Round, orNull(d.NextAt), d.Status, d.Error, d.ChangedAt)
}

func (t webhookTx) InsertAttempt(ctx context.Context, a store.Attempt) error {
	return t.exec(ctx, "insert an attempt", insertAttempt, a.DeliveryID, a.Number, a.At, a.Took, a.Status, a.Error, a.Body)
}

func (t webhookTx) Replay(ctx context.Context, q store.ReplayQuery, at time.Time) (replayed int, last time.Time, err error) {
	rows, err := t.db.Query(ctx, replay, q.EndpointID, string(q.State), q.Since, q.Until, q.Limit, at)
	if err != nil {
		return 0, time.Time{}, storeError("replay deliveries", err)
	}
	times, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	for _, happened := range times {
		if happened.After(last) {
			last = happened.UTC()
		}
	}
	return len(times), last, storeError("replay deliveries", err)
}

func (t webhookTx) Enqueue(ctx context.Context, jobs []store.Job) error {
	return storeError("insert jobs", t.jobs.Enqueue(ctx, t.db, jobs))
}

// orNull is null for the zero time.
func orNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func fromNull(at *time.Time) time.Time {
	if at == nil {
		return time.Time{}
	}
	return at.UTC()
}

// orNobody is null for no id.
func orNobody(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

func notNil(ids []uuid.UUID) []uuid.UUID { return append([]uuid.UUID{}, ids...) }
