package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/jobs"
)

// ChangeWebhooks implements [store.Webhooks].
func (s *Store) ChangeWebhooks(ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error) error {
	db := s.open.Load()
	if db == nil {
		return store.ErrUnavailable
	}
	var refused error
	err := db.Transact(ctx, func(tx *sql.Tx) error {
		refused = change(ctx, webhookTx{tx, s.jobs})
		return refused
	})
	if refused != nil {
		return refused
	}
	return storeError(operation, err)
}

// webhookTx is a [store.WebhookTx]. It has the file's write lock from its beginning, so there is nothing else to lock.
type webhookTx struct {
	db   *sql.Tx
	jobs *jobs.Queue[*sql.Tx]
}

func (t webhookTx) exec(ctx context.Context, doing, statement string, args ...any) error {
	_, err := t.db.ExecContext(ctx, statement, args...)
	return storeError(doing, err)
}

func (t webhookTx) changed(ctx context.Context) error {
	return t.exec(ctx, "count a change", `UPDATE webhook_changes SET version = version + 1`)
}

const (
	insertEndpoint = `
INSERT INTO webhook_endpoints (id, url, description, types, rooms, scheme, ordered, concurrency, status, reason, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertSecret = `INSERT INTO webhook_secrets (endpoint_id, secret, created_at, expires_at) VALUES (?, ?, ?, ?)` //nolint:gosec // no secret
)

func (t webhookTx) InsertEndpoint(ctx context.Context, e store.Endpoint, secret store.Secret) error {
	types, rooms, err := lists(e)
	if err != nil {
		return err
	}
	err = t.exec(ctx, "insert an endpoint", insertEndpoint,
		e.ID[:], e.URL, e.Description, types, rooms, e.Scheme, e.Ordered, e.Concurrency, string(e.Status), e.Reason, e.CreatedAt.UnixMicro(), e.UpdatedAt.UnixMicro())
	if err != nil {
		return err
	}
	if err := t.insertSecret(ctx, e.ID, secret); err != nil {
		return err
	}
	return t.changed(ctx)
}

func (t webhookTx) insertSecret(ctx context.Context, endpoint uuid.UUID, secret store.Secret) error {
	return t.exec(ctx, "insert a secret", insertSecret, endpoint[:], secret.Text, secret.CreatedAt.UnixMicro(), orNull(secret.ExpiresAt))
}

// lists gives the types and the rooms of an endpoint as JSON.
func lists(e store.Endpoint) (types, rooms string, err error) {
	encodedTypes, err := json.Marshal(e.Types)
	if err != nil {
		return "", "", fmt.Errorf("encode types: %w", err)
	}
	encodedRooms, err := json.Marshal(append([]uuid.UUID{}, e.Rooms...))
	if err != nil {
		return "", "", fmt.Errorf("encode rooms: %w", err)
	}
	return string(encodedTypes), string(encodedRooms), nil
}

const selectEndpoint = `
SELECT id, url, description, types, rooms, scheme, ordered, concurrency, status, reason, created_at, updated_at, failures, failing_since, closed_until
FROM webhook_endpoints `

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

func scanEndpoint(row scanner) (e store.Endpoint, err error) {
	var (
		types, rooms     string
		created, updated int64
		failing, closed  sql.NullInt64
	)
	err = row.Scan(&e.ID, &e.URL, &e.Description, &types, &rooms, &e.Scheme, &e.Ordered, &e.Concurrency, &e.Status, &e.Reason,
		&created, &updated, &e.Failures, &failing, &closed)
	if err != nil {
		return e, err
	}
	e.CreatedAt, e.UpdatedAt, e.FailingSince, e.ClosedUntil = fromMicros(created), fromMicros(updated), fromNull(failing), fromNull(closed)
	if err := json.Unmarshal([]byte(types), &e.Types); err != nil {
		return e, fmt.Errorf("decode types: %w", err)
	}
	if err := json.Unmarshal([]byte(rooms), &e.Rooms); err != nil {
		return e, fmt.Errorf("decode rooms: %w", err)
	}
	return e, nil
}

func (t webhookTx) LockEndpoint(ctx context.Context, id uuid.UUID) (store.Endpoint, error) {
	endpoint, err := scanEndpoint(t.db.QueryRowContext(ctx, selectEndpoint+`WHERE id = ? AND status <> 'deleted'`, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return store.Endpoint{}, store.ErrNoEndpoint
	}
	return endpoint, storeError("read an endpoint", err)
}

const (
	updateEndpoint = `
UPDATE webhook_endpoints
SET url = ?, description = ?, types = ?, rooms = ?, ordered = ?, concurrency = ?, status = ?, reason = ?, updated_at = ? WHERE id = ?`
	updateHealth   = `UPDATE webhook_endpoints SET failures = ?, failing_since = ?, closed_until = ? WHERE id = ?`
	deleteEndpoint = `UPDATE webhook_endpoints SET status = 'deleted' WHERE id = ?`
	deleteSecrets  = `DELETE FROM webhook_secrets WHERE endpoint_id = ?`                                                             //nolint:gosec // no secret
	expireSecrets  = `UPDATE webhook_secrets SET expires_at = ?2 WHERE endpoint_id = ?1 AND (expires_at IS NULL OR expires_at > ?2)` //nolint:gosec // no secret
	countEndpoints = `SELECT count(*) FROM webhook_endpoints WHERE status <> 'deleted'`
)

func (t webhookTx) UpdateEndpoint(ctx context.Context, e store.Endpoint) error {
	types, rooms, err := lists(e)
	if err != nil {
		return err
	}
	err = t.exec(ctx, "update an endpoint", updateEndpoint,
		e.URL, e.Description, types, rooms, e.Ordered, e.Concurrency, string(e.Status), e.Reason, e.UpdatedAt.UnixMicro(), e.ID[:])
	if err != nil {
		return err
	}
	return t.changed(ctx)
}

func (t webhookTx) UpdateHealth(ctx context.Context, e store.Endpoint) error {
	return t.exec(ctx, "update an endpoint's health", updateHealth, e.Failures, orNull(e.FailingSince), orNull(e.ClosedUntil), e.ID[:])
}

func (t webhookTx) DeleteEndpoint(ctx context.Context, id uuid.UUID) error {
	if err := t.exec(ctx, "delete an endpoint", deleteEndpoint, id[:]); err != nil {
		return err
	}
	if err := t.exec(ctx, "delete secrets", deleteSecrets, id[:]); err != nil {
		return err
	}
	return t.changed(ctx)
}

func (t webhookTx) Rotate(ctx context.Context, endpoint uuid.UUID, expire time.Time, secret store.Secret) error {
	if err := t.exec(ctx, "have secrets expire", expireSecrets, endpoint[:], expire.UnixMicro()); err != nil {
		return err
	}
	return t.insertSecret(ctx, endpoint, secret)
}

func (t webhookTx) CountEndpoints(ctx context.Context) (n int, err error) {
	err = t.db.QueryRowContext(ctx, countEndpoints).Scan(&n)
	return n, storeError("count endpoints", err)
}

const (
	insertEvent = `
INSERT INTO webhook_events (id, type, room_id, happened_at, taken_at, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`
	insertDelivery = `
INSERT INTO webhook_deliveries (id, endpoint_id, event_id, type, room_id, happened_at, state, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING`
)

func (t webhookTx) InsertEvents(ctx context.Context, events []store.WebhookEvent) error {
	for _, e := range events {
		err := t.exec(ctx, "insert an event", insertEvent, e.ID[:], e.Type, orNobody(e.RoomID), e.HappenedAt.UnixMicro(), e.TakenAt.UnixMicro(), e.Body)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t webhookTx) InsertDeliveries(ctx context.Context, deliveries []store.Delivery) error {
	for _, d := range deliveries {
		err := t.exec(ctx, "insert a delivery", insertDelivery,
			d.ID[:], d.EndpointID[:], d.EventID[:], d.Type, orNobody(d.RoomID), d.HappenedAt.UnixMicro(), string(d.State), d.ChangedAt.UnixMicro())
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	// pending is what SQLite must be told to see that the index of rooms will do.
	pending = ` AND state IN ('behind', 'waiting', 'released', 'retrying')`
	advance = `
UPDATE webhook_deliveries SET state = 'waiting' WHERE seq = (
    SELECT seq FROM webhook_deliveries WHERE endpoint_id = ?1 AND room_id = ?2 AND state = 'behind'` + pending + ` ORDER BY seq LIMIT 1)
AND NOT EXISTS (
    SELECT 1 FROM webhook_deliveries WHERE endpoint_id = ?1 AND room_id = ?2 AND state <> 'behind'` + pending + `)`
	countReleased = `SELECT count(*) FROM webhook_deliveries WHERE endpoint_id = ? AND state = 'released'`
	release       = `
UPDATE webhook_deliveries SET state = 'released', changed_at = ?3 WHERE seq IN (
    SELECT seq FROM webhook_deliveries WHERE endpoint_id = ?1 AND state = 'waiting' ORDER BY seq LIMIT ?2)
RETURNING ` + deliveryColumns
	loosen = `
UPDATE webhook_deliveries SET state = 'waiting', next_at = NULL
WHERE endpoint_id = ?1 AND (state = 'released' AND changed_at < ?2 OR state = 'retrying' AND next_at < ?2)`
	deliveryColumns = `
seq, id, endpoint_id, event_id, type, room_id, happened_at, state, attempts, round, next_at, status, error, changed_at`
	selectDelivery = `SELECT ` + deliveryColumns + ` FROM webhook_deliveries `
	updateDelivery = `
UPDATE webhook_deliveries SET state = ?, attempts = ?, round = ?, next_at = ?, status = ?, error = ?, changed_at = ? WHERE id = ?`
	insertAttempt = `
INSERT INTO webhook_attempts (delivery_id, number, at, took, status, error, body) VALUES (?, ?, ?, ?, ?, ?, ?)`
	replay = `
UPDATE webhook_deliveries SET state = 'waiting', round = 0, next_at = NULL, changed_at = ?6 WHERE seq IN (
    SELECT seq FROM webhook_deliveries
    WHERE endpoint_id = ?1 AND state = ?2 AND happened_at >= ?3 AND happened_at < ?4
    ORDER BY happened_at, seq LIMIT ?5)
RETURNING happened_at`
)

func (t webhookTx) Advance(ctx context.Context, endpoint, room uuid.UUID) error {
	return t.exec(ctx, "advance a room", advance, endpoint[:], room[:])
}

func (t webhookTx) CountReleased(ctx context.Context, endpoint uuid.UUID) (n int, err error) {
	err = t.db.QueryRowContext(ctx, countReleased, endpoint[:]).Scan(&n)
	return n, storeError("count released deliveries", err)
}

func (t webhookTx) Release(ctx context.Context, endpoint uuid.UUID, limit int, at time.Time) ([]store.Delivery, error) {
	released, err := rowsOf(ctx, t.db, scanDelivery, release, endpoint[:], limit, at.UnixMicro())
	slices.SortFunc(released, func(a, b store.Delivery) int { return int(a.Seq - b.Seq) })
	return released, storeError("release deliveries", err)
}

func (t webhookTx) Loosen(ctx context.Context, endpoint uuid.UUID, before time.Time) error {
	return t.exec(ctx, "loosen deliveries", loosen, endpoint[:], before.UnixMicro())
}

// queries is a transaction or a pool.
type queries interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// rowsOf reads rows.
func rowsOf[T any](ctx context.Context, db queries, scan func(row scanner) (T, error), statement string, args ...any) (all []T, err error) {
	rows, err := db.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

func scanDelivery(row scanner) (d store.Delivery, err error) {
	var (
		room              uuid.NullUUID
		next              sql.NullInt64
		happened, changed int64
	)
	err = row.Scan(&d.Seq, &d.ID, &d.EndpointID, &d.EventID, &d.Type, &room, &happened, &d.State, &d.Attempts, &d.Round, &next, &d.Status, &d.Error, &changed)
	d.RoomID, d.HappenedAt, d.ChangedAt, d.NextAt = room.UUID, fromMicros(happened), fromMicros(changed), fromNull(next)
	return d, err
}

func (t webhookTx) LockDelivery(ctx context.Context, id uuid.UUID) (store.Delivery, error) {
	delivery, err := scanDelivery(t.db.QueryRowContext(ctx, selectDelivery+`WHERE id = ?`, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return store.Delivery{}, store.ErrNoDelivery
	}
	return delivery, storeError("read a delivery", err)
}

func (t webhookTx) UpdateDelivery(ctx context.Context, d store.Delivery) error {
	return t.exec(ctx, "update a delivery", updateDelivery, string(d.State), d.Attempts, d.Round, orNull(d.NextAt), d.Status, d.Error, d.ChangedAt.UnixMicro(), d.ID[:])
}

func (t webhookTx) InsertAttempt(ctx context.Context, a store.Attempt) error {
	return t.exec(ctx, "insert an attempt", insertAttempt, a.DeliveryID[:], a.Number, a.At.UnixMicro(), a.Took.Microseconds(), a.Status, a.Error, a.Body)
}

func (t webhookTx) Replay(ctx context.Context, q store.ReplayQuery, at time.Time) (replayed int, last time.Time, err error) {
	times, err := rowsOf(ctx, t.db, scanMicros, replay, q.EndpointID[:], string(q.State), q.Since.UnixMicro(), q.Until.UnixMicro(), q.Limit, at.UnixMicro())
	for _, happened := range times {
		if happened.After(last) {
			last = happened
		}
	}
	return len(times), last, storeError("replay deliveries", err)
}

func scanMicros(row scanner) (time.Time, error) {
	var micros int64
	err := row.Scan(&micros)
	return fromMicros(micros), err
}

func (t webhookTx) Enqueue(ctx context.Context, jobs []store.Job) error {
	return storeError("insert jobs", t.jobs.Enqueue(ctx, t.db, jobs))
}

// orNull is null for the zero time.
func orNull(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UnixMicro()
}

func fromNull(micros sql.NullInt64) time.Time {
	if !micros.Valid {
		return time.Time{}
	}
	return fromMicros(micros.Int64)
}

// orNobody is null for no id.
func orNobody(id uuid.UUID) any {
	if id == uuid.Nil {
		return nil
	}
	return id[:]
}
