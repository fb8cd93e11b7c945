package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/jobs"
)

// ChangeWebhooks implements [store.Webhooks].
func (s *Store) ChangeWebhooks(ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error) error {
	return s.change(ctx, operation, change, func(pgx.Tx) error { return nil })
}

// ChangeUnflushed implements [store.Webhooks], see https://www.postgresql.org/docs/current/wal-async-commit.html.
func (s *Store) ChangeUnflushed(ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error) error {
	return s.change(ctx, operation, change, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SET LOCAL synchronous_commit = off`)
		return err
	})
}

func (s *Store) change(
	ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error, begin func(tx pgx.Tx) error,
) error {
	var refused error
	err := s.db.Transact(ctx, func(tx pgx.Tx) error {
		refused = nil
		if err := begin(tx); err != nil {
			return err
		}
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
	locked, err := t.LockEndpoints(ctx, []uuid.UUID{id})
	if err == nil && len(locked) == 0 {
		err = store.ErrNoEndpoint
	}
	if err != nil {
		return store.Endpoint{}, err
	}
	return locked[0], nil
}

func (t webhookTx) LockEndpoints(ctx context.Context, ids []uuid.UUID) ([]store.Endpoint, error) {
	return rowsOf(ctx, t.db, "lock endpoints", scanEndpoint, selectEndpoint+`WHERE id = ANY ($1) AND status <> 'deleted' ORDER BY id FOR NO KEY UPDATE`, ids)
}

// rowsOf reads rows in a transaction.
func rowsOf[T any](ctx context.Context, tx pgx.Tx, doing string, scan pgx.RowToFunc[T], statement string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, statement, args...)
	if err != nil {
		return nil, storeError(doing, err)
	}
	all, err := pgx.CollectRows(rows, scan)
	return all, storeError(doing, err)
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
	if err := t.insertSecret(ctx, endpoint, secret); err != nil {
		return err
	}
	return t.changed(ctx)
}

const selectSecrets = `
SELECT endpoint_id, secret, created_at, expires_at FROM webhook_secrets
WHERE endpoint_id = ANY ($1) AND (expires_at IS NULL OR expires_at > $2) ORDER BY id DESC`

func (t webhookTx) Secrets(ctx context.Context, endpoints []uuid.UUID, at time.Time) (map[uuid.UUID][]store.Secret, error) {
	secrets := map[uuid.UUID][]store.Secret{}
	_, err := rowsOf(ctx, t.db, "read secrets", func(row pgx.CollectableRow) (struct{}, error) {
		var (
			endpoint uuid.UUID
			secret   store.Secret
			expires  *time.Time
		)
		err := row.Scan(&endpoint, &secret.Text, &secret.CreatedAt, &expires)
		secret.CreatedAt, secret.ExpiresAt = secret.CreatedAt.UTC(), fromNull(expires)
		secrets[endpoint] = append(secrets[endpoint], secret)
		return struct{}{}, err
	}, selectSecrets, endpoints, at)
	return secrets, err
}

func (t webhookTx) CountEndpoints(ctx context.Context) (n int, err error) {
	err = t.db.QueryRow(ctx, countEndpoints).Scan(&n)
	return n, storeError("count endpoints", err)
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
