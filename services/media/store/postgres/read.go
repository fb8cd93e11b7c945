package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/services/media/store"
)

const (
	columns = `
id, room_id, uploader_id, tenant, purpose, file_name, mime_type, type, size, sha256, state, reason, width, height, variants, upload_id, part_size,
created_at, changed_at, expires_at`
	selectMedia = `SELECT ` + columns + ` FROM media `
)

func scanMedia(row pgx.CollectableRow) (m store.Media, err error) {
	var expires *time.Time
	err = row.Scan(&m.ID, &m.Room, &m.Uploader, &m.Tenant, &m.Purpose, &m.FileName, &m.MimeType, &m.Type, &m.Size, &m.SHA256, &m.State, &m.Reason, &m.Width,
		&m.Height, &m.Variants, &m.UploadID, &m.PartSize, &m.CreatedAt, &m.ChangedAt, &expires)
	m.CreatedAt, m.ChangedAt, m.ExpiresAt = m.CreatedAt.UTC(), m.ChangedAt.UTC(), fromNull(expires)
	if len(m.Variants) == 0 {
		m.Variants = nil
	}
	return m, err
}

// collect reads rows.
func collect[T any](ctx context.Context, r *Rows, operation string, scan pgx.RowToFunc[T], statement string, args ...any) (all []T, err error) {
	err = r.do(ctx, operation, func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, statement, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, scan)
		return err
	})
	return all, err
}

// ByID implements [store.Rows].
func (r *Rows) ByID(ctx context.Context, id uuid.UUID) (store.Media, error) {
	found, err := collect(ctx, r, "read a medium", scanMedia, selectMedia+`WHERE id = $1`, id)
	switch {
	case err != nil:
		return store.Media{}, err
	case len(found) == 0:
		return store.Media{}, store.ErrNotFound
	}
	return found[0], nil
}

// InState implements [store.Rows].
func (r *Rows) InState(ctx context.Context, state store.State, before time.Time, limit int) ([]store.Media, error) {
	return collect(ctx, r, "read media in a state", scanMedia, selectMedia+`WHERE state = $1 AND changed_at < $2 ORDER BY changed_at LIMIT $3`,
		string(state), before, limit)
}

const selectRoomImages = selectMedia + `
WHERE room_id = $1 AND state <> 'deleted' AND purpose = 'room-image' ORDER BY created_at DESC, id DESC LIMIT $2`

// RoomImages implements [store.Rows].
func (r *Rows) RoomImages(ctx context.Context, room uuid.UUID, limit int) ([]store.Media, error) {
	return collect(ctx, r, "read images of a room", scanMedia, selectRoomImages, room, limit)
}

// Known implements [store.Rows].
func (r *Rows) Known(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error) {
	return collect(ctx, r, "look for media", pgx.RowTo[uuid.UUID], `SELECT id FROM media WHERE id = ANY ($1)`, ids)
}

const usageColumns = `kind, id, bytes, media, closed_at`

func scanUsage(row pgx.CollectableRow) (u store.Usage, err error) {
	var closed *time.Time
	err = row.Scan(&u.Kind, &u.ID, &u.Bytes, &u.Media, &closed)
	u.ClosedAt = fromNull(closed)
	return u, err
}

// Usage implements [store.Rows].
func (r *Rows) Usage(ctx context.Context, scope store.Scope) (store.Usage, error) {
	found, err := collect(ctx, r, "read a usage", scanUsage, `SELECT `+usageColumns+` FROM usages WHERE kind = $1 AND id = $2`, string(scope.Kind), scope.ID)
	if err != nil || len(found) == 0 {
		return store.Usage{Scope: scope}, err
	}
	return found[0], nil
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

func isNone(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
