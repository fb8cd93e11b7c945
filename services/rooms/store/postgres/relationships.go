package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

const lockUsers = `
SELECT ` + userColumns + `
FROM users u
WHERE u.id = ANY ($1) AND u.tenant = $2 AND u.deleted_at IS NULL
ORDER BY u.id
FOR NO KEY UPDATE`

func (t tx) LockUsers(ctx context.Context, tenant string, ids []uuid.UUID) ([]wire.User, error) {
	rows, err := t.db.Query(ctx, lockUsers, ids, tenant)
	if err != nil {
		return nil, storeError("lock users", err)
	}
	users, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (user wire.User, err error) {
		err = row.Scan(userTargets(&user)...)
		return user, err
	})
	return users, storeError("lock users", err)
}

const selectRelationship = `SELECT kind FROM relationships WHERE user_id = $1 AND other_id = $2`

func (t tx) Relationship(ctx context.Context, user, other uuid.UUID) (as wire.Relationship, err error) {
	err = t.db.QueryRow(ctx, selectRelationship, user, other).Scan(&as)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return as, storeError("read a relationship", err)
}

const upsertBond = `
INSERT INTO relationships (user_id, other_id, kind, since) VALUES ($1, $2, $3, $5), ($2, $1, $4, $5)
ON CONFLICT (user_id, other_id) DO UPDATE SET kind = excluded.kind, since = excluded.since`

func (t tx) Relate(ctx context.Context, bond people.Bond, since time.Time) error {
	_, err := t.db.Exec(ctx, upsertBond, bond.User, bond.Other, string(bond.AsUser), string(bond.AsOther), since)
	if err != nil {
		return storeError("relate users", err)
	}
	return t.countFriends(ctx, bond.User, bond.Other)
}

const deleteBond = `DELETE FROM relationships WHERE (user_id, other_id) IN (($1::uuid, $2::uuid), ($2::uuid, $1::uuid))`

func (t tx) Unrelate(ctx context.Context, user, other uuid.UUID) error {
	if _, err := t.db.Exec(ctx, deleteBond, user, other); err != nil {
		return storeError("end a relationship", err)
	}
	return t.countFriends(ctx, user, other)
}

// updateFriendsCounts counts anew: nobody else changes these users' rows, and there are not many.
const updateFriendsCounts = `
UPDATE users u SET friends_count = counted.friends
FROM (
    SELECT id, (SELECT count(*) FROM relationships WHERE user_id = id AND kind = 'FRIEND') AS friends FROM unnest($1::uuid[]) AS id
) AS counted
WHERE u.id = counted.id AND u.friends_count <> counted.friends`

func (t tx) countFriends(ctx context.Context, users ...uuid.UUID) error {
	_, err := t.db.Exec(ctx, updateFriendsCounts, users)
	return storeError("count friends", err)
}

const countRelatives = `SELECT count(*) FROM (SELECT FROM relationships WHERE user_id = $1 AND kind = $2 LIMIT $3) AS counted`

func (t tx) CountRelatives(ctx context.Context, user uuid.UUID, as wire.Relationship, limit int) (relatives int, err error) {
	err = t.db.QueryRow(ctx, countRelatives, user, string(as), limit).Scan(&relatives)
	return relatives, storeError("count relatives", err)
}

// A block locks both users for itself, so who has locked one of them for others knows all blocks of it.
const lockUserForOthers = `SELECT FROM users WHERE id = $1 FOR SHARE`

const selectBlocked = `
SELECT other_id FROM relationships
WHERE user_id = $1 AND other_id = ANY ($2) AND kind IN ('CLIENT_BLOCKED', 'CLIENT_GOT_BLOCKED')`

// Blocked sends both statements at once. The second sees what was committed until the first had its lock.
func (t tx) Blocked(ctx context.Context, user uuid.UUID, others []uuid.UUID) (blocked []uuid.UUID, err error) {
	batch := &pgx.Batch{}
	batch.Queue(lockUserForOthers, user)
	batch.Queue(selectBlocked, user, others).Query(func(rows pgx.Rows) error {
		blocked, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	return blocked, storeError("read blocks", t.db.SendBatch(ctx, batch).Close())
}

const selectFriends = `SELECT other_id FROM relationships WHERE user_id = $1 AND other_id = ANY ($2) AND kind = 'FRIEND'`

func (t tx) Friends(ctx context.Context, user uuid.UUID, others []uuid.UUID) ([]uuid.UUID, error) {
	rows, err := t.db.Query(ctx, selectFriends, user, others)
	if err != nil {
		return nil, storeError("read friends", err)
	}
	friends, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	return friends, storeError("read friends", err)
}

const selectSharing = `
SELECT other FROM unnest($2::uuid[]) AS other
WHERE EXISTS (
    SELECT FROM members mine JOIN members theirs ON theirs.room_id = mine.room_id
    WHERE mine.user_id = $1 AND mine.status = 'Joined' AND theirs.user_id = other AND theirs.status = 'Joined')`

func (t tx) SharingRooms(ctx context.Context, user uuid.UUID, others []uuid.UUID) ([]uuid.UUID, error) {
	rows, err := t.db.Query(ctx, selectSharing, user, others)
	if err != nil {
		return nil, storeError("read who shares a room", err)
	}
	sharing, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	return sharing, storeError("read who shares a room", err)
}

func (t tx) SingleRoomOf(ctx context.Context, pair store.Pair) (room uuid.UUID, err error) {
	err = t.db.QueryRow(ctx, selectSingleRoom, pair.Low, pair.High).Scan(&room)
	return room, storeError("find the room of a pair", orNotFound(err))
}
