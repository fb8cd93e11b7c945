package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/services/media/store"
)

const (
	columns = `
id, room_id, uploader_id, tenant, purpose, file_name, mime_type, type, size, sha256, state, reason, width, height, variants, upload_id, part_size,
created_at, changed_at, expires_at`
	selectMedia = `SELECT ` + columns + ` FROM media `
)

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

func scanMedia(row scanner) (m store.Media, err error) {
	var (
		variants         string
		created, changed int64
		expires          sql.NullInt64
	)
	err = row.Scan(&m.ID, &m.Room, &m.Uploader, &m.Tenant, &m.Purpose, &m.FileName, &m.MimeType, &m.Type, &m.Size, &m.SHA256, &m.State, &m.Reason, &m.Width,
		&m.Height, &variants, &m.UploadID, &m.PartSize, &created, &changed, &expires)
	if err != nil {
		return m, err
	}
	m.CreatedAt, m.ChangedAt, m.ExpiresAt = fromMicros(created), fromMicros(changed), fromNull(expires)
	if err := json.Unmarshal([]byte(variants), &m.Variants); err != nil {
		return m, fmt.Errorf("decode variants: %w", err)
	}
	if len(m.Variants) == 0 {
		m.Variants = nil
	}
	return m, nil
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

// collect reads rows, of the last commit.
func collect[T any](ctx context.Context, r *Rows, operation string, scan func(row scanner) (T, error), statement string, args ...any) (all []T, err error) {
	err = r.do(operation, func(db *sqlite.DB) error {
		all, err = rowsOf(ctx, db.Readers, scan, statement, args...)
		return err
	})
	return all, err
}

// ByID implements [store.Rows].
func (r *Rows) ByID(ctx context.Context, id uuid.UUID) (store.Media, error) {
	found, err := collect(ctx, r, "read a medium", scanMedia, selectMedia+`WHERE id = ?`, id[:])
	switch {
	case err != nil:
		return store.Media{}, err
	case len(found) == 0:
		return store.Media{}, store.ErrNotFound
	}
	return found[0], nil
}

// InState implements [store.Rows]. It says which states there may be, so that SQLite sees that the index will do.
func (r *Rows) InState(ctx context.Context, state store.State, before time.Time, limit int) ([]store.Media, error) {
	const statement = selectMedia + `WHERE state = ?1 AND state IN ('uploaded', 'deleted') AND changed_at < ?2 ORDER BY changed_at LIMIT ?3`
	return collect(ctx, r, "read media in a state", scanMedia, statement, string(state), before.UnixMicro(), limit)
}

const selectRoomImages = selectMedia + `
WHERE room_id = ? AND state <> 'deleted' AND purpose = 'room-image' ORDER BY created_at DESC, id DESC LIMIT ?`

// RoomImages implements [store.Rows].
func (r *Rows) RoomImages(ctx context.Context, room uuid.UUID, limit int) ([]store.Media, error) {
	return collect(ctx, r, "read images of a room", scanMedia, selectRoomImages, room[:], limit)
}

// Known implements [store.Rows].
func (r *Rows) Known(ctx context.Context, ids []uuid.UUID) (known []uuid.UUID, err error) {
	for _, id := range ids {
		found, err := collect(ctx, r, "look for media", scanID, `SELECT id FROM media WHERE id = ?`, id[:])
		if err != nil {
			return nil, err
		}
		known = append(known, found...)
	}
	return known, nil
}

func scanID(row scanner) (id uuid.UUID, err error) {
	err = row.Scan(&id)
	return id, err
}

const usageColumns = `kind, id, bytes, media, closed_at`

func scanUsage(row scanner) (u store.Usage, err error) {
	var closed sql.NullInt64
	err = row.Scan(&u.Kind, &u.ID, &u.Bytes, &u.Media, &closed)
	u.ClosedAt = fromNull(closed)
	return u, err
}

// Usage implements [store.Rows].
func (r *Rows) Usage(ctx context.Context, scope store.Scope) (store.Usage, error) {
	found, err := collect(ctx, r, "read a usage", scanUsage, `SELECT `+usageColumns+` FROM usages WHERE kind = ? AND id = ?`, string(scope.Kind), scope.ID[:])
	if err != nil || len(found) == 0 {
		return store.Usage{Scope: scope}, err
	}
	return found[0], nil
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
