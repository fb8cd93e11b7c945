package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

const selectProfile = `
SELECT u.id, u.tenant, u.display_name, u.picture, u.description, u.role, u.street_credits
FROM users u
WHERE u.id = $1 AND ($2 = '' OR u.tenant = $2) AND u.deleted_at IS NULL`

// Profile implements [people.Store].
func (s *Store) Profile(ctx context.Context, tenant string, id uuid.UUID) (found people.Profile, err error) {
	err = s.do(ctx, "get_profile", func(ctx context.Context, pool *pgxpool.Pool) error {
		err := pool.QueryRow(ctx, selectProfile, id, tenant).Scan(
			&found.ID, &found.Tenant, &found.DisplayName, &found.Picture, &found.Description, &found.Role, &found.StreetCredits)
		if errors.Is(err, pgx.ErrNoRows) {
			return people.ErrUserNotFound
		}
		return err
	})
	return found, err
}

const selectTenants = `SELECT id, tenant FROM users WHERE id = ANY($1) AND deleted_at IS NULL`

// Tenants implements [people.Store].
func (s *Store) Tenants(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	tenants := make(map[uuid.UUID]string, len(ids))
	err := s.do(ctx, "get_tenants", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, selectTenants, ids)
		if err != nil {
			return err
		}
		var id uuid.UUID
		var tenant string
		_, err = pgx.ForEachRow(rows, []any{&id, &tenant}, func() error {
			tenants[id] = tenant
			return nil
		})
		return err
	})
	return tenants, err
}

// Members and former ones have an index each, in the order of rooms.
const selectStays = `
SELECT r.id, r.type, r.name, r.image_url, r.created_at, r.ended_at, m.status, m.joined_at, m.left_at, m.last_read_at
FROM (
    (SELECT * FROM members WHERE user_id = $1 AND status = 'Joined' AND room_id > $2 ORDER BY room_id LIMIT $3)
    UNION ALL
    (SELECT * FROM members WHERE user_id = $1 AND status = 'Left' AND room_id > $2 ORDER BY room_id LIMIT $3)
) m
JOIN rooms r ON r.id = m.room_id
ORDER BY m.room_id LIMIT $3`

// Stays implements [store.Store].
func (s *Store) Stays(ctx context.Context, user, behind uuid.UUID, limit int) (stays []store.Stay, err error) {
	err = s.do(ctx, "list_stays", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, selectStays, user, behind, limit)
		if err != nil {
			return err
		}
		stays, err = pgx.CollectRows(rows, scanStay)
		return err
	})
	return stays, err
}

func scanStay(row pgx.CollectableRow) (store.Stay, error) {
	var (
		stay              store.Stay
		created, joined   time.Time
		ended, left, read *time.Time
	)
	err := row.Scan(&stay.Room.ID, &stay.Room.Type, &stay.Room.Name, &stay.Room.ImageURL, &created, &ended, &stay.Status, &joined, &left, &read)
	stay.Room.CreatedAt, stay.JoinedAt = wire.At(created), wire.At(joined)
	stay.EndedAt, stay.LeftAt, stay.LastRead = orNull(ended), orNull(left), orNull(read)
	return stay, err
}

func orNull(at *time.Time) *wire.Time {
	if at == nil {
		return nil
	}
	known := wire.At(*at)
	return &known
}
