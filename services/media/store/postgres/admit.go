package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/services/media/store"
)

// admitMedia is one round trip, so the rows of usages are locked for as long as the server needs. They are locked in their order before anything is written,
// and looked at as they are then, whatever the statement's snapshot says (Postgres's documentation, "Read Committed Isolation Level"). A medium whose id is
// added meanwhile by somebody else is an error, with which nothing is written.
const admitMedia = `
WITH added AS (
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS a (kind, id, bytes, media, most_bytes, most_media)
), locked AS MATERIALIZED (
    SELECT u.kind, u.id, a.bytes, a.media, u.closed_at IS NULL AND u.bytes <= a.most_bytes AND u.media <= a.most_media AS allowed
    FROM added a JOIN usages u ON u.kind = a.kind AND u.id = a.id
    ORDER BY u.kind, u.id FOR NO KEY UPDATE OF u
), admitted AS (
    INSERT INTO media (` + columns + `)
    SELECT id, room_id, uploader_id, tenant, purpose, file_name, mime_type, '', size, sha256, state, '', 0, 0, '{}', '', 0, created_at, created_at, expires_at
    FROM unnest($7::uuid[], $8::uuid[], $9::uuid[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bigint[], $15::bytea[], $16::text[],
        $17::timestamptz[], $18::timestamptz[])
        AS m (id, room_id, uploader_id, tenant, purpose, file_name, mime_type, size, sha256, state, created_at, expires_at)
    WHERE (SELECT count(*) FILTER (WHERE allowed) FROM locked) = cardinality($2)
        AND NOT EXISTS (SELECT FROM media WHERE id = ANY ($7::uuid[]))
    ORDER BY id
    RETURNING id
)
UPDATE usages AS u SET bytes = u.bytes + l.bytes, media = u.media + l.media
FROM locked AS l WHERE u.kind = l.kind AND u.id = l.id AND EXISTS (SELECT FROM admitted)`

// Admit implements [store.Rows].
func (r *Rows) Admit(ctx context.Context, media []store.Media, additions []store.Addition) (admitted bool, err error) {
	args := append(additionColumns(additions), mediaColumns(media)...)
	err = r.do(ctx, "admit media", func(ctx context.Context, pool *pgxpool.Pool) error {
		result, err := pool.Exec(ctx, admitMedia, args...)
		admitted = err == nil && result.RowsAffected() > 0
		if postgres.RefusesValue(err) {
			return nil
		}
		return err
	})
	return admitted, err
}

func additionColumns(additions []store.Addition) []any {
	var (
		kinds                              []string
		ids                                []uuid.UUID
		bytes, media, mostBytes, mostMedia []int64
	)
	for _, a := range additions {
		kinds, ids, bytes, media = append(kinds, string(a.Kind)), append(ids, a.ID), append(bytes, a.Bytes), append(media, a.Media)
		mostBytes, mostMedia = append(mostBytes, a.MostBytes), append(mostMedia, a.MostMedia)
	}
	return []any{kinds, ids, bytes, media, mostBytes, mostMedia}
}

// mediaColumns has what a pending medium says.
func mediaColumns(media []store.Media) []any {
	var (
		ids, rooms, uploaders                           []uuid.UUID
		tenants, purposes, fileNames, mimeTypes, states []string
		sizes                                           []int64
		sums                                            [][]byte
		created                                         []time.Time
		expires                                         []*time.Time
	)
	for _, m := range media {
		ids, rooms, uploaders = append(ids, m.ID), append(rooms, m.Room), append(uploaders, m.Uploader)
		tenants, purposes, states = append(tenants, m.Tenant), append(purposes, string(m.Purpose)), append(states, string(m.State))
		fileNames, mimeTypes = append(fileNames, m.FileName), append(mimeTypes, m.MimeType)
		sizes, sums = append(sizes, m.Size), append(sums, m.SHA256)
		created, expires = append(created, m.CreatedAt), append(expires, orNull(m.ExpiresAt))
	}
	return []any{ids, rooms, uploaders, tenants, purposes, fileNames, mimeTypes, sizes, sums, states, created, expires}
}
