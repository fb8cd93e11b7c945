package sqlite

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

const selectOverview = `
SELECT r.id, r.type, r.name, r.image_url, r.created_at, r.created_by, r.tenant, r.ended_at, r.membership_version
FROM rooms r`

// The lists each begin where an index has the next room.
const (
	selectOverviews         = selectOverview + ` WHERE r.id > ?1 ORDER BY r.id LIMIT ?2`
	selectOverviewsOfTenant = selectOverview + ` WHERE r.tenant = ?3 AND r.id > ?1 ORDER BY r.id LIMIT ?2`
	selectOverviewsOfUser   = selectOverview + `
JOIN members m ON m.room_id = r.id
WHERE m.user_id = ?3 AND m.status = 'Joined' AND m.room_id > ?1 AND (?4 = '' OR r.tenant = ?4)
ORDER BY m.room_id LIMIT ?2`
	selectOneOverview = selectOverview + ` WHERE r.id = ?1 AND (?2 = '' OR r.tenant = ?2)`
)

// Overviews implements [store.Store].
func (s *Store) Overviews(ctx context.Context, asked store.Asked, behind uuid.UUID, limit int) (rooms []store.Overview, err error) {
	query, args := selectOverviews, []any{behind[:], limit}
	switch {
	case asked.User != uuid.Nil:
		query, args = selectOverviewsOfUser, append(args, asked.User[:], asked.Tenant)
	case asked.Tenant != "":
		query, args = selectOverviewsOfTenant, append(args, asked.Tenant)
	}
	err = s.do("list_overviews", func(db *sqlite.DB) (err error) {
		rooms, err = collect(ctx, db.Readers, scanOverview, query, args...)
		return err
	})
	return rooms, err
}

// Overview implements [store.Store].
func (s *Store) Overview(ctx context.Context, tenant string, room uuid.UUID) (found store.Overview, err error) {
	err = s.do("get_overview", func(db *sqlite.DB) error {
		found, err = scanOverview(db.Readers.QueryRowContext(ctx, selectOneOverview, room[:], tenant).Scan)
		return orNotFound(err)
	})
	return found, err
}

func scanOverview(scan func(targets ...any) error) (store.Overview, error) {
	var (
		room    store.Overview
		created int64
		ended   sql.NullInt64
	)
	err := scan(&room.ID, &room.Type, &room.Name, &room.ImageURL, &created, &room.CreatedBy, &room.Tenant, &ended, &room.Version)
	room.CreatedAt, room.EndedAt = wire.At(fromMicros(created)), orNull(ended)
	return room, err
}
