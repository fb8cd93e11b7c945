package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// unreadCount is how much of the room r is unread for its member m.
const unreadCount = `max(coalesce(r.counted - m.read_counted - m.own_after, 0), 0)`

// isNew says that the member m has read nothing of the room r since it joined. The version before this one says so by the time alone.
const isNew = `(NOT m.opened AND (m.last_read_at IS NULL OR m.last_read_at < r.latest_message))`

// selectRooms gives rooms as the user ?1 sees them: a Single room has the other user's name and picture, and who sent the latest message is named as
// that user is now.
const selectRooms = `
SELECT r.id, r.type,
       CASE r.type WHEN 'Single' THEN other.display_name ELSE r.name END,
       CASE r.type WHEN 'Single' THEN other.picture ELSE r.image_url END,
       r.created_at, r.latest_message, ` + isNew + `, ` + unreadCount + `, r.latest_epoch, r.latest_offset, r.preview, sender.display_name
FROM members m
JOIN rooms r ON r.id = m.room_id
LEFT JOIN users other ON other.id = CASE r.pair_low WHEN ?1 THEN r.pair_high ELSE r.pair_low END
LEFT JOIN users sender ON sender.id = unhex(r.preview->>'sender')
WHERE m.user_id = ?1 AND m.status = 'Joined'`

const (
	selectRoom = selectRooms + ` AND m.room_id = ?2`

	// selectRoomList looks at each of the user's rooms once, and reads whole rows only of those that it gives.
	selectRoomList = selectRooms + ` AND m.room_id IN (
    SELECT r.id
    FROM members m
    JOIN rooms r ON r.id = m.room_id
    WHERE m.user_id = ?1 AND m.status = 'Joined'
      AND (?2 IS NULL OR (r.latest_message, r.id) < (?2, ?3))
      AND (?4 IS NULL OR r.type = ?4)
      AND (NOT ?5 OR ` + isNew + ` OR r.counted - m.read_counted - m.own_after > 0)
    ORDER BY r.latest_message DESC, r.id DESC
    LIMIT ?6)
ORDER BY r.latest_message DESC, r.id DESC`
)

// Rooms implements [store.Store].
func (s *Store) Rooms(ctx context.Context, user uuid.UUID, query store.RoomQuery) (rooms []wire.Room, err error) {
	var (
		before sql.NullInt64
		id     uuid.UUID
		kind   = sql.NullString{String: string(query.Type), Valid: query.Type != ""}
	)
	if query.Before != nil {
		before, id = sql.NullInt64{Int64: query.Before.LatestMessage.UnixMicro(), Valid: true}, query.Before.ID
	}
	err = s.do("list_rooms", func(db *sqlite.DB) (err error) {
		rooms, err = collect(ctx, db.Readers, scanRoom, selectRoomList, user[:], before, id[:], kind, query.Unread, query.Limit)
		return err
	})
	return rooms, err
}

// Room implements [store.Store].
func (s *Store) Room(ctx context.Context, room, user uuid.UUID) (found wire.Room, err error) {
	err = s.do("get_room", func(db *sqlite.DB) error {
		found, err = scanRoom(db.Readers.QueryRowContext(ctx, selectRoom, user[:], room[:]).Scan)
		return orNotFound(err)
	})
	return found, err
}

func scanRoom(scan func(targets ...any) error) (wire.Room, error) {
	var (
		room            wire.Room
		created, latest int64
		asOf            events.Position
		preview         []byte
		shown           store.Shown
		sender          *string
	)
	err := scan(&room.ID, &room.Type, &room.Name, &room.ImageURL, &created, &latest, &room.Unread, &room.UnreadCount, &asOf.Epoch, &asOf.Offset,
		&preview, &sender)
	if err != nil {
		return wire.Room{}, err
	}
	room.CreatedAt, room.LatestMessage, room.UnreadAsOf = wire.At(fromMicros(created)), wire.At(fromMicros(latest)), asOf.String()
	room.Unread = room.Unread || room.UnreadCount > 0
	if err := json.Unmarshal(preview, &shown); err != nil {
		return wire.Room{}, fmt.Errorf("decode preview of room %s: %w", room.ID, err)
	}
	room.LatestMessageText = shown.By(sender, time.Now())
	return room, nil
}

const selectVersion = `SELECT membership_version FROM rooms WHERE id = ?`

const (
	selectMembersOf = `
SELECT u.id, u.display_name, u.picture, m.joined_at, m.last_read_at, m.status
FROM members m
JOIN users u ON u.id = m.user_id
WHERE m.room_id = ?`
	selectMembers = selectMembersOf + ` ORDER BY m.joined_at, m.position`
)

// Membership implements [store.Store].
func (s *Store) Membership(ctx context.Context, room uuid.UUID) (membership store.Membership, err error) {
	err = s.snapshot(ctx, "get_membership", func(tx *sql.Tx) error {
		membership, err = selectMembership(ctx, tx, room)
		return err
	})
	return membership, err
}

// snapshot reads what must be of one moment.
func (s *Store) snapshot(ctx context.Context, operation string, read func(tx *sql.Tx) error) error {
	return s.do(operation, func(db *sqlite.DB) error {
		tx, err := db.Readers.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // it has only read
		return read(tx)
	})
}

func selectMembership(ctx context.Context, tx *sql.Tx, room uuid.UUID) (membership store.Membership, err error) {
	if err := tx.QueryRowContext(ctx, selectVersion, room[:]).Scan(&membership.Version); err != nil {
		return store.Membership{}, orNotFound(err)
	}
	membership.Members, err = collect(ctx, tx, scanMember, selectMembers, room[:])
	return membership, err
}

const selectAudience = `SELECT membership_version, since_joining, large, tenant FROM rooms WHERE id = ? AND ended_at IS NULL`

// Audience implements [store.Store].
func (s *Store) Audience(ctx context.Context, room uuid.UUID) (membership events.Membership, err error) {
	membership.RoomID = room
	err = s.snapshot(ctx, "get_audience", func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, selectAudience, room[:]).Scan(
			&membership.Version, &membership.SinceJoining, &membership.WholeRoom, &membership.Tenant)
		if err != nil {
			return orNotFound(err)
		}
		if membership.WholeRoom {
			membership.Audience = events.WholeRoom(membership.Version)
			return nil
		}
		membership.Users, err = selectIDs(ctx, tx, selectJoined, room[:])
		return err
	})
	return membership, err
}

// selectIDs runs a query whose rows are ids.
func selectIDs(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]uuid.UUID, error) {
	return collect(ctx, tx, func(scan func(targets ...any) error) (id uuid.UUID, err error) {
		err = scan(&id)
		return id, err
	}, query, args...)
}

func scanMember(scan func(targets ...any) error) (wire.Member, error) {
	var (
		member wire.Member
		joined int64
		read   sql.NullInt64
	)
	err := scan(&member.ID, &member.DisplayName, &member.ProfilePicture, &joined, &read, &member.Status)
	member.JoinedAt, member.LastReadAt = wire.At(fromMicros(joined)), orNull(read)
	return member, err
}

const selectSingleRoom = `SELECT id FROM rooms WHERE type = 'Single' AND pair_low = ? AND pair_high = ?`

// SingleRoom implements [store.Store].
func (s *Store) SingleRoom(ctx context.Context, a, b uuid.UUID) (room uuid.UUID, err error) {
	pair := store.PairOf(a, b)
	err = s.do("find_single_room", func(db *sqlite.DB) error {
		return orNotFound(db.Readers.QueryRowContext(ctx, selectSingleRoom, pair.Low[:], pair.High[:]).Scan(&room))
	})
	return room, err
}
