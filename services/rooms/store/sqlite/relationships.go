package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

const selectUserOfTenant = `SELECT ` + userColumns + ` FROM users u WHERE u.id = ? AND u.tenant = ? AND u.deleted_at IS NULL`

func (t *tx) LockUsers(ctx context.Context, tenant string, ids []uuid.UUID) ([]wire.User, error) {
	var users []wire.User
	for _, id := range slices.Compact(slices.SortedFunc(slices.Values(ids), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })) {
		var user wire.User
		err := t.db.QueryRowContext(ctx, selectUserOfTenant, id[:], tenant).Scan(userTargets(&user)...)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, storeError("lock users", err)
		default:
			users = append(users, user)
		}
	}
	return users, nil
}

const selectRelationship = `SELECT kind FROM relationships WHERE user_id = ? AND other_id = ?`

func (t *tx) Relationship(ctx context.Context, user, other uuid.UUID) (as wire.Relationship, err error) {
	err = t.db.QueryRowContext(ctx, selectRelationship, user[:], other[:]).Scan(&as)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return as, storeError("read a relationship", err)
}

const upsertBond = `
INSERT INTO relationships (user_id, other_id, kind, since) VALUES (?1, ?2, ?3, ?5), (?2, ?1, ?4, ?5)
ON CONFLICT (user_id, other_id) DO UPDATE SET kind = excluded.kind, since = excluded.since`

func (t *tx) Relate(ctx context.Context, bond people.Bond, since time.Time) error {
	_, err := t.db.ExecContext(ctx, upsertBond, bond.User[:], bond.Other[:], string(bond.AsUser), string(bond.AsOther), since.UnixMicro())
	if err != nil {
		return storeError("relate users", err)
	}
	return t.countFriends(ctx, bond.User, bond.Other)
}

const deleteBond = `DELETE FROM relationships WHERE user_id = ?1 AND other_id = ?2 OR user_id = ?2 AND other_id = ?1`

func (t *tx) Unrelate(ctx context.Context, user, other uuid.UUID) error {
	if _, err := t.db.ExecContext(ctx, deleteBond, user[:], other[:]); err != nil {
		return storeError("end a relationship", err)
	}
	return t.countFriends(ctx, user, other)
}

const updateFriendsCounts = `
UPDATE users SET friends_count = (SELECT count(*) FROM relationships WHERE user_id = id AND kind = 'FRIEND') WHERE id IN (?, ?)`

func (t *tx) countFriends(ctx context.Context, user, other uuid.UUID) error {
	_, err := t.db.ExecContext(ctx, updateFriendsCounts, user[:], other[:])
	return storeError("count friends", err)
}

const countRelatives = `SELECT count(*) FROM (SELECT 1 FROM relationships WHERE user_id = ? AND kind = ? LIMIT ?)`

func (t *tx) CountRelatives(ctx context.Context, user uuid.UUID, as wire.Relationship, limit int) (relatives int, err error) {
	err = t.db.QueryRowContext(ctx, countRelatives, user[:], string(as), limit).Scan(&relatives)
	return relatives, storeError("count relatives", err)
}

const selectBlocks = `SELECT other_id FROM relationships WHERE user_id = ? AND kind IN ('CLIENT_BLOCKED', 'CLIENT_GOT_BLOCKED')`

func (t *tx) Blocked(ctx context.Context, user uuid.UUID, others []uuid.UUID) (blocked []uuid.UUID, err error) {
	asked := make(map[uuid.UUID]bool, len(others))
	for _, other := range others {
		asked[other] = true
	}
	rows, err := t.db.QueryContext(ctx, selectBlocks, user[:])
	if err != nil {
		return nil, storeError("read blocks", err)
	}
	defer rows.Close() // rows.Err says what went wrong
	for rows.Next() {
		var other uuid.UUID
		if err := rows.Scan(&other); err != nil {
			return nil, storeError("read blocks", err)
		}
		if asked[other] {
			blocked = append(blocked, other)
		}
	}
	return blocked, storeError("read blocks", rows.Err())
}

const selectIsFriend = `SELECT 1 FROM relationships WHERE user_id = ? AND other_id = ? AND kind = 'FRIEND'`

func (t *tx) Friends(ctx context.Context, user uuid.UUID, others []uuid.UUID) ([]uuid.UUID, error) {
	friends, err := t.those(ctx, selectIsFriend, user, others)
	return friends, storeError("read friends", err)
}

const selectIsSharing = `
SELECT 1 FROM members mine JOIN members theirs ON theirs.room_id = mine.room_id
WHERE mine.user_id = ? AND mine.status = 'Joined' AND theirs.user_id = ? AND theirs.status = 'Joined'
LIMIT 1`

func (t *tx) SharingRooms(ctx context.Context, user uuid.UUID, others []uuid.UUID) ([]uuid.UUID, error) {
	sharing, err := t.those(ctx, selectIsSharing, user, others)
	return sharing, storeError("read who shares a room", err)
}

// those gives those of the others for whom the query, of the user and one of them, has a row.
func (t *tx) those(ctx context.Context, query string, user uuid.UUID, others []uuid.UUID) (found []uuid.UUID, err error) {
	for _, other := range others {
		var one int
		err := t.db.QueryRowContext(ctx, query, user[:], other[:]).Scan(&one)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, err
		default:
			found = append(found, other)
		}
	}
	return found, nil
}

func (t *tx) SingleRoomOf(ctx context.Context, pair store.Pair) (room uuid.UUID, err error) {
	err = t.db.QueryRowContext(ctx, selectSingleRoom, pair.Low[:], pair.High[:]).Scan(&room)
	return room, storeError("find the room of a pair", orNotFound(err))
}
