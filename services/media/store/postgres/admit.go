package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/services/media/store"
)

// admitMedia is one round trip, so usages are locked for as long as the server needs. They are locked in their order before anything is written, and looked at
// as they are then, whatever the statement's snapshot says (Postgres's documentation, "Read Committed Isolation Level").
//
// The limits say how long the arrays are, and have Postgres plan for fewer rows than the ten that it takes an array for: it would read all usages to join them
// with ten, and keep that plan while they become many.
const admitMedia = `
WITH locked AS MATERIALIZED (
    SELECT u.kind, u.id, u.closed_at IS NULL AND u.bytes <= a.most_bytes AND u.media <= a.most_media AS allowed
    FROM (
        SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[]) AS additions (kind, id, most_bytes, most_media) LIMIT $5
    ) AS a JOIN usages AS u ON u.kind = a.kind AND u.id = a.id
    ORDER BY u.kind, u.id FOR NO KEY UPDATE OF u
), admitted AS (
    INSERT INTO media (` + columns + `)
    SELECT m.id, room_id, uploader_id, tenant, purpose, file_name, mime_type, '', size, sha256, state, '', 0, 0, '{}', '', 0, created_at, created_at, expires_at
    FROM (
        SELECT * FROM unnest($6::uuid[], $7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::bytea[], $15::text[],
            $16::timestamptz[], $17::timestamptz[])
            AS given (id, room_id, uploader_id, tenant, purpose, file_name, mime_type, size, sha256, state, created_at, expires_at) LIMIT $18
    ) AS m
    JOIN locked AS room ON room.kind = 'room' AND room.id = room_id AND room.allowed
    JOIN locked AS uploader ON uploader.kind = 'user' AND uploader.id = uploader_id AND uploader.allowed
    ORDER BY m.id
    ON CONFLICT (id) DO NOTHING
    RETURNING id, room_id, uploader_id, size
), counted AS (
    UPDATE usages AS u SET bytes = u.bytes + n.bytes, media = u.media + n.media
    FROM (
        SELECT kind, id, sum(size)::bigint AS bytes, count(*) AS media
        FROM (SELECT 'room' AS kind, room_id AS id, size FROM admitted UNION ALL SELECT 'user', uploader_id, size FROM admitted) AS counting
        GROUP BY kind, id
    ) AS n
    WHERE u.kind = n.kind AND u.id = n.id
)
SELECT id FROM admitted`

// Admit implements [store.Rows].
func (r *Rows) Admit(ctx context.Context, media []store.Media, additions []store.Addition) (admitted []uuid.UUID, err error) {
	args := append(additionColumns(additions), mediaColumns(media)...)
	err = r.do(ctx, "admit media", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, admitMedia, args...)
		if err != nil {
			return err
		}
		admitted, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if postgres.RefusesValue(err) {
			return nil
		}
		return err
	})
	return admitted, err
}

func additionColumns(additions []store.Addition) []any {
	var (
		kinds                []string
		ids                  []uuid.UUID
		mostBytes, mostMedia []int64
	)
	for _, a := range additions {
		kinds, ids, mostBytes, mostMedia = append(kinds, string(a.Kind)), append(ids, a.ID), append(mostBytes, a.MostBytes), append(mostMedia, a.MostMedia)
	}
	return []any{kinds, ids, mostBytes, mostMedia, len(additions)}
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
	return []any{ids, rooms, uploaders, tenants, purposes, fileNames, mimeTypes, sizes, sums, states, created, expires, len(media)}
}
