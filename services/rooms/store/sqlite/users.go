package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

const upsertUser = `
INSERT INTO users (id, display_name, picture, token_issued_at, tenant, search_name) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE
SET display_name = excluded.display_name, picture = excluded.picture, token_issued_at = excluded.token_issued_at, search_name = excluded.search_name
WHERE tenant = excluded.tenant AND deleted_at IS NULL
  AND (token_issued_at IS NULL OR token_issued_at <= excluded.token_issued_at)
  AND (display_name, picture, token_issued_at, search_name)
      IS NOT (excluded.display_name, excluded.picture, excluded.token_issued_at, excluded.search_name)`

const selectTenant = `SELECT tenant, deleted_at IS NOT NULL FROM users WHERE id = ?`

// PutUser implements [store.Store].
func (s *Store) PutUser(ctx context.Context, user store.User, issued time.Time) error {
	issuedAt := sql.NullInt64{Int64: issued.UnixMicro(), Valid: !issued.IsZero()}
	return s.do("put_user", func(db *sqlite.DB) error {
		put, err := db.Writer.ExecContext(ctx, upsertUser, user.ID[:], user.DisplayName, user.Picture, issuedAt, user.Tenant,
			people.SearchName(user.DisplayName))
		if err != nil {
			return err
		}
		if written, err := put.RowsAffected(); err != nil || written == 1 {
			return err
		}
		var tenant string
		var deleted bool
		switch err := db.Writer.QueryRowContext(ctx, selectTenant, user.ID[:]).Scan(&tenant, &deleted); {
		case err != nil:
			return err
		case tenant != user.Tenant:
			return people.ErrOtherTenant
		case deleted:
			return people.ErrUserDeleted
		}
		return nil
	})
}

const upsertProfile = `
INSERT INTO users (id, display_name, picture, description, role, street_credits, tenant, search_name, token_issued_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE
SET display_name = excluded.display_name, picture = excluded.picture, description = excluded.description, role = excluded.role,
    street_credits = excluded.street_credits, search_name = excluded.search_name, deleted_at = NULL,
    token_issued_at = max(coalesce(token_issued_at, 0), excluded.token_issued_at)
WHERE tenant = excluded.tenant`

// PutProfiles implements [people.Store].
func (s *Store) PutProfiles(ctx context.Context, profiles []people.Profile, at time.Time) (ofOtherTenants []uuid.UUID, err error) {
	err = s.do("put_profiles", func(db *sqlite.DB) error {
		return db.Transact(ctx, func(tx *sql.Tx) error {
			for _, p := range profiles {
				put, err := tx.ExecContext(ctx, upsertProfile, p.ID[:], p.DisplayName, p.Picture, p.Description, p.Role, p.StreetCredits,
					p.Tenant, people.SearchName(p.DisplayName), at.UnixMicro())
				if err != nil {
					return err
				}
				written, err := put.RowsAffected()
				if err != nil {
					return err
				}
				if written == 0 {
					ofOtherTenants = append(ofOtherTenants, p.ID)
				}
			}
			return nil
		})
	})
	return ofOtherTenants, err
}

// userColumns are those of a [wire.User].
const userColumns = `u.id, u.display_name, u.street_credits, u.picture, u.description, u.friends_count, u.role`

func userTargets(user *wire.User) []any {
	return []any{&user.ID, &user.DisplayName, &user.StreetCredits, &user.ProfilePicture, &user.Description, &user.FriendsCount, &user.Role}
}

const selectRelatedUser = `
SELECT ` + userColumns + `, r.kind
FROM users u
LEFT JOIN relationships r ON r.user_id = ?1 AND r.other_id = u.id
WHERE u.id = ?3 AND u.tenant = ?2`

// User implements [people.Store].
func (s *Store) User(ctx context.Context, viewer people.Viewer, id uuid.UUID) (found wire.RelatedUser, err error) {
	err = s.do("get_user", func(db *sqlite.DB) error {
		row := db.Readers.QueryRowContext(ctx, selectRelatedUser, viewer.ID[:], viewer.Tenant, id[:])
		err := row.Scan(append(userTargets(&found.User), &found.Relationship)...)
		if errors.Is(err, sql.ErrNoRows) {
			return people.ErrUserNotFound
		}
		return err
	})
	return found, err
}

const searchUsers = `
SELECT ` + userColumns + `, r.kind, u.search_name
FROM users u
LEFT JOIN relationships r ON r.user_id = ?1 AND r.other_id = u.id
WHERE u.tenant = ?2 AND u.search_name >= ?3 AND u.search_name < ?4 AND (u.search_name, u.id) > (?5, ?6) AND u.id <> ?1
ORDER BY u.search_name, u.id
LIMIT ?7`

// SearchUsers implements [people.Store].
func (s *Store) SearchUsers(ctx context.Context, viewer people.Viewer, prefix string, behind people.MatchPoint, limit int) (matches []people.Match, err error) {
	err = s.do("search_users", func(db *sqlite.DB) (err error) {
		matches, err = collect(ctx, db.Readers, scanMatch, searchUsers, viewer.ID[:], viewer.Tenant, prefix, people.BehindPrefix(prefix),
			behind.SearchName, behind.ID[:], limit)
		return err
	})
	return matches, err
}

func scanMatch(scan func(targets ...any) error) (match people.Match, err error) {
	err = scan(append(userTargets(&match.User), &match.Relationship, &match.SearchName)...)
	return match, err
}

const selectRelatives = `
SELECT ` + userColumns + `, r.since
FROM relationships r
JOIN users u ON u.id = r.other_id AND u.tenant = ?2
WHERE r.user_id = ?1 AND r.kind = ?3 AND (r.since, r.other_id) < (?4, ?5)
ORDER BY r.since DESC, r.other_id DESC
LIMIT ?6`

// Relatives implements [people.Store].
func (s *Store) Relatives(ctx context.Context, viewer people.Viewer, as wire.Relationship, behind people.RelativePoint, limit int) (found []people.Relative, err error) {
	err = s.do("list_relatives", func(db *sqlite.DB) (err error) {
		found, err = collect(ctx, db.Readers, scanRelative, selectRelatives, viewer.ID[:], viewer.Tenant, string(as), behind.Since.UnixMicro(), behind.ID[:], limit)
		return err
	})
	return found, err
}

func scanRelative(scan func(targets ...any) error) (people.Relative, error) {
	var (
		relative people.Relative
		since    int64
	)
	err := scan(append(userTargets(&relative.User), &since)...)
	relative.Since = fromMicros(since)
	return relative, err
}
