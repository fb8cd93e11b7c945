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

	"github.com/ism-chat/ism/libs/outbox"
	outboxsqlite "github.com/ism-chat/ism/libs/outbox/sqlite"
	"github.com/ism-chat/ism/services/media/store"
	"github.com/ism-chat/ism/services/media/store/jobs"
)

// Transact implements [store.Rows].
func (r *Rows) Transact(ctx context.Context, operation string, change func(ctx context.Context, tx store.Tx) error) error {
	db := r.open.Load()
	if db == nil {
		return store.ErrUnavailable
	}
	var (
		refused  error
		appended bool
	)
	err := db.Transact(ctx, func(begun *sql.Tx) error {
		t := &tx{db: begun, outbox: r.outbox, jobs: r.jobs}
		refused = change(ctx, t)
		appended = t.appended
		return refused
	})
	switch {
	case refused != nil:
		return refused
	case err != nil:
		return storeError(operation, err)
	case appended:
		r.outbox.Wake()
	}
	return nil
}

// tx is a [store.Tx]. It has the file's write lock from its beginning, so there is nothing else to lock, and nothing to wait for.
type tx struct {
	db       *sql.Tx
	outbox   *outboxsqlite.Outbox
	jobs     *jobs.Queue[*sql.Tx]
	appended bool
}

func (t *tx) exec(ctx context.Context, doing, statement string, args ...any) (changed int, err error) {
	result, err := t.db.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, storeError(doing, err)
	}
	n, err := result.RowsAffected()
	return int(n), storeError(doing, err)
}

const insertMedia = `
INSERT INTO media (` + columns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`

func (t *tx) Insert(ctx context.Context, m store.Media) (bool, error) {
	variants, err := listOf(m.Variants)
	if err != nil {
		return false, err
	}
	n, err := t.exec(ctx, "insert a medium", insertMedia, m.ID[:], m.Room[:], m.Uploader[:], m.Tenant, string(m.Purpose), m.FileName, m.MimeType, m.Type, m.Size,
		orNothing(m.SHA256), string(m.State), m.Reason, m.Width, m.Height, variants, m.UploadID, m.PartSize, m.CreatedAt.UnixMicro(), m.ChangedAt.UnixMicro(),
		orNull(m.ExpiresAt))
	return n == 1, err
}

// listOf gives texts as JSON.
func listOf(texts []string) (string, error) {
	encoded, err := json.Marshal(append([]string{}, texts...))
	if err != nil {
		return "", fmt.Errorf("encode variants: %w", err)
	}
	return string(encoded), nil
}

// orNothing is null for no bytes.
func orNothing(bytes []byte) any {
	if bytes == nil {
		return nil
	}
	return bytes
}

func (t *tx) Lock(ctx context.Context, ids []uuid.UUID) (locked []store.Media, err error) {
	sorted := slices.SortedFunc(slices.Values(ids), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	for _, id := range slices.Compact(sorted) {
		found, err := rowsOf(ctx, t.db, scanMedia, selectMedia+`WHERE id = ?`, id[:])
		if err != nil {
			return nil, storeError("lock media", err)
		}
		locked = append(locked, found...)
	}
	return locked, nil
}

const updateMedia = `
UPDATE media
SET file_name = ?, mime_type = ?, type = ?, size = ?, sha256 = ?, state = ?, reason = ?, width = ?, height = ?, variants = ?, upload_id = ?, part_size = ?,
    changed_at = ?, expires_at = ?
WHERE id = ?`

func (t *tx) update(ctx context.Context, m store.Media) error {
	variants, err := listOf(m.Variants)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, "update a medium", updateMedia, m.FileName, m.MimeType, m.Type, m.Size, orNothing(m.SHA256), string(m.State), m.Reason, m.Width, m.Height,
		variants, m.UploadID, m.PartSize, m.ChangedAt.UnixMicro(), orNull(m.ExpiresAt), m.ID[:])
	return err
}

// Write implements [store.Tx].
func (t *tx) Write(ctx context.Context, what store.Written) error {
	for _, u := range what.Usages {
		if _, err := t.exec(ctx, "add to a usage", addUsage, string(u.Kind), u.ID[:], u.Bytes, u.Media, orNull(u.ClosedAt)); err != nil {
			return err
		}
	}
	for _, m := range what.Media {
		if err := t.update(ctx, m); err != nil {
			return err
		}
	}
	for _, event := range what.Events {
		if _, err := t.Append(ctx, event); err != nil {
			return err
		}
	}
	for _, idle := range what.Idle {
		_, err := t.exec(ctx, "set what is idle", upsertIdle, idle.Medium[:], idle.Since.UnixMicro(), idle.Shown, idle.Holds, orNull(idle.Until))
		if err != nil {
			return err
		}
	}
	for _, medium := range what.Gone {
		if _, err := t.exec(ctx, "remove what is idle", `DELETE FROM idle WHERE medium_id = ?`, medium[:]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) Remove(ctx context.Context, id uuid.UUID) error {
	_, err := t.exec(ctx, "remove a medium", `DELETE FROM media WHERE id = ?`, id[:])
	return err
}

func (t *tx) Select(ctx context.Context, what store.Selection, limit int) (ids []uuid.UUID, err error) {
	switch {
	case !what.Expired.IsZero():
		ids, err = rowsOf(ctx, t.db, scanID, `SELECT id FROM media WHERE state IN ('pending', 'rejected') AND expires_at <= ? ORDER BY expires_at LIMIT ?`,
			what.Expired.UnixMicro(), limit)
	case what.Room != uuid.Nil:
		ids, err = rowsOf(ctx, t.db, scanID, `SELECT id FROM media WHERE room_id = ? AND state <> 'deleted' ORDER BY id LIMIT ?`, what.Room[:], limit)
	default:
		ids, err = rowsOf(ctx, t.db, scanID, `SELECT id FROM media WHERE uploader_id = ? AND state <> 'deleted' AND created_at <= ? ORDER BY id LIMIT ?`,
			what.Uploader[:], what.Until.UnixMicro(), limit)
	}
	return ids, storeError("select media", err)
}

const lockUsage = `INSERT INTO usages (kind, id) VALUES (?, ?) ON CONFLICT (kind, id) DO UPDATE SET bytes = bytes RETURNING ` + usageColumns

func (t *tx) LockUsages(ctx context.Context, scopes []store.Scope) (locked []store.Usage, err error) {
	for _, scope := range scopes {
		one, err := rowsOf(ctx, t.db, scanUsage, lockUsage, string(scope.Kind), scope.ID[:])
		if err != nil {
			return nil, storeError("lock usages", err)
		}
		locked = append(locked, one...)
	}
	return locked, nil
}

// addUsage: what is below nothing would be refused before it is known that there is a row to add it to.
const addUsage = `
INSERT INTO usages (kind, id, bytes, media, closed_at) VALUES (?1, ?2, max(?3, 0), max(?4, 0), ?5)
ON CONFLICT (kind, id) DO UPDATE SET bytes = bytes + ?3, media = media + ?4,
    closed_at = CASE kind WHEN 'room' THEN coalesce(closed_at, ?5) ELSE coalesce(max(closed_at, ?5), closed_at, ?5) END`

const lockUse = `
INSERT INTO uses (message_id) VALUES (?) ON CONFLICT (message_id) DO UPDATE SET epoch = epoch
RETURNING message_id, medium_id, epoch, log_offset, removed, expires_at, changed_at`

func (t *tx) LockUse(ctx context.Context, message uuid.UUID) (u store.Use, err error) {
	var (
		medium  uuid.NullUUID
		expires sql.NullInt64
		changed int64
	)
	err = t.db.QueryRowContext(ctx, lockUse, message[:]).Scan(&u.Message, &medium, &u.Position.Epoch, &u.Position.Offset, &u.Removed, &expires, &changed)
	u.Medium, u.ExpiresAt, u.ChangedAt = medium.UUID, fromNull(expires), fromMicros(changed)
	return u, storeError("lock a use", err)
}

const updateUse = `
UPDATE uses SET medium_id = ?, epoch = ?, log_offset = ?, removed = ?, expires_at = ?, changed_at = ? WHERE message_id = ?`

func (t *tx) SetUse(ctx context.Context, u store.Use) error {
	_, err := t.exec(ctx, "set a use", updateUse,
		orNobody(u.Medium), u.Position.Epoch, u.Position.Offset, u.Removed, orNull(u.ExpiresAt), u.ChangedAt.UnixMicro(), u.Message[:])
	return err
}

func (t *tx) RemoveUse(ctx context.Context, message uuid.UUID) error {
	_, err := t.exec(ctx, "remove a use", `DELETE FROM uses WHERE message_id = ?`, message[:])
	return err
}

func (t *tx) RemoveUses(ctx context.Context, medium uuid.UUID) error {
	_, err := t.exec(ctx, "remove uses", `DELETE FROM uses WHERE medium_id = ? AND removed = 0`, medium[:])
	return err
}

func (t *tx) InUse(ctx context.Context, medium uuid.UUID) (used bool, err error) {
	err = t.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM uses WHERE medium_id = ? AND removed = 0)`, medium[:]).Scan(&used)
	return used, storeError("look for uses", err)
}

const (
	clearUses   = `DELETE FROM uses WHERE message_id IN (SELECT message_id FROM uses WHERE removed = 1 AND changed_at < ? LIMIT ?)`
	clearUsages = `
DELETE FROM usages WHERE (kind, id) IN (SELECT kind, id FROM usages WHERE closed_at < ? AND media = 0 AND bytes = 0 LIMIT ?)`
)

func (t *tx) ClearUses(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.exec(ctx, "clear uses", clearUses, before.UnixMicro(), limit)
}

func (t *tx) ClearUsages(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.exec(ctx, "clear usages", clearUsages, before.UnixMicro(), limit)
}

func (t *tx) Erasure(ctx context.Context, user uuid.UUID) (e store.Erasure, found bool, err error) {
	var at int64
	err = t.db.QueryRowContext(ctx, `SELECT user_id, erasure_id, at, erased, complete FROM erasures WHERE user_id = ?`, user[:]).
		Scan(&e.User, &e.ID, &at, &e.Erased, &e.Complete)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Erasure{}, false, nil
	}
	e.At = fromMicros(at)
	return e, err == nil, storeError("read an erasure", err)
}

const upsertErasure = `
INSERT INTO erasures (user_id, erasure_id, at, erased, complete) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (user_id) DO UPDATE SET erasure_id = excluded.erasure_id, at = excluded.at, erased = excluded.erased, complete = excluded.complete`

func (t *tx) SetErasure(ctx context.Context, e store.Erasure) error {
	_, err := t.exec(ctx, "set an erasure", upsertErasure, e.User[:], e.ID[:], e.At.UnixMicro(), e.Erased, e.Complete)
	return err
}

func (t *tx) RemoveErasure(ctx context.Context, user uuid.UUID) error {
	_, err := t.exec(ctx, "remove an erasure", `DELETE FROM erasures WHERE user_id = ?`, user[:])
	return err
}

func (t *tx) HasRows(ctx context.Context, uploader uuid.UUID, until time.Time) (left bool, err error) {
	err = t.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM media WHERE uploader_id = ? AND created_at <= ?)`, uploader[:], until.UnixMicro()).Scan(&left)
	return left, storeError("look for media of a user", err)
}

func (t *tx) Append(ctx context.Context, row outbox.Row) (int64, error) {
	id, err := t.outbox.Append(ctx, t.db, row)
	t.appended = t.appended || err == nil
	return id, storeError("append event", err)
}

func (t *tx) Enqueue(ctx context.Context, jobs []store.Job) error {
	return storeError("insert jobs", t.jobs.Enqueue(ctx, t.db, jobs))
}
