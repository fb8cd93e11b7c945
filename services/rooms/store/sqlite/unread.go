package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/services/rooms/store"
)

const selectTaken = `SELECT latest_epoch, latest_offset, messages, counted, change_version, latest_message FROM rooms WHERE id = ?`

func (t *tx) LockTaken(ctx context.Context, rooms []uuid.UUID) (map[uuid.UUID]store.Taken, error) {
	taken := make(map[uuid.UUID]store.Taken, len(rooms))
	for _, room := range rooms {
		of, _, err := t.TakenBy(ctx, room)
		switch {
		case errors.Is(err, store.ErrRoomNotFound):
		case err != nil:
			return nil, err
		default:
			taken[room] = of
		}
	}
	return taken, nil
}

func (t *tx) TakenBy(ctx context.Context, room uuid.UUID) (taken store.Taken, latest time.Time, err error) {
	var at int64
	err = t.db.QueryRowContext(ctx, selectTaken, room[:]).Scan(
		&taken.Position.Epoch, &taken.Position.Offset, &taken.Messages, &taken.Counted, &taken.ChangeVersion, &at)
	return taken, fromMicros(at), storeError("read what a room has taken", orNotFound(err))
}

const insertPosition = `
INSERT INTO message_positions (room_id, message_id, sender_id, epoch, log_offset, number, counted, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

func (t *tx) AddPositions(ctx context.Context, messages []store.MessagePosition) error {
	for _, message := range messages {
		var sender []byte
		if message.Counts() {
			sender = message.SenderID[:]
		}
		_, err := t.db.ExecContext(ctx, insertPosition, message.RoomID[:], message.MessageID[:], sender, message.Position.Epoch, message.Position.Offset,
			message.Number, message.Counted, message.At.UnixMicro())
		if err != nil {
			return storeError("add positions of messages", err)
		}
	}
	return nil
}

const deletePositions = `DELETE FROM message_positions WHERE room_id = ? AND number <= ?`

func (t *tx) ForgetPositions(ctx context.Context, room uuid.UUID, upTo int64) error {
	_, err := t.db.ExecContext(ctx, deletePositions, room[:], upTo)
	return storeError("forget positions of messages", err)
}

const updateJoined = `
UPDATE members SET read_epoch = ?3, read_offset = ?4, read_counted = ?5, own_after = 0
WHERE room_id = ?1 AND user_id = ?2 AND joined_message = ?6 AND status = 'Joined'
  AND (read_counted IS NULL OR (read_epoch, read_offset) < (?3, ?4))`

func (t *tx) JoinAt(ctx context.Context, marks []store.ReadMark) error {
	for _, mark := range marks {
		_, err := t.db.ExecContext(ctx, updateJoined, mark.RoomID[:], mark.UserID[:], mark.Position.Epoch, mark.Position.Offset, mark.Counted, mark.Message[:])
		if err != nil {
			return storeError("set where members begin to read", err)
		}
	}
	return nil
}

const updateReadMark = `
UPDATE members
SET read_epoch = ?3, read_offset = ?4, own_after = 0, opened = 1, last_read_at = max(coalesce(last_read_at, 0), ?6),
    read_counted = CASE WHEN read_counted IS NULL THEN NULL ELSE ?5 END
WHERE room_id = ?1 AND user_id = ?2 AND (read_epoch, read_offset) < (?3, ?4)`

func (t *tx) AdvanceReadMarks(ctx context.Context, marks []store.ReadMark) error {
	for _, mark := range marks {
		_, err := t.db.ExecContext(ctx, updateReadMark, mark.RoomID[:], mark.UserID[:], mark.Position.Epoch, mark.Position.Offset, mark.Counted, mark.At.UnixMicro())
		if err != nil {
			return storeError("advance read marks", err)
		}
	}
	return nil
}

// readState has the columns of what is known of a member's reading.
const readState = `read_epoch, read_offset, coalesce(read_counted, 0), read_counted IS NULL, own_after, opened, coalesce(last_read_at, 0)`

func scanReadState(scan func(targets ...any) error, first ...any) (state store.ReadState, err error) {
	var at int64
	err = scan(append(first, &state.Position.Epoch, &state.Position.Offset, &state.Counted, &state.Pending, &state.OwnAfter, &state.Opened, &at)...)
	if at != 0 {
		state.At = fromMicros(at)
	}
	return state, err
}

const selectReader = `SELECT ` + readState + ` FROM members WHERE room_id = ? AND user_id = ? AND status = 'Joined'`

func (t *tx) LockReader(ctx context.Context, room, user uuid.UUID) (store.ReadState, error) {
	state, err := scanReadState(t.db.QueryRowContext(ctx, selectReader, room[:], user[:]).Scan)
	return state, storeError("read what a member has read", orNotFound(err))
}

const (
	selectPosition = `
SELECT message_id, epoch, log_offset, at, number, counted, sender_id
FROM message_positions
WHERE room_id = ?`
	newestFirst = ` ORDER BY epoch DESC, log_offset DESC LIMIT 1`

	selectByID           = selectPosition + ` AND message_id = ?` + newestFirst
	selectUpTo           = selectPosition + ` AND (epoch, log_offset) <= (?, ?)` + newestFirst
	selectOldest         = selectPosition + ` ORDER BY epoch, log_offset LIMIT 1`
	selectNewestOfOthers = selectPosition + ` AND sender_id <> ?` + newestFirst
)

func (t *tx) MessageByID(ctx context.Context, room, message uuid.UUID) (store.MessagePosition, error) {
	return t.position(ctx, selectByID, room, message[:])
}

func (t *tx) KnownMessages(ctx context.Context, messages []store.MessageKey) (map[store.MessageKey]bool, error) {
	known := map[store.MessageKey]bool{}
	for _, key := range messages {
		switch _, err := t.MessageByID(ctx, key.Room, key.Message); {
		case err == nil:
			known[key] = true
		case !errors.Is(err, store.ErrMessageNotFound):
			return nil, err
		}
	}
	return known, nil
}

func (t *tx) MessageUpTo(ctx context.Context, room uuid.UUID, position events.Position) (store.MessagePosition, error) {
	return t.position(ctx, selectUpTo, room, position.Epoch, position.Offset)
}

func (t *tx) OldestMessage(ctx context.Context, room uuid.UUID) (store.MessagePosition, error) {
	return t.position(ctx, selectOldest, room)
}

func (t *tx) NewestOfOthers(ctx context.Context, room, user uuid.UUID) (store.MessagePosition, error) {
	return t.position(ctx, selectNewestOfOthers, room, user[:])
}

func (t *tx) position(ctx context.Context, query string, room uuid.UUID, args ...any) (store.MessagePosition, error) {
	found := store.MessagePosition{RoomID: room}
	var (
		sender uuid.NullUUID
		at     int64
	)
	err := t.db.QueryRowContext(ctx, query, append([]any{room[:]}, args...)...).Scan(
		&found.MessageID, &found.Position.Epoch, &found.Position.Offset, &at, &found.Number, &found.Counted, &sender)
	if errors.Is(err, sql.ErrNoRows) {
		return store.MessagePosition{}, store.ErrMessageNotFound
	}
	found.SenderID, found.At = sender.UUID, fromMicros(at)
	return found, storeError("find a message", err)
}

const countOwn = `SELECT count(*) FROM message_positions WHERE room_id = ? AND sender_id = ? AND (epoch, log_offset) > (?, ?)`

func (t *tx) CountOwn(ctx context.Context, room, user uuid.UUID, behind events.Position) (own int64, err error) {
	err = t.db.QueryRowContext(ctx, countOwn, room[:], user[:], behind.Epoch, behind.Offset).Scan(&own)
	return own, storeError("count own messages", err)
}

const updateReadState = `
UPDATE members
SET read_epoch = ?3, read_offset = ?4, read_counted = ?5, own_after = ?6, opened = ?7, last_read_at = ?8, untold_since = ?9, receipt = ?10,
    untold_trace = ?11
WHERE room_id = ?1 AND user_id = ?2`

func (t *tx) SetReadState(ctx context.Context, room, user uuid.UUID, state store.ReadState, mark store.Untold) error {
	counted := sql.NullInt64{Int64: state.Counted, Valid: !state.Pending}
	at := sql.NullInt64{Int64: state.At.UnixMicro(), Valid: !state.At.IsZero()}
	_, err := t.db.ExecContext(ctx, updateReadState, room[:], user[:], state.Position.Epoch, state.Position.Offset, counted, state.OwnAfter, state.Opened, at,
		mark.Since.UnixMicro(), mark.Receipt, mark.Trace)
	return storeError("write what a member has read", err)
}

const (
	selectUntold = `
SELECT room_id, user_id, receipt, coalesce(untold_trace, ''), ` + readState + `
FROM members
WHERE untold_since <= ?
ORDER BY untold_since
LIMIT ?`
	updateTold   = `UPDATE members SET untold_since = NULL, receipt = 0, untold_trace = NULL WHERE room_id = ? AND user_id = ?`
	selectToTell = `
SELECT r.membership_version, r.large, u.read_receipts
FROM rooms r, users u
WHERE r.id = ? AND u.id = ?`
)

func (t *tx) TakeUntold(ctx context.Context, since time.Time, most int) ([]store.UntoldMark, error) {
	marks, err := t.untold(ctx, since, most)
	if err != nil {
		return nil, storeError("read marks", err)
	}
	for i := range marks {
		if err := t.toTell(ctx, &marks[i]); err != nil {
			return nil, storeError("take marks", err)
		}
	}
	return marks, nil
}

func (t *tx) untold(ctx context.Context, since time.Time, most int) ([]store.UntoldMark, error) {
	return collect(ctx, t.db, func(scan func(targets ...any) error) (mark store.UntoldMark, err error) {
		mark.State, err = scanReadState(scan, &mark.RoomID, &mark.UserID, &mark.Receipt, &mark.Trace)
		return mark, err
	}, selectUntold, since.UnixMicro(), most)
}

func (t *tx) toTell(ctx context.Context, mark *store.UntoldMark) (err error) {
	if _, err := t.db.ExecContext(ctx, updateTold, mark.RoomID[:], mark.UserID[:]); err != nil {
		return err
	}
	if mark.Room, _, err = t.TakenBy(ctx, mark.RoomID); err != nil {
		return err
	}
	var receipts bool
	err = t.db.QueryRowContext(ctx, selectToTell, mark.RoomID[:], mark.UserID[:]).Scan(&mark.Audience.Version, &mark.Audience.WholeRoom, &receipts)
	if err != nil {
		return err
	}
	if mark.Audience.WholeRoom {
		mark.Audience = events.WholeRoom(mark.Audience.Version)
	} else if mark.Audience.Users, err = t.Joined(ctx, mark.RoomID); err != nil {
		return err
	}
	message, err := t.MessageUpTo(ctx, mark.RoomID, mark.State.Position)
	if err != nil && !errors.Is(err, store.ErrMessageNotFound) {
		return err
	}
	mark.Message, mark.Receipt = message.MessageID, mark.Receipt && receipts && err == nil
	return nil
}

const selectTotals = `
SELECT count(*) FILTER (WHERE unread > 0 OR new), coalesce(sum(unread), 0)
FROM (
    SELECT ` + unreadCount + ` AS unread, ` + isNew + ` AS new
    FROM members m
    JOIN rooms r ON r.id = m.room_id
    WHERE m.user_id = ? AND m.status = 'Joined'
)`

// Unread implements [store.Reading].
func (s *Store) Unread(ctx context.Context, user uuid.UUID) (totals store.Totals, err error) {
	err = s.do("sum_unread", func(db *sqlite.DB) error {
		return db.Readers.QueryRowContext(ctx, selectTotals, user[:]).Scan(&totals.Rooms, &totals.Messages)
	})
	return totals, err
}

const (
	selectReceipts = `SELECT coalesce((SELECT read_receipts FROM users WHERE id = ?), 1)`
	updateReceipts = `UPDATE users SET read_receipts = ?2 WHERE id = ?1 AND read_receipts <> ?2`
)

// ReadReceipts implements [store.Reading].
func (s *Store) ReadReceipts(ctx context.Context, user uuid.UUID) (on bool, err error) {
	err = s.do("get_settings", func(db *sqlite.DB) error {
		return db.Readers.QueryRowContext(ctx, selectReceipts, user[:]).Scan(&on)
	})
	return on, err
}

// SetReadReceipts implements [store.Reading].
func (s *Store) SetReadReceipts(ctx context.Context, user uuid.UUID, on bool) error {
	return s.do("put_settings", func(db *sqlite.DB) error {
		_, err := db.Writer.ExecContext(ctx, updateReceipts, user[:], on)
		return err
	})
}

const selectProgress = `SELECT partition, epoch, next_offset FROM log_progress`

// Progress implements [store.Reading].
func (s *Store) Progress(ctx context.Context) (map[int32]events.Position, error) {
	progress := map[int32]events.Position{}
	err := s.do("get_progress", func(db *sqlite.DB) error {
		rows, err := db.Readers.QueryContext(ctx, selectProgress)
		if err != nil {
			return err
		}
		defer rows.Close() // rows.Err says what went wrong
		for rows.Next() {
			var (
				partition int32
				next      events.Position
			)
			if err := rows.Scan(&partition, &next.Epoch, &next.Offset); err != nil {
				return err
			}
			progress[partition] = next
		}
		return rows.Err()
	})
	return progress, err
}

const upsertProgress = `
INSERT INTO log_progress (partition, epoch, next_offset) VALUES (?, ?, ?)
ON CONFLICT (partition) DO UPDATE SET epoch = excluded.epoch, next_offset = excluded.next_offset
WHERE (epoch, next_offset) < (excluded.epoch, excluded.next_offset)`

// SetProgress implements [store.Reading].
func (s *Store) SetProgress(ctx context.Context, partition int32, next events.Position) error {
	return s.do("put_progress", func(db *sqlite.DB) error {
		_, err := db.Writer.ExecContext(ctx, upsertProgress, partition, next.Epoch, next.Offset)
		return err
	})
}
