package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

const selectOverview = `
SELECT r.id, r.type, r.name, r.image_url, r.created_at, r.created_by, r.tenant, r.ended_at, r.membership_version
FROM rooms r`

// The lists each begin where an index has the next room.
const (
	selectOverviews         = selectOverview + ` WHERE r.id > $1 ORDER BY r.id LIMIT $2`
	selectOverviewsOfTenant = selectOverview + ` WHERE r.tenant = $3 AND r.id > $1 ORDER BY r.id LIMIT $2`
	selectOverviewsOfUser   = selectOverview + `
JOIN members m ON m.room_id = r.id
WHERE m.user_id = $3 AND m.status = 'Joined' AND m.room_id > $1 AND ($4 = '' OR r.tenant = $4)
ORDER BY m.room_id LIMIT $2`
	selectOneOverview = selectOverview + ` WHERE r.id = $1 AND ($2 = '' OR r.tenant = $2)`
)

// Overviews implements [store.Store].
func (s *Store) Overviews(ctx context.Context, asked store.Asked, behind uuid.UUID, limit int) (rooms []store.Overview, err error) {
	query, args := selectOverviews, []any{behind, limit}
	switch {
	case asked.User != uuid.Nil:
		query, args = selectOverviewsOfUser, append(args, asked.User, asked.Tenant)
	case asked.Tenant != "":
		query, args = selectOverviewsOfTenant, append(args, asked.Tenant)
	}
	err = s.do(ctx, "list_overviews", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		rooms, err = pgx.CollectRows(rows, scanOverview)
		return err
	})
	return rooms, err
}

// Overview implements [store.Store].
func (s *Store) Overview(ctx context.Context, tenant string, room uuid.UUID) (found store.Overview, err error) {
	err = s.do(ctx, "get_overview", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, selectOneOverview, room, tenant)
		if err != nil {
			return err
		}
		found, err = pgx.CollectExactlyOneRow(rows, scanOverview)
		return orNotFound(err)
	})
	return found, err
}

func scanOverview(row pgx.CollectableRow) (store.Overview, error) {
	var (
		room    store.Overview
		created time.Time
		ended   *time.Time
	)
	err := row.Scan(&room.ID, &room.Type, &room.Name, &room.ImageURL, &created, &room.CreatedBy, &room.Tenant, &ended, &room.Version)
	room.CreatedAt, room.EndedAt = wire.At(created), orNull(ended)
	return room, err
}
