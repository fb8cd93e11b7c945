package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/jobs"
)

// ChangeWebhooks implements [store.Webhooks].
func (s *Store) ChangeWebhooks(ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error) error {
	return s.change(ctx, operation, change, (*sqlite.DB).Transact)
}

// ChangeUnflushed implements [store.Webhooks].
func (s *Store) ChangeUnflushed(ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error) error {
	return s.change(ctx, operation, change, (*sqlite.DB).TransactUnflushed)
}

func (s *Store) change(
	ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error,
	transact func(db *sqlite.DB, ctx context.Context, change func(tx *sql.Tx) error) error,
) error {
	db, prepared := s.open.Load(), s.prepared.Load()
	if db == nil || prepared == nil {
		return store.ErrUnavailable
	}
	var refused error
	err := transact(db, ctx, func(tx *sql.Tx) error {
		refused = change(ctx, webhookTx{tx, s.jobs, prepared.in(tx)})
		return refused
	})
	if refused != nil {
		return refused
	}
	return storeError(operation, err)
}

// webhookTx is a [store.WebhookTx]. It has the file's write lock from its beginning, so there is nothing else to lock.
type webhookTx struct {
	db       *sql.Tx
	jobs     *jobs.Queue[*sql.Tx]
	prepared preparedTx
}

func (t webhookTx) exec(ctx context.Context, doing, statement string, args ...any) error {
	_, err := t.prepared.ExecContext(ctx, statement, args...)
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

const lockEndpoint = selectEndpoint + `WHERE id = ? AND status <> 'deleted'`

func (t webhookTx) LockEndpoint(ctx context.Context, id uuid.UUID) (store.Endpoint, error) {
	all, err := rowsOf(ctx, t.prepared, scanEndpoint, lockEndpoint, id[:])
	if err == nil && len(all) == 0 {
		return store.Endpoint{}, store.ErrNoEndpoint
	}
	if err != nil {
		return store.Endpoint{}, storeError("read an endpoint", err)
	}
	return all[0], nil
}

func (t webhookTx) LockEndpoints(ctx context.Context, ids []uuid.UUID) (all []store.Endpoint, err error) {
	for _, id := range ids {
		endpoint, err := t.LockEndpoint(ctx, id)
		switch {
		case errors.Is(err, store.ErrNoEndpoint):
		case err != nil:
			return nil, err
		default:
			all = append(all, endpoint)
		}
	}
	slices.SortFunc(all, func(a, b store.Endpoint) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return all, nil
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
	if err := t.insertSecret(ctx, endpoint, secret); err != nil {
		return err
	}
	return t.changed(ctx)
}

const selectSecrets = `
SELECT secret, created_at, expires_at FROM webhook_secrets WHERE endpoint_id = ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY id DESC`

func scanSecret(row scanner) (secret store.Secret, err error) {
	var created int64
	var expires sql.NullInt64
	err = row.Scan(&secret.Text, &created, &expires)
	secret.CreatedAt, secret.ExpiresAt = fromMicros(created), fromNull(expires)
	return secret, err
}

func (t webhookTx) Secrets(ctx context.Context, endpoints []uuid.UUID, at time.Time) (map[uuid.UUID][]store.Secret, error) {
	all := map[uuid.UUID][]store.Secret{}
	for _, endpoint := range endpoints {
		secrets, err := rowsOf(ctx, t.prepared, scanSecret, selectSecrets, endpoint[:], at.UnixMicro())
		if err != nil {
			return nil, storeError("read secrets", err)
		}
		all[endpoint] = secrets
	}
	return all, nil
}

func (t webhookTx) CountEndpoints(ctx context.Context) (n int, err error) {
	err = t.db.QueryRowContext(ctx, countEndpoints).Scan(&n)
	return n, storeError("count endpoints", err)
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
