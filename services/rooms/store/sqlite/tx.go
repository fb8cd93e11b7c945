package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/outbox"
	outboxsqlite "github.com/ism-chat/ism/libs/outbox/sqlite"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Transact implements [store.Store].
func (s *Store) Transact(ctx context.Context, operation string, change func(ctx context.Context, tx store.Tx) error) error {
	db := s.open.Load()
	if db == nil {
		return store.ErrUnavailable
	}
	var (
		refused  error
		appended bool
	)
	err := db.Transact(ctx, func(begun *sql.Tx) error {
		t := &tx{db: begun, outbox: s.outbox}
		refused = change(ctx, t)
		appended = t.appended
		return refused
	})
	switch {
	case refused != nil:
		return refused
	case err != nil:
		return storeError(operation, err)
	case appended:
		s.outbox.Wake()
	}
	return nil
}

// tx is a [store.Tx]. It has the file's write lock from its beginning, so there is nothing else to lock, and nothing to wait for.
type tx struct {
	db       *sql.Tx
	outbox   *outboxsqlite.Outbox
	appended bool
}

const selectUser = `SELECT display_name, picture, tenant FROM users WHERE id = ? AND deleted_at IS NULL`

func (t *tx) Users(ctx context.Context, ids []uuid.UUID) ([]store.User, error) {
	users := make([]store.User, 0, len(ids))
	for _, id := range ids {
		user := store.User{ID: id}
		err := t.db.QueryRowContext(ctx, selectUser, id[:]).Scan(&user.DisplayName, &user.Picture, &user.Tenant)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, storeError("read users", err)
		default:
			users = append(users, user)
		}
	}
	return users, nil
}

// insertRoom does nothing where the pair has a room.
const insertRoom = `
INSERT INTO rooms (id, type, name, created_by, created_at, latest_message, preview, pair_low, pair_high, since_joining, large, tenant)
VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT (pair_low, pair_high) WHERE type = 'Single' DO NOTHING`

func (t *tx) InsertRoom(ctx context.Context, room store.Room) error {
	var low, high []byte
	if room.Pair != nil {
		low, high = room.Pair.Low[:], room.Pair.High[:]
	}
	preview, err := json.Marshal(room.Preview)
	if err != nil {
		return fmt.Errorf("encode preview: %w", err)
	}
	result, err := t.db.ExecContext(ctx, insertRoom, room.ID[:], string(room.Type), room.Name, room.CreatedBy[:], room.CreatedAt.UnixMicro(),
		string(preview), low, high, room.SinceJoining, room.Large, room.Tenant)
	if err != nil {
		return storeError("insert room", err)
	}
	if inserted, err := result.RowsAffected(); err != nil || inserted == 1 {
		return storeError("insert room", err)
	}
	var existing uuid.UUID
	if err := t.db.QueryRowContext(ctx, selectSingleRoom, low, high).Scan(&existing); err != nil {
		return storeError("find the room that the pair has", err)
	}
	return store.RoomExistsError{RoomID: existing}
}

const insertMember = `INSERT INTO members (room_id, user_id, position, status, joined_at) VALUES (?, ?, ?, 'Joined', ?)`

func (t *tx) InsertMembers(ctx context.Context, room uuid.UUID, users []uuid.UUID, at time.Time) error {
	for position, user := range users {
		if _, err := t.db.ExecContext(ctx, insertMember, room[:], user[:], position, at.UnixMicro()); err != nil {
			return storeError("insert members", err)
		}
	}
	return nil
}

func (t *tx) LockRooms(context.Context, []uuid.UUID) error { return nil }

const selectJoined = `SELECT user_id FROM members WHERE room_id = ? AND status = 'Joined' ORDER BY joined_at, position`

func (t *tx) Joined(ctx context.Context, room uuid.UUID) (users []uuid.UUID, err error) {
	users, err = selectIDs(ctx, t.db, selectJoined, room[:])
	return users, storeError("read who has joined", err)
}

const updateLatest = `
UPDATE rooms SET latest_message = ?2, preview = ?3, latest_epoch = ?4, latest_offset = ?5, change_version = max(change_version, ?6),
    messages = ?7, counted = ?8
WHERE id = ?1 AND (latest_epoch, latest_offset) < (?4, ?5)`

func (t *tx) SetLatestMessages(ctx context.Context, messages []store.LatestMessage) error {
	for _, message := range messages {
		preview, err := json.Marshal(message.Shown())
		if err != nil {
			return fmt.Errorf("encode preview: %w", err)
		}
		_, err = t.db.ExecContext(ctx, updateLatest, message.RoomID[:], message.At.UnixMicro(), string(preview),
			message.Position.Epoch, message.Position.Offset, message.Version, message.Messages, message.Counted)
		if err != nil {
			return storeError("set latest messages", err)
		}
	}
	return nil
}

func (t *tx) Append(ctx context.Context, row outbox.Row) (int64, error) {
	id, err := t.outbox.Append(ctx, t.db, row)
	t.appended = true
	return id, storeError("append event", err)
}
