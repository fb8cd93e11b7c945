package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

const selectStanding = `
SELECT r.membership_version, m.status,
       CASE WHEN r.since_joining THEN m.joined_message END,
       CASE m.status WHEN 'Left' THEN m.left_message END
FROM members m
JOIN rooms r ON r.id = m.room_id
WHERE m.room_id = $1 AND m.user_id = $2`

// Standing implements [store.Store].
func (s *Store) Standing(ctx context.Context, room, user uuid.UUID) (events.Standing, error) {
	standing := events.Standing{RoomID: room, UserID: user}
	err := s.do(ctx, "get_standing", func(ctx context.Context, pool *pgxpool.Pool) error {
		return orNotFound(pool.QueryRow(ctx, selectStanding, room, user).Scan(&standing.Version, &standing.Status, &standing.From, &standing.To))
	})
	return standing, err
}

const lockRoom = `
SELECT type, name, image_url, created_at, membership_version, large, latest_message, tenant
FROM rooms
WHERE id = $1 AND ended_at IS NULL
FOR NO KEY UPDATE`

func (t tx) LockRoom(ctx context.Context, room uuid.UUID) (state store.RoomState, err error) {
	err = t.db.QueryRow(ctx, lockRoom, room).Scan(
		&state.Type, &state.Name, &state.ImageURL, &state.CreatedAt, &state.MembershipVersion, &state.Large, &state.LatestMessage, &state.Tenant)
	state.CreatedAt, state.LatestMessage = state.CreatedAt.UTC(), state.LatestMessage.UTC()
	return state, storeError("lock room", orNotFound(err))
}

const updatePublic = `UPDATE rooms SET name = $2, image_url = $3 WHERE id = $1`

func (t tx) SetPublic(ctx context.Context, room uuid.UUID, name, imageURL *string) error {
	_, err := t.db.Exec(ctx, updatePublic, room, name, imageURL)
	return storeError("set a room's name and picture", err)
}

const updateLarge = `UPDATE rooms SET large = true WHERE id = $1`

func (t tx) SetLarge(ctx context.Context, room uuid.UUID) error {
	_, err := t.db.Exec(ctx, updateLarge, room)
	return storeError("make room large", err)
}

const countJoined = `SELECT count(*) FROM members WHERE room_id = $1 AND status = 'Joined'`

func (t tx) CountJoined(ctx context.Context, room uuid.UUID) (joined int, err error) {
	err = t.db.QueryRow(ctx, countJoined, room).Scan(&joined)
	return joined, storeError("count who has joined", err)
}

// selectJoinedIn divides by the last byte of ids, as [events.SnapshotPart] does.
const selectJoinedIn = `
SELECT user_id FROM members
WHERE room_id = $1 AND status = 'Joined' AND get_byte(uuid_send(user_id), 15) % $3 = $2
ORDER BY user_id`

func (t tx) JoinedIn(ctx context.Context, room uuid.UUID, part int) ([]uuid.UUID, error) {
	rows, err := t.db.Query(ctx, selectJoinedIn, room, part, events.SnapshotParts)
	if err != nil {
		return nil, storeError("read who has joined", err)
	}
	users, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	return users, storeError("read who has joined", err)
}

const selectMember = selectMembersOf + ` AND m.user_id = $2 AND m.status = 'Joined'`

func (t tx) Member(ctx context.Context, room, user uuid.UUID) (wire.Member, error) {
	rows, err := t.db.Query(ctx, selectMember, room, user)
	if err != nil {
		return wire.Member{}, storeError("read member", err)
	}
	member, err := pgx.CollectExactlyOneRow(rows, scanMember)
	return member, storeError("read member", orNotFound(err))
}

const upsertMembers = `
INSERT INTO members (room_id, user_id, position, status, joined_at, joined_message, read_counted)
SELECT $1, user_id, position, 'Joined', $3, $4, NULL
FROM unnest($2::uuid[]) WITH ORDINALITY AS joining (user_id, position)
ON CONFLICT (room_id, user_id) DO UPDATE
SET position = excluded.position, status = 'Joined', joined_at = excluded.joined_at, joined_message = excluded.joined_message,
    left_at = NULL, left_message = NULL, read_epoch = -1, read_offset = -1, read_counted = NULL, own_after = 0, opened = false,
    untold_since = NULL, untold_trace = NULL, receipt = false`

func (t tx) Join(ctx context.Context, change store.MembershipChange) error {
	_, err := t.db.Exec(ctx, upsertMembers, change.RoomID, change.Users, change.At, change.Message)
	return storeError("join", err)
}

const updateLeaving = `
UPDATE members SET status = 'Left', left_at = $3, left_message = $4
WHERE room_id = $1 AND user_id = ANY ($2) AND status = 'Joined'`

func (t tx) Leave(ctx context.Context, change store.MembershipChange) error {
	_, err := t.db.Exec(ctx, updateLeaving, change.RoomID, change.Users, change.At, change.Message)
	return storeError("leave", err)
}

const updateAllLeaving = `UPDATE members SET status = 'Left', left_at = $2 WHERE room_id = $1 AND status = 'Joined'`

func (t tx) LeaveAll(ctx context.Context, room uuid.UUID, at time.Time) error {
	_, err := t.db.Exec(ctx, updateAllLeaving, room, at)
	return storeError("leave", err)
}

const updateVersion = `UPDATE rooms SET membership_version = $2 WHERE id = $1`

func (t tx) SetMembershipVersion(ctx context.Context, room uuid.UUID, version int64) error {
	_, err := t.db.Exec(ctx, updateVersion, room, version)
	return storeError("set the membership's version", err)
}

const updateEnded = `UPDATE rooms SET ended_at = $2, pair_low = NULL, pair_high = NULL WHERE id = $1`

func (t tx) EndRoom(ctx context.Context, room uuid.UUID, at time.Time) error {
	_, err := t.db.Exec(ctx, updateEnded, room, at)
	return storeError("end room", err)
}
