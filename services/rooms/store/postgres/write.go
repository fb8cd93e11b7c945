package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

const upsertUser = `
INSERT INTO users AS u (id, display_name, picture) VALUES ($1, $2, $3)
ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name, picture = excluded.picture
WHERE (u.display_name, u.picture) IS DISTINCT FROM (excluded.display_name, excluded.picture)`

// PutUser implements [store.Store].
func (s *Store) PutUser(ctx context.Context, user store.User) error {
	return s.writing(ctx, "put_user", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, upsertUser, user.ID, user.DisplayName, user.Picture)
		return err
	})
}

const selectUsers = `SELECT id, display_name, picture FROM users WHERE id = ANY ($1)`

// insertRoom does nothing where the pair has a room. It waits for a transaction that is about to create one.
const insertRoom = `
INSERT INTO rooms (id, type, name, created_by, created_at, latest_message, preview, pair_low, pair_high)
VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8)
ON CONFLICT (pair_low, pair_high) WHERE type = 'Single' DO NOTHING`

const insertMembers = `
INSERT INTO members (room_id, user_id, position, status, joined_at)
SELECT $1, user_id, position, 'Joined', $3
FROM unnest($2::uuid[]) WITH ORDINALITY AS joining (user_id, position)`

// CreateRoom implements [store.Store].
func (s *Store) CreateRoom(ctx context.Context, room store.NewRoom) (created wire.Room, row int64, err error) {
	err = s.writing(ctx, "create_room", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectUsers, room.Users)
		if err != nil {
			return err
		}
		users, err := pgx.CollectRows(rows, pgx.RowToStructByPos[store.User])
		if err != nil {
			return err
		}
		event, err := room.Created(users)
		if err != nil {
			return err
		}
		if err := insertRoomRow(ctx, tx, room, event); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertMembers, room.ID, room.Users, room.At); err != nil {
			return err
		}
		created = event.RoomFor(room.Creator)
		row, err = s.append(ctx, tx, room.At, event)
		return err
	})
	if err != nil {
		return wire.Room{}, 0, err
	}
	return created, row, nil
}

func insertRoomRow(ctx context.Context, tx pgx.Tx, room store.NewRoom, event events.RoomCreated) error {
	var low, high *uuid.UUID
	if room.Type == wire.Single {
		one, other := room.Pair()
		low, high = &one, &other
	}
	result, err := tx.Exec(ctx, insertRoom, room.ID, string(room.Type), room.Name, room.Creator, room.At,
		event.Room.LatestMessageText, low, high)
	if err != nil || result.RowsAffected() == 1 {
		return err
	}
	var existing uuid.UUID
	if err := tx.QueryRow(ctx, selectSingleRoom, low, high).Scan(&existing); err != nil {
		return fmt.Errorf("find the room that the pair has: %w", err)
	}
	return store.RoomExistsError{RoomID: existing}
}

// lockToRead keeps the membership as it is until the transaction ends, without keeping others from marking as read.
const lockToRead = `SELECT membership_version, latest_message FROM rooms WHERE id = $1 FOR SHARE`

const updateReadMark = `
UPDATE members SET last_read_at = greatest(last_read_at, $3, $4)
WHERE room_id = $1 AND user_id = $2 AND status = 'Joined'
RETURNING last_read_at`

const selectJoined = `SELECT user_id FROM members WHERE room_id = $1 AND status = 'Joined' ORDER BY joined_at, position`

// MarkRead implements [store.Store].
func (s *Store) MarkRead(ctx context.Context, room, user uuid.UUID, at time.Time) (row int64, err error) {
	err = s.writing(ctx, "mark_read", func(ctx context.Context, tx pgx.Tx) error {
		var (
			audience     events.Audience
			latest, read time.Time
		)
		if err := tx.QueryRow(ctx, lockToRead, room).Scan(&audience.Version, &latest); err != nil {
			return orNotFound(err)
		}
		if err := tx.QueryRow(ctx, updateReadMark, room, user, at, latest).Scan(&read); err != nil {
			return orNotFound(err)
		}
		rows, err := tx.Query(ctx, selectJoined, room)
		if err != nil {
			return err
		}
		if audience.Users, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil {
			return err
		}
		row, err = s.append(ctx, tx, at, store.Read(room, user, read.UTC(), audience))
		return err
	})
	return row, err
}

// lockToApply takes the rooms in one order, so that two who apply messages of the same rooms never wait for each other.
const lockToApply = `SELECT FROM rooms WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE`

const updateLatest = `
UPDATE rooms AS r
SET latest_message = m.at, preview = m.preview, latest_epoch = m.epoch, latest_offset = m.log_offset
FROM unnest($1::uuid[], $2::timestamptz[], $3::jsonb[], $4::integer[], $5::bigint[])
     AS m (room_id, at, preview, epoch, log_offset)
WHERE r.id = m.room_id AND (r.latest_epoch, r.latest_offset) < (m.epoch, m.log_offset)`

const updateSenderMarks = `
UPDATE members AS m SET last_read_at = mark.at
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS mark (room_id, user_id, at)
WHERE m.room_id = mark.room_id AND m.user_id = mark.user_id AND (m.last_read_at IS NULL OR m.last_read_at < mark.at)`

// ApplyMessages implements [store.Store].
func (s *Store) ApplyMessages(ctx context.Context, messages []store.Posted) error {
	newest, marks := store.Fold(messages)
	if len(newest) == 0 {
		return nil
	}
	var latest struct {
		rooms    []uuid.UUID
		at       []time.Time
		previews []wire.Preview
		epochs   []int32
		offsets  []int64
	}
	for _, message := range newest {
		latest.rooms = append(latest.rooms, message.RoomID)
		latest.at = append(latest.at, message.At)
		latest.previews = append(latest.previews, message.Preview)
		latest.epochs = append(latest.epochs, message.Position.Epoch)
		latest.offsets = append(latest.offsets, message.Position.Offset)
	}
	var read struct {
		rooms, users []uuid.UUID
		at           []time.Time
	}
	for _, mark := range marks {
		read.rooms = append(read.rooms, mark.RoomID)
		read.users = append(read.users, mark.UserID)
		read.at = append(read.at, mark.At)
	}
	return s.writing(ctx, "apply_messages", func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockToApply, latest.rooms); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, updateLatest, latest.rooms, latest.at, latest.previews, latest.epochs, latest.offsets)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, updateSenderMarks, read.rooms, read.users, read.at)
		return err
	})
}
