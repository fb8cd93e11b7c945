package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/outbox"
	outboxpostgres "github.com/ism-chat/ism/libs/outbox/postgres"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Transact implements [store.Store].
func (s *Store) Transact(ctx context.Context, operation string, change func(ctx context.Context, tx store.Tx) error) error {
	var refused error
	err := s.db.Transact(ctx, func(begun pgx.Tx) error {
		refused = change(ctx, tx{begun, s.outbox})
		return refused
	})
	if refused != nil {
		return refused
	}
	return storeError(operation, err)
}

// tx is a [store.Tx].
type tx struct {
	db     pgx.Tx
	outbox *outboxpostgres.Outbox
}

const selectUsers = `
SELECT id, display_name, picture, tenant
FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, ordinal)
JOIN users USING (id)
WHERE deleted_at IS NULL
ORDER BY ordinal`

func (t tx) Users(ctx context.Context, ids []uuid.UUID) ([]store.User, error) {
	rows, err := t.db.Query(ctx, selectUsers, ids)
	if err != nil {
		return nil, storeError("read users", err)
	}
	users, err := pgx.CollectRows(rows, pgx.RowToStructByPos[store.User])
	return users, storeError("read users", err)
}

// insertRoom does nothing where the pair has a room. It waits for a transaction that is about to create one.
const insertRoom = `
INSERT INTO rooms (id, type, name, created_by, created_at, latest_message, preview, pair_low, pair_high, since_joining, large, tenant)
VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (pair_low, pair_high) WHERE type = 'Single' DO NOTHING`

func (t tx) InsertRoom(ctx context.Context, room store.Room) error {
	var low, high *uuid.UUID
	if room.Pair != nil {
		low, high = &room.Pair.Low, &room.Pair.High
	}
	result, err := t.db.Exec(ctx, insertRoom, room.ID, string(room.Type), room.Name, room.CreatedBy, room.CreatedAt, room.Preview, low, high,
		room.SinceJoining, room.Large, room.Tenant)
	if err != nil || result.RowsAffected() == 1 {
		return storeError("insert room", err)
	}
	var existing uuid.UUID
	if err := t.db.QueryRow(ctx, selectSingleRoom, low, high).Scan(&existing); err != nil {
		return storeError("find the room that the pair has", err)
	}
	return store.RoomExistsError{RoomID: existing}
}

const insertMembers = `
INSERT INTO members (room_id, user_id, position, status, joined_at)
SELECT $1, user_id, position, 'Joined', $3
FROM unnest($2::uuid[]) WITH ORDINALITY AS joining (user_id, position)`

func (t tx) InsertMembers(ctx context.Context, room uuid.UUID, users []uuid.UUID, at time.Time) error {
	_, err := t.db.Exec(ctx, insertMembers, room, users, at)
	return storeError("insert members", err)
}

const lockRooms = `SELECT FROM rooms WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE`

func (t tx) LockRooms(ctx context.Context, rooms []uuid.UUID) error {
	_, err := t.db.Exec(ctx, lockRooms, rooms)
	return storeError("lock rooms", err)
}

const selectJoined = `SELECT user_id FROM members WHERE room_id = $1 AND status = 'Joined' ORDER BY joined_at, position`

func (t tx) Joined(ctx context.Context, room uuid.UUID) ([]uuid.UUID, error) {
	rows, err := t.db.Query(ctx, selectJoined, room)
	if err != nil {
		return nil, storeError("read who has joined", err)
	}
	users, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	return users, storeError("read who has joined", err)
}

const updateLatest = `
UPDATE rooms AS r
SET latest_message = m.at, preview = m.preview, latest_epoch = m.epoch, latest_offset = m.log_offset,
    change_version = greatest(change_version, m.version), messages = m.messages, counted = m.counted
FROM unnest($1::uuid[], $2::timestamptz[], $3::jsonb[], $4::integer[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
     AS m (room_id, at, preview, epoch, log_offset, version, messages, counted)
WHERE r.id = m.room_id AND (r.latest_epoch, r.latest_offset) < (m.epoch, m.log_offset)`

func (t tx) SetLatestMessages(ctx context.Context, messages []store.LatestMessage) error {
	var latest struct {
		rooms    []uuid.UUID
		at       []time.Time
		previews []store.Shown
		epochs   []int32
		offsets  []int64
		versions []int64
		messages []int64
		counted  []int64
	}
	for _, message := range messages {
		latest.rooms = append(latest.rooms, message.RoomID)
		latest.at = append(latest.at, message.At)
		latest.previews = append(latest.previews, message.Shown())
		latest.epochs = append(latest.epochs, message.Position.Epoch)
		latest.offsets = append(latest.offsets, message.Position.Offset)
		latest.versions = append(latest.versions, message.Version)
		latest.messages, latest.counted = append(latest.messages, message.Messages), append(latest.counted, message.Counted)
	}
	_, err := t.db.Exec(ctx, updateLatest, latest.rooms, latest.at, latest.previews, latest.epochs, latest.offsets, latest.versions,
		latest.messages, latest.counted)
	return storeError("set latest messages", err)
}

func (t tx) Append(ctx context.Context, row outbox.Row) (int64, error) {
	id, err := t.outbox.Append(ctx, t.db, row)
	return id, storeError("append event", err)
}
