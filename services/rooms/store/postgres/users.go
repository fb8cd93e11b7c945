package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

const upsertUser = `
INSERT INTO users AS u (id, display_name, picture, token_issued_at, tenant, search_name) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE
SET display_name = excluded.display_name, picture = excluded.picture, token_issued_at = excluded.token_issued_at, search_name = excluded.search_name
WHERE u.tenant = excluded.tenant AND u.deleted_at IS NULL
  AND (u.token_issued_at IS NULL OR u.token_issued_at <= excluded.token_issued_at)
  AND (u.display_name, u.picture, u.token_issued_at, u.search_name)
      IS DISTINCT FROM (excluded.display_name, excluded.picture, excluded.token_issued_at, excluded.search_name)`

const selectTenant = `SELECT tenant, deleted_at IS NOT NULL FROM users WHERE id = $1`

// PutUser implements [store.Store].
func (s *Store) PutUser(ctx context.Context, user store.User, issued time.Time) error {
	var issuedAt *time.Time
	if !issued.IsZero() {
		issuedAt = &issued
	}
	return s.do(ctx, "put_user", func(ctx context.Context, pool *pgxpool.Pool) error {
		put, err := pool.Exec(ctx, upsertUser, user.ID, user.DisplayName, user.Picture, issuedAt, user.Tenant, people.SearchName(user.DisplayName))
		if err != nil || put.RowsAffected() == 1 {
			return err
		}
		var tenant string
		var deleted bool
		switch err := pool.QueryRow(ctx, selectTenant, user.ID).Scan(&tenant, &deleted); {
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

// upsertProfiles gives the ids of those that it has written.
const upsertProfiles = `
INSERT INTO users AS u (id, display_name, picture, description, role, street_credits, tenant, search_name, token_issued_at)
SELECT *, $9::timestamptz
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::text[])
ON CONFLICT (id) DO UPDATE
SET display_name = excluded.display_name, picture = excluded.picture, description = excluded.description, role = excluded.role,
    street_credits = excluded.street_credits, search_name = excluded.search_name, deleted_at = NULL,
    token_issued_at = greatest(u.token_issued_at, excluded.token_issued_at)
WHERE u.tenant = excluded.tenant
RETURNING id`

// PutProfiles implements [people.Store]. The rows are written in the order of their ids, as they are locked elsewhere.
func (s *Store) PutProfiles(ctx context.Context, profiles []people.Profile, at time.Time) (ofOtherTenants []uuid.UUID, err error) {
	var columns struct {
		ids                           []uuid.UUID
		names, tenants, searchNames   []string
		pictures, descriptions, roles []*string
		credits                       []int32
	}
	for _, profile := range inOrder(profiles) {
		columns.ids = append(columns.ids, profile.ID)
		columns.names = append(columns.names, profile.DisplayName)
		columns.pictures = append(columns.pictures, profile.Picture)
		columns.descriptions = append(columns.descriptions, profile.Description)
		columns.roles = append(columns.roles, profile.Role)
		columns.credits = append(columns.credits, profile.StreetCredits)
		columns.tenants = append(columns.tenants, profile.Tenant)
		columns.searchNames = append(columns.searchNames, people.SearchName(profile.DisplayName))
	}
	err = s.do(ctx, "put_profiles", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, upsertProfiles, columns.ids, columns.names, columns.pictures, columns.descriptions, columns.roles,
			columns.credits, columns.tenants, columns.searchNames, at)
		if err != nil {
			return err
		}
		written, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		ofOtherTenants = slices.DeleteFunc(columns.ids, func(id uuid.UUID) bool { return slices.Contains(written, id) })
		return err
	})
	return ofOtherTenants, err
}

func inOrder(profiles []people.Profile) []people.Profile {
	return slices.SortedFunc(slices.Values(profiles), func(a, b people.Profile) int { return slices.Compare(a.ID[:], b.ID[:]) })
}

// userColumns are those of a [wire.User].
const userColumns = `u.id, u.display_name, u.street_credits, u.picture, u.description, u.friends_count, u.role`

func userTargets(user *wire.User) []any {
	return []any{&user.ID, &user.DisplayName, &user.StreetCredits, &user.ProfilePicture, &user.Description, &user.FriendsCount, &user.Role}
}

const selectRelatedUser = `
SELECT ` + userColumns + `, r.kind
FROM users u
LEFT JOIN relationships r ON r.user_id = $1 AND r.other_id = u.id
WHERE u.id = $3 AND u.tenant = $2`

// User implements [people.Store].
func (s *Store) User(ctx context.Context, viewer people.Viewer, id uuid.UUID) (found wire.RelatedUser, err error) {
	err = s.do(ctx, "get_user", func(ctx context.Context, pool *pgxpool.Pool) error {
		row := pool.QueryRow(ctx, selectRelatedUser, viewer.ID, viewer.Tenant, id)
		err := row.Scan(append(userTargets(&found.User), &found.Relationship)...)
		if errors.Is(err, pgx.ErrNoRows) {
			return people.ErrUserNotFound
		}
		return err
	})
	return found, err
}

const searchUsers = `
SELECT ` + userColumns + `, r.kind, u.search_name
FROM users u
LEFT JOIN relationships r ON r.user_id = $1 AND r.other_id = u.id
WHERE u.tenant = $2 AND u.search_name >= $3 AND u.search_name < $4 AND (u.search_name, u.id) > ($5, $6) AND u.id <> $1
ORDER BY u.search_name, u.id
LIMIT $7`

// SearchUsers implements [people.Store].
func (s *Store) SearchUsers(ctx context.Context, viewer people.Viewer, prefix string, behind people.MatchPoint, limit int) (matches []people.Match, err error) {
	err = s.do(ctx, "search_users", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, searchUsers, viewer.ID, viewer.Tenant, prefix, people.BehindPrefix(prefix), behind.SearchName, behind.ID, limit)
		if err != nil {
			return err
		}
		matches, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (match people.Match, err error) {
			err = row.Scan(append(userTargets(&match.User), &match.Relationship, &match.SearchName)...)
			return match, err
		})
		return err
	})
	return matches, err
}

const selectRelatives = `
SELECT ` + userColumns + `, r.since
FROM relationships r
JOIN users u ON u.id = r.other_id AND u.tenant = $2
WHERE r.user_id = $1 AND r.kind = $3 AND (r.since, r.other_id) < ($4, $5)
ORDER BY r.since DESC, r.other_id DESC
LIMIT $6`

// Relatives implements [people.Store].
func (s *Store) Relatives(ctx context.Context, viewer people.Viewer, as wire.Relationship, behind people.RelativePoint, limit int) (found []people.Relative, err error) {
	err = s.do(ctx, "list_relatives", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, selectRelatives, viewer.ID, viewer.Tenant, string(as), behind.Since, behind.ID, limit)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (relative people.Relative, err error) {
			err = row.Scan(append(userTargets(&relative.User), &relative.Since)...)
			relative.Since = relative.Since.UTC()
			return relative, err
		})
		return err
	})
	return found, err
}
