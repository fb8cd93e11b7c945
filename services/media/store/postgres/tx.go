package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/outbox"
	outboxpostgres "github.com/ism-chat/ism/libs/outbox/postgres"
	"github.com/ism-chat/ism/services/media/store"
	"github.com/ism-chat/ism/services/media/store/jobs"
)

// Transact implements [store.Rows].
func (r *Rows) Transact(ctx context.Context, operation string, change func(ctx context.Context, tx store.Tx) error) error {
	var refused error
	err := r.db.Transact(ctx, func(begun pgx.Tx) error {
		refused = change(ctx, tx{begun, r.outbox, r.jobs})
		return refused
	})
	if refused != nil {
		return refused
	}
	return storeError(operation, err)
}

// tx is a [store.Tx].
type tx struct {
	db     pgx.Tx
	outbox *outboxpostgres.Outbox
	jobs   *jobs.Queue[pgx.Tx]
}

func (t tx) exec(ctx context.Context, doing, statement string, args ...any) (changed int, err error) {
	result, err := t.db.Exec(ctx, statement, args...)
	return int(result.RowsAffected()), storeError(doing, err)
}

// rowsOf reads rows.
func rowsOf[T any](ctx context.Context, t tx, doing string, scan pgx.RowToFunc[T], statement string, args ...any) ([]T, error) {
	rows, err := t.db.Query(ctx, statement, args...)
	if err != nil {
		return nil, storeError(doing, err)
	}
	all, err := pgx.CollectRows(rows, scan)
	return all, storeError(doing, err)
}

const insertMedia = `
INSERT INTO media (` + columns + `)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) ON CONFLICT (id) DO NOTHING`

func (t tx) Insert(ctx context.Context, m store.Media) (bool, error) {
	n, err := t.exec(ctx, "insert a medium", insertMedia, m.ID, m.Room, m.Uploader, m.Tenant, string(m.Purpose), m.FileName, m.MimeType, m.Type, m.Size, m.SHA256,
		string(m.State), m.Reason, m.Width, m.Height, notNil(m.Variants), m.UploadID, m.PartSize, m.CreatedAt, m.ChangedAt, orNull(m.ExpiresAt))
	return n == 1, err
}

func notNil(texts []string) []string { return append([]string{}, texts...) }

// lockMedia says how many there are for the same reason as [admitMedia] does.
const lockMedia = selectMedia + `
JOIN (SELECT unnest($1::uuid[]) AS wanted LIMIT $2) AS these ON id = wanted ORDER BY id FOR NO KEY UPDATE OF media`

func (t tx) Lock(ctx context.Context, ids []uuid.UUID) ([]store.Media, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return rowsOf(ctx, t, "lock media", scanMedia, lockMedia, ids, len(ids))
}

const updateMedia = `
UPDATE media
SET file_name = $2, mime_type = $3, type = $4, size = $5, sha256 = $6, state = $7, reason = $8, width = $9, height = $10, variants = $11, upload_id = $12,
    part_size = $13, changed_at = $14, expires_at = $15
WHERE id = $1`

func queueMedium(batch *pgx.Batch, m store.Media) {
	batch.Queue(updateMedia, m.ID, m.FileName, m.MimeType, m.Type, m.Size, m.SHA256, string(m.State), m.Reason, m.Width, m.Height,
		notNil(m.Variants), m.UploadID, m.PartSize, m.ChangedAt, orNull(m.ExpiresAt))
}

// Write implements [store.Tx].
func (t tx) Write(ctx context.Context, what store.Written) error {
	var batch pgx.Batch
	if len(what.Usages) > 0 {
		queueUsages(&batch, what.Usages)
	}
	for _, m := range what.Media {
		queueMedium(&batch, m)
	}
	for _, event := range what.Events {
		t.outbox.Queue(&batch, event)
	}
	for _, idle := range what.Idle {
		batch.Queue(upsertIdle, idle.Medium, idle.Since, idle.Shown, idle.Holds, orNull(idle.Until))
	}
	if len(what.Gone) > 0 {
		batch.Queue(`DELETE FROM idle WHERE medium_id = ANY($1)`, what.Gone)
	}
	if batch.Len() == 0 {
		return nil
	}
	return storeError("write", t.db.SendBatch(ctx, &batch).Close())
}

func (t tx) Remove(ctx context.Context, id uuid.UUID) error {
	_, err := t.exec(ctx, "remove a medium", `DELETE FROM media WHERE id = $1`, id)
	return err
}

func (t tx) Select(ctx context.Context, what store.Selection, limit int) ([]uuid.UUID, error) {
	switch {
	case !what.Expired.IsZero():
		return rowsOf(ctx, t, "select what has expired", pgx.RowTo[uuid.UUID],
			`SELECT id FROM media WHERE state IN ('pending', 'rejected') AND expires_at <= $1 ORDER BY expires_at LIMIT $2`, what.Expired, limit)
	case what.Room != uuid.Nil:
		return rowsOf(ctx, t, "select media of a room", pgx.RowTo[uuid.UUID],
			`SELECT id FROM media WHERE room_id = $1 AND state <> 'deleted' ORDER BY id LIMIT $2`, what.Room, limit)
	default:
		return rowsOf(ctx, t, "select media of a user", pgx.RowTo[uuid.UUID],
			`SELECT id FROM media WHERE uploader_id = $1 AND state <> 'deleted' AND created_at <= $2 ORDER BY id LIMIT $3`, what.Uploader, what.Until, limit)
	}
}

// lockUsages writes what it locks, so that rows which are missing are made, and waits for those who make them at the same time.
const lockUsages = `
INSERT INTO usages (kind, id)
SELECT kind, id FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS wanted (kind, id, number) ORDER BY number
ON CONFLICT (kind, id) DO UPDATE SET bytes = usages.bytes RETURNING ` + usageColumns

func (t tx) LockUsages(ctx context.Context, scopes []store.Scope) ([]store.Usage, error) {
	var (
		kinds []string
		ids   []uuid.UUID
	)
	for _, scope := range scopes {
		kinds, ids = append(kinds, string(scope.Kind)), append(ids, scope.ID)
	}
	return rowsOf(ctx, t, "lock usages", scanUsage, lockUsages, kinds, ids)
}

// addUsages locks what it writes, in the order that is given. What is below nothing would be refused before it is known that there is a row to add it to.
const addUsages = `
WITH added AS (
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[]) WITH ORDINALITY
        AS a (kind, id, bytes, media, closed_at, number)
)
INSERT INTO usages AS u (kind, id, bytes, media, closed_at)
SELECT kind, id, greatest(bytes, 0), greatest(media, 0), closed_at FROM added ORDER BY number
ON CONFLICT (kind, id) DO UPDATE SET (bytes, media, closed_at) = (
    SELECT u.bytes + a.bytes, u.media + a.media,
        CASE u.kind WHEN 'room' THEN coalesce(u.closed_at, a.closed_at) ELSE greatest(u.closed_at, a.closed_at) END
    FROM added AS a WHERE a.kind = u.kind AND a.id = u.id
)`

func queueUsages(batch *pgx.Batch, usages []store.Usage) {
	var (
		kinds        []string
		ids          []uuid.UUID
		bytes, media []int64
		closed       []*time.Time
	)
	for _, u := range usages {
		kinds, ids, bytes, media, closed = append(kinds, string(u.Kind)), append(ids, u.ID), append(bytes, u.Bytes), append(media, u.Media), append(closed, orNull(u.ClosedAt))
	}
	batch.Queue(addUsages, kinds, ids, bytes, media, closed)
}

const lockUse = `
INSERT INTO uses (message_id) VALUES ($1) ON CONFLICT (message_id) DO UPDATE SET epoch = uses.epoch
RETURNING message_id, medium_id, epoch, log_offset, removed, expires_at, changed_at`

func (t tx) LockUse(ctx context.Context, message uuid.UUID) (u store.Use, err error) {
	var (
		medium  *uuid.UUID
		expires *time.Time
	)
	err = t.db.QueryRow(ctx, lockUse, message).Scan(&u.Message, &medium, &u.Position.Epoch, &u.Position.Offset, &u.Removed, &expires, &u.ChangedAt)
	if medium != nil {
		u.Medium = *medium
	}
	u.ExpiresAt, u.ChangedAt = fromNull(expires), u.ChangedAt.UTC()
	return u, storeError("lock a use", err)
}

const updateUse = `
UPDATE uses SET medium_id = $2, epoch = $3, log_offset = $4, removed = $5, expires_at = $6, changed_at = $7 WHERE message_id = $1`

func (t tx) SetUse(ctx context.Context, u store.Use) error {
	_, err := t.exec(ctx, "set a use", updateUse,
		u.Message, orNobody(u.Medium), u.Position.Epoch, u.Position.Offset, u.Removed, orNull(u.ExpiresAt), u.ChangedAt)
	return err
}

func (t tx) RemoveUse(ctx context.Context, message uuid.UUID) error {
	_, err := t.exec(ctx, "remove a use", `DELETE FROM uses WHERE message_id = $1`, message)
	return err
}

func (t tx) RemoveUses(ctx context.Context, medium uuid.UUID) error {
	_, err := t.exec(ctx, "remove uses", `DELETE FROM uses WHERE medium_id = $1 AND NOT removed`, medium)
	return err
}

func (t tx) InUse(ctx context.Context, medium uuid.UUID) (used bool, err error) {
	err = t.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM uses WHERE medium_id = $1 AND NOT removed)`, medium).Scan(&used)
	return used, storeError("look for uses", err)
}

const (
	clearUses = `
DELETE FROM uses WHERE message_id IN (SELECT message_id FROM uses WHERE removed AND changed_at < $1 LIMIT $2) AND removed AND changed_at < $1`
	clearUsages = `
DELETE FROM usages WHERE (kind, id) IN (SELECT kind, id FROM usages WHERE closed_at < $1 AND media = 0 AND bytes = 0 ORDER BY kind, id LIMIT $2)
AND closed_at < $1 AND media = 0 AND bytes = 0`
)

func (t tx) ClearUses(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.exec(ctx, "clear uses", clearUses, before, limit)
}

func (t tx) ClearUsages(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.exec(ctx, "clear usages", clearUsages, before, limit)
}

func (t tx) Erasure(ctx context.Context, user uuid.UUID) (e store.Erasure, found bool, err error) {
	err = t.db.QueryRow(ctx, `SELECT user_id, erasure_id, at, erased, complete FROM erasures WHERE user_id = $1`, user).
		Scan(&e.User, &e.ID, &e.At, &e.Erased, &e.Complete)
	if isNone(err) {
		return store.Erasure{}, false, nil
	}
	e.At = e.At.UTC()
	return e, err == nil, storeError("read an erasure", err)
}

const upsertErasure = `
INSERT INTO erasures (user_id, erasure_id, at, erased, complete) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (user_id) DO UPDATE SET erasure_id = excluded.erasure_id, at = excluded.at, erased = excluded.erased, complete = excluded.complete`

func (t tx) SetErasure(ctx context.Context, e store.Erasure) error {
	_, err := t.exec(ctx, "set an erasure", upsertErasure, e.User, e.ID, e.At, e.Erased, e.Complete)
	return err
}

func (t tx) RemoveErasure(ctx context.Context, user uuid.UUID) error {
	_, err := t.exec(ctx, "remove an erasure", `DELETE FROM erasures WHERE user_id = $1`, user)
	return err
}

func (t tx) HasRows(ctx context.Context, uploader uuid.UUID, until time.Time) (left bool, err error) {
	err = t.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM media WHERE uploader_id = $1 AND created_at <= $2)`, uploader, until).Scan(&left)
	return left, storeError("look for media of a user", err)
}

func (t tx) Append(ctx context.Context, row outbox.Row) (int64, error) {
	id, err := t.outbox.Append(ctx, t.db, row)
	return id, storeError("append event", err)
}

func (t tx) Enqueue(ctx context.Context, jobs []store.Job) error {
	return storeError("insert jobs", t.jobs.Enqueue(ctx, t.db, jobs))
}
