package sqlite

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

const selectStanding = `
SELECT r.membership_version, m.status,
       CASE WHEN r.since_joining THEN m.joined_message END,
       CASE m.status WHEN 'Left' THEN m.left_message END
FROM members m
JOIN rooms r ON r.id = m.room_id
WHERE m.room_id = ? AND m.user_id = ?`

// Standing implements [store.Store].
func (s *Store) Standing(ctx context.Context, room, user uuid.UUID) (events.Standing, error) {
	standing := events.Standing{RoomID: room, UserID: user}
	err := s.do("get_standing", func(db *sqlite.DB) error {
		var from, to uuid.NullUUID
		err := db.Readers.QueryRowContext(ctx, selectStanding, room[:], user[:]).Scan(&standing.Version, &standing.Status, &from, &to)
		if from.Valid {
			standing.From = &from.UUID
		}
		if to.Valid {
			standing.To = &to.UUID
		}
		return orNotFound(err)
	})
	return standing, err
}

const selectState = `
SELECT type, name, image_url, created_at, membership_version, large, latest_message, tenant
FROM rooms
WHERE id = ? AND ended_at IS NULL`

func (t *tx) LockRoom(ctx context.Context, room uuid.UUID) (store.RoomState, error) {
	var (
		state           store.RoomState
		created, latest int64
	)
	err := t.db.QueryRowContext(ctx, selectState, room[:]).Scan(
		&state.Type, &state.Name, &state.ImageURL, &created, &state.MembershipVersion, &state.Large, &latest, &state.Tenant)
	state.CreatedAt, state.LatestMessage = fromMicros(created), fromMicros(latest)
	return state, storeError("lock room", orNotFound(err))
}

const updatePublic = `UPDATE rooms SET name = ?2, image_url = ?3 WHERE id = ?1`

func (t *tx) SetPublic(ctx context.Context, room uuid.UUID, name, imageURL *string) error {
	_, err := t.db.ExecContext(ctx, updatePublic, room[:], name, imageURL)
	return storeError("set a room's name and picture", err)
}

const updateLarge = `UPDATE rooms SET large = 1 WHERE id = ?`

func (t *tx) SetLarge(ctx context.Context, room uuid.UUID) error {
	_, err := t.db.ExecContext(ctx, updateLarge, room[:])
	return storeError("make room large", err)
}

const countJoined = `SELECT count(*) FROM members WHERE room_id = ? AND status = 'Joined'`

func (t *tx) CountJoined(ctx context.Context, room uuid.UUID) (joined int, err error) {
	err = t.db.QueryRowContext(ctx, countJoined, room[:]).Scan(&joined)
	return joined, storeError("count who has joined", err)
}

// JoinedIn implements [store.Tx]. SQLite cannot compute with the bytes of an id.
func (t *tx) JoinedIn(ctx context.Context, room uuid.UUID, part int) ([]uuid.UUID, error) {
	joined, err := t.Joined(ctx, room)
	return slices.DeleteFunc(joined, func(user uuid.UUID) bool { return events.SnapshotPart(user) != part }), err
}

const selectMember = selectMembersOf + ` AND m.user_id = ? AND m.status = 'Joined'`

func (t *tx) Member(ctx context.Context, room, user uuid.UUID) (wire.Member, error) {
	member, err := scanMember(t.db.QueryRowContext(ctx, selectMember, room[:], user[:]).Scan)
	return member, storeError("read member", orNotFound(err))
}

const upsertMember = `
INSERT INTO members (room_id, user_id, position, status, joined_at, joined_message, read_counted) VALUES (?, ?, ?, 'Joined', ?, ?, NULL)
ON CONFLICT (room_id, user_id) DO UPDATE
SET position = excluded.position, status = 'Joined', joined_at = excluded.joined_at, joined_message = excluded.joined_message,
    left_at = NULL, left_message = NULL, read_epoch = -1, read_offset = -1, read_counted = NULL, own_after = 0, opened = 0,
    untold_since = NULL, untold_trace = NULL, receipt = 0`

func (t *tx) Join(ctx context.Context, change store.MembershipChange) error {
	for position, user := range change.Users {
		_, err := t.db.ExecContext(ctx, upsertMember, change.RoomID[:], user[:], position, change.At.UnixMicro(), change.Message[:])
		if err != nil {
			return storeError("join", err)
		}
	}
	return nil
}

const updateLeaving = `
UPDATE members SET status = 'Left', left_at = ?3, left_message = ?4
WHERE room_id = ?1 AND user_id = ?2 AND status = 'Joined'`

func (t *tx) Leave(ctx context.Context, change store.MembershipChange) error {
	for _, user := range change.Users {
		_, err := t.db.ExecContext(ctx, updateLeaving, change.RoomID[:], user[:], change.At.UnixMicro(), change.Message[:])
		if err != nil {
			return storeError("leave", err)
		}
	}
	return nil
}

const updateAllLeaving = `UPDATE members SET status = 'Left', left_at = ?2 WHERE room_id = ?1 AND status = 'Joined'`

func (t *tx) LeaveAll(ctx context.Context, room uuid.UUID, at time.Time) error {
	_, err := t.db.ExecContext(ctx, updateAllLeaving, room[:], at.UnixMicro())
	return storeError("leave", err)
}

const updateVersion = `UPDATE rooms SET membership_version = ? WHERE id = ?`

func (t *tx) SetMembershipVersion(ctx context.Context, room uuid.UUID, version int64) error {
	_, err := t.db.ExecContext(ctx, updateVersion, version, room[:])
	return storeError("set the membership's version", err)
}

const updateEnded = `UPDATE rooms SET ended_at = ?, pair_low = NULL, pair_high = NULL WHERE id = ?`

func (t *tx) EndRoom(ctx context.Context, room uuid.UUID, at time.Time) error {
	_, err := t.db.ExecContext(ctx, updateEnded, at.UnixMicro(), room[:])
	return storeError("end room", err)
}
