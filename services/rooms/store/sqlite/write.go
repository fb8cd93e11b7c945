package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

const upsertUser = `
INSERT INTO users (id, display_name, picture) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name, picture = excluded.picture
WHERE display_name IS NOT excluded.display_name OR picture IS NOT excluded.picture`

// PutUser implements [store.Store].
func (s *Store) PutUser(ctx context.Context, user store.User) error {
	return s.writing(ctx, "put_user", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, upsertUser, user.ID[:], user.DisplayName, user.Picture)
		return err
	})
}

const selectUser = `SELECT display_name, picture FROM users WHERE id = ?`

const insertRoom = `
INSERT INTO rooms (id, type, name, created_by, created_at, latest_message, preview, pair_low, pair_high)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

const insertMember = `INSERT INTO members (room_id, user_id, position, status, joined_at) VALUES (?, ?, ?, ?, ?)`

// CreateRoom implements [store.Store].
func (s *Store) CreateRoom(ctx context.Context, room store.NewRoom) (created wire.Room, row int64, err error) {
	err = s.writing(ctx, "create_room", func(tx *sql.Tx) error {
		users, err := selectUsers(ctx, tx, room.Users)
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
		for position, member := range event.Members {
			_, err := tx.ExecContext(ctx, insertMember, room.ID[:], member.ID[:], position, string(member.Status), room.At.UnixMicro())
			if err != nil {
				return err
			}
		}
		created = event.RoomFor(room.Creator)
		row, err = s.append(ctx, tx, room.At, event)
		return err
	})
	if err != nil {
		return wire.Room{}, 0, err
	}
	s.signal()
	return created, row, nil
}

func selectUsers(ctx context.Context, tx *sql.Tx, ids []uuid.UUID) ([]store.User, error) {
	users := make([]store.User, 0, len(ids))
	for _, id := range ids {
		user := store.User{ID: id}
		err := tx.QueryRowContext(ctx, selectUser, id[:]).Scan(&user.DisplayName, &user.Picture)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, err
		default:
			users = append(users, user)
		}
	}
	return users, nil
}

func insertRoomRow(ctx context.Context, tx *sql.Tx, room store.NewRoom, event events.RoomCreated) error {
	var low, high []byte
	if room.Type == wire.Single {
		one, other := room.Pair()
		low, high = one[:], other[:]
		var existing uuid.UUID
		err := tx.QueryRowContext(ctx, selectSingleRoom, low, high).Scan(&existing)
		switch {
		case err == nil:
			return store.RoomExistsError{RoomID: existing}
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
	}
	preview, err := json.Marshal(event.Room.LatestMessageText)
	if err != nil {
		return fmt.Errorf("encode preview: %w", err)
	}
	_, err = tx.ExecContext(ctx, insertRoom, room.ID[:], string(room.Type), room.Name, room.Creator[:],
		room.At.UnixMicro(), room.At.UnixMicro(), string(preview), low, high)
	return err
}

const updateReadMark = `
UPDATE members
SET last_read_at = max(coalesce(last_read_at, 0), ?3, (SELECT latest_message FROM rooms WHERE id = ?1))
WHERE room_id = ?1 AND user_id = ?2 AND status = 'Joined'
RETURNING last_read_at`

const selectJoined = `SELECT user_id FROM members WHERE room_id = ? AND status = 'Joined' ORDER BY joined_at, position`

// MarkRead implements [store.Store].
func (s *Store) MarkRead(ctx context.Context, room, user uuid.UUID, at time.Time) (row int64, err error) {
	err = s.writing(ctx, "mark_read", func(tx *sql.Tx) error {
		var read int64
		if err := tx.QueryRowContext(ctx, updateReadMark, room[:], user[:], at.UnixMicro()).Scan(&read); err != nil {
			return orNotFound(err)
		}
		audience, err := selectAudience(ctx, tx, room)
		if err != nil {
			return err
		}
		row, err = s.append(ctx, tx, at, store.Read(room, user, fromMicros(read), audience))
		return err
	})
	if err != nil {
		return 0, err
	}
	s.signal()
	return row, nil
}

func selectAudience(ctx context.Context, tx *sql.Tx, room uuid.UUID) (events.Audience, error) {
	var audience events.Audience
	if err := tx.QueryRowContext(ctx, selectVersion, room[:]).Scan(&audience.Version); err != nil {
		return events.Audience{}, orNotFound(err)
	}
	rows, err := tx.QueryContext(ctx, selectJoined, room[:])
	if err != nil {
		return events.Audience{}, err
	}
	defer rows.Close() // rows.Err says what went wrong
	for rows.Next() {
		var user uuid.UUID
		if err := rows.Scan(&user); err != nil {
			return events.Audience{}, err
		}
		audience.Users = append(audience.Users, user)
	}
	return audience, rows.Err()
}

const updateLatest = `
UPDATE rooms SET latest_message = ?2, preview = ?3, latest_epoch = ?4, latest_offset = ?5
WHERE id = ?1 AND (latest_epoch, latest_offset) < (?4, ?5)`

const updateSenderMark = `
UPDATE members SET last_read_at = ?3
WHERE room_id = ?1 AND user_id = ?2 AND (last_read_at IS NULL OR last_read_at < ?3)`

// ApplyMessages implements [store.Store].
func (s *Store) ApplyMessages(ctx context.Context, messages []store.Posted) error {
	newest, marks := store.Fold(messages)
	if len(newest) == 0 {
		return nil
	}
	return s.writing(ctx, "apply_messages", func(tx *sql.Tx) error {
		for _, message := range newest {
			preview, err := json.Marshal(message.Preview)
			if err != nil {
				return fmt.Errorf("encode preview: %w", err)
			}
			_, err = tx.ExecContext(ctx, updateLatest, message.RoomID[:], message.At.UnixMicro(), string(preview),
				message.Position.Epoch, message.Position.Offset)
			if err != nil {
				return err
			}
		}
		for _, mark := range marks {
			_, err := tx.ExecContext(ctx, updateSenderMark, mark.RoomID[:], mark.UserID[:], mark.At.UnixMicro())
			if err != nil {
				return err
			}
		}
		return nil
	})
}
