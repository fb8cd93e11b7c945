package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

const selectProfile = `
SELECT u.id, u.tenant, u.display_name, u.picture, u.description, u.role, u.street_credits
FROM users u
WHERE u.id = ?1 AND (?2 = '' OR u.tenant = ?2) AND u.deleted_at IS NULL`

// Profile implements [people.Store].
func (s *Store) Profile(ctx context.Context, tenant string, id uuid.UUID) (found people.Profile, err error) {
	err = s.do("get_profile", func(db *sqlite.DB) error {
		err := db.Readers.QueryRowContext(ctx, selectProfile, id[:], tenant).Scan(
			&found.ID, &found.Tenant, &found.DisplayName, &found.Picture, &found.Description, &found.Role, &found.StreetCredits)
		if errors.Is(err, sql.ErrNoRows) {
			return people.ErrUserNotFound
		}
		return err
	})
	return found, err
}

// selectTenants is the question for so many users.
func selectTenants(count int) string {
	return `SELECT id, tenant FROM users WHERE id IN (` + strings.TrimSuffix(strings.Repeat("?,", count), ",") + `) AND deleted_at IS NULL`
}

// Tenants implements [people.Store].
func (s *Store) Tenants(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	args := make([]any, len(ids))
	for i := range ids {
		args[i] = ids[i][:]
	}
	tenants := make(map[uuid.UUID]string, len(ids))
	err := s.do("get_tenants", func(db *sqlite.DB) error {
		_, err := collect(ctx, db.Readers, func(scan func(targets ...any) error) (id uuid.UUID, err error) {
			var tenant string
			err = scan(&id, &tenant)
			tenants[id] = tenant
			return id, err
		}, selectTenants(len(ids)), args...)
		return err
	})
	return tenants, err
}

// Members and former ones have an index each, in the order of rooms.
const selectStays = `
SELECT r.id, r.type, r.name, r.image_url, r.created_at, r.ended_at, m.status, m.joined_at, m.left_at, m.last_read_at
FROM (
    SELECT * FROM (SELECT * FROM members WHERE user_id = ?1 AND status = 'Joined' AND room_id > ?2 ORDER BY room_id LIMIT ?3)
    UNION ALL
    SELECT * FROM (SELECT * FROM members WHERE user_id = ?1 AND status = 'Left' AND room_id > ?2 ORDER BY room_id LIMIT ?3)
) m
JOIN rooms r ON r.id = m.room_id
ORDER BY m.room_id LIMIT ?3`

// Stays implements [store.Store].
func (s *Store) Stays(ctx context.Context, user, behind uuid.UUID, limit int) (stays []store.Stay, err error) {
	err = s.do("list_stays", func(db *sqlite.DB) (err error) {
		stays, err = collect(ctx, db.Readers, scanStay, selectStays, user[:], behind[:], limit)
		return err
	})
	return stays, err
}

func scanStay(scan func(targets ...any) error) (store.Stay, error) {
	var (
		stay              store.Stay
		created, joined   int64
		ended, left, read sql.NullInt64
	)
	err := scan(&stay.Room.ID, &stay.Room.Type, &stay.Room.Name, &stay.Room.ImageURL, &created, &ended, &stay.Status, &joined, &left, &read)
	stay.Room.CreatedAt, stay.JoinedAt = wire.At(fromMicros(created)), wire.At(fromMicros(joined))
	stay.EndedAt, stay.LeftAt, stay.LastRead = orNull(ended), orNull(left), orNull(read)
	return stay, err
}

func orNull(micros sql.NullInt64) *wire.Time {
	if !micros.Valid {
		return nil
	}
	at := wire.At(fromMicros(micros.Int64))
	return &at
}
