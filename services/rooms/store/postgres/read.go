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

// unreadCount is how much of the room r is unread for its member m.
const unreadCount = `greatest(coalesce(r.counted - m.read_counted - m.own_after, 0), 0)`

// isNew says that the member m has read nothing of the room r since it joined. The version before this one says so by the time alone.
const isNew = `(NOT m.opened AND (m.last_read_at IS NULL OR m.last_read_at < r.latest_message))`

// selectRooms gives rooms as the user $1 sees them: a Single room has the other user's name and picture, and who sent the latest message is named as
// that user is now.
const selectRooms = `
SELECT r.id, r.type,
       CASE r.type WHEN 'Single' THEN other.display_name ELSE r.name END,
       CASE r.type WHEN 'Single' THEN other.picture ELSE r.image_url END,
       r.created_at, r.latest_message, ` + isNew + `, ` + unreadCount + `, r.latest_epoch, r.latest_offset, r.preview, sender.display_name
FROM members m
JOIN rooms r ON r.id = m.room_id
LEFT JOIN users other ON other.id = CASE r.pair_low WHEN $1 THEN r.pair_high ELSE r.pair_low END
LEFT JOIN users sender ON sender.id = (r.preview->>'sender')::uuid
WHERE m.user_id = $1 AND m.status = 'Joined'`

const (
	selectRoom = selectRooms + ` AND m.room_id = $2`

	// selectRoomList looks at each of the user's rooms once, and reads whole rows only of those that it gives.
	selectRoomList = selectRooms + ` AND m.room_id = ANY (ARRAY(
    SELECT r.id
    FROM members m
    JOIN rooms r ON r.id = m.room_id
    WHERE m.user_id = $1 AND m.status = 'Joined'
      AND ($2::timestamptz IS NULL OR (r.latest_message, r.id) < ($2, $3))
      AND ($4::text IS NULL OR r.type = $4)
      AND (NOT $5::boolean OR ` + isNew + ` OR r.counted - m.read_counted - m.own_after > 0)
    ORDER BY r.latest_message DESC, r.id DESC
    LIMIT $6))
ORDER BY r.latest_message DESC, r.id DESC`
)

// Rooms implements [store.Store].
func (s *Store) Rooms(ctx context.Context, user uuid.UUID, query store.RoomQuery) (rooms []wire.Room, err error) {
	var (
		before *time.Time
		id     uuid.UUID
		kind   *string
	)
	if query.Before != nil {
		before, id = &query.Before.LatestMessage, query.Before.ID
	}
	if query.Type != "" {
		kind = (*string)(&query.Type)
	}
	err = s.do(ctx, "list_rooms", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, selectRoomList, user, before, id, kind, query.Unread, query.Limit)
		if err != nil {
			return err
		}
		rooms, err = pgx.CollectRows(rows, scanRoom)
		return err
	})
	return rooms, err
}

// Room implements [store.Store].
func (s *Store) Room(ctx context.Context, room, user uuid.UUID) (found wire.Room, err error) {
	err = s.do(ctx, "get_room", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, selectRoom, user, room)
		if err != nil {
			return err
		}
		found, err = pgx.CollectExactlyOneRow(rows, scanRoom)
		return orNotFound(err)
	})
	return found, err
}

func scanRoom(row pgx.CollectableRow) (wire.Room, error) {
	var (
		room            wire.Room
		created, latest time.Time
		asOf            events.Position
		shown           store.Shown
		sender          *string
	)
	err := row.Scan(&room.ID, &room.Type, &room.Name, &room.ImageURL, &created, &latest, &room.Unread, &room.UnreadCount,
		&asOf.Epoch, &asOf.Offset, &shown, &sender)
	room.LatestMessageText = shown.By(sender, time.Now())
	room.CreatedAt, room.LatestMessage, room.UnreadAsOf = wire.At(created), wire.At(latest), asOf.String()
	room.Unread = room.Unread || room.UnreadCount > 0
	return room, err
}

const selectVersion = `SELECT membership_version FROM rooms WHERE id = $1`

const (
	selectMembersOf = `
SELECT u.id, u.display_name, u.picture, m.joined_at, m.last_read_at, m.status
FROM members m
JOIN users u ON u.id = m.user_id
WHERE m.room_id = $1`
	selectMembers = selectMembersOf + ` ORDER BY m.joined_at, m.position`
)

// Membership implements [store.Store]. Version and members are of one snapshot.
func (s *Store) Membership(ctx context.Context, room uuid.UUID) (membership store.Membership, err error) {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = s.do(ctx, "get_membership", func(ctx context.Context, pool *pgxpool.Pool) error {
		return pgx.BeginTxFunc(ctx, pool, snapshot, func(tx pgx.Tx) error {
			if err := tx.QueryRow(ctx, selectVersion, room).Scan(&membership.Version); err != nil {
				return orNotFound(err)
			}
			rows, err := tx.Query(ctx, selectMembers, room)
			if err != nil {
				return err
			}
			membership.Members, err = pgx.CollectRows(rows, scanMember)
			return err
		})
	})
	return membership, err
}

const selectAudience = `
SELECT membership_version, since_joining, large, tenant,
       CASE WHEN NOT large THEN ARRAY(SELECT user_id FROM members WHERE room_id = $1 AND status = 'Joined' ORDER BY joined_at, position) END
FROM rooms
WHERE id = $1 AND ended_at IS NULL`

// Audience implements [store.Store].
func (s *Store) Audience(ctx context.Context, room uuid.UUID) (membership events.Membership, err error) {
	membership.RoomID = room
	err = s.do(ctx, "get_audience", func(ctx context.Context, pool *pgxpool.Pool) error {
		return orNotFound(pool.QueryRow(ctx, selectAudience, room).Scan(
			&membership.Version, &membership.SinceJoining, &membership.WholeRoom, &membership.Tenant, &membership.Users))
	})
	if membership.WholeRoom {
		membership.Audience = events.WholeRoom(membership.Version)
	}
	return membership, err
}

func scanMember(row pgx.CollectableRow) (wire.Member, error) {
	var (
		member wire.Member
		joined time.Time
		read   *time.Time
	)
	err := row.Scan(&member.ID, &member.DisplayName, &member.ProfilePicture, &joined, &read, &member.Status)
	member.JoinedAt, member.LastReadAt = wire.At(joined), orNull(read)
	return member, err
}

const selectSingleRoom = `SELECT id FROM rooms WHERE type = 'Single' AND pair_low = $1 AND pair_high = $2`

// SingleRoom implements [store.Store].
func (s *Store) SingleRoom(ctx context.Context, a, b uuid.UUID) (room uuid.UUID, err error) {
	pair := store.PairOf(a, b)
	err = s.do(ctx, "find_single_room", func(ctx context.Context, pool *pgxpool.Pool) error {
		return orNotFound(pool.QueryRow(ctx, selectSingleRoom, pair.Low, pair.High).Scan(&room))
	})
	return room, err
}
