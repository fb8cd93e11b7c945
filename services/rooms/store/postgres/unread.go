package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/rooms/store"
)

const lockTaken = `
SELECT id, latest_epoch, latest_offset, messages, counted, change_version
FROM rooms
WHERE id = ANY ($1)
ORDER BY id
FOR NO KEY UPDATE`

func (t tx) LockTaken(ctx context.Context, rooms []uuid.UUID) (map[uuid.UUID]store.Taken, error) {
	rows, err := t.db.Query(ctx, lockTaken, rooms)
	if err != nil {
		return nil, storeError("lock rooms", err)
	}
	taken := make(map[uuid.UUID]store.Taken, len(rooms))
	var (
		room uuid.UUID
		of   store.Taken
	)
	into := []any{&room, &of.Position.Epoch, &of.Position.Offset, &of.Messages, &of.Counted, &of.ChangeVersion}
	_, err = pgx.ForEachRow(rows, into, func() error {
		taken[room] = of
		return nil
	})
	return taken, storeError("lock rooms", err)
}

const selectKnownMessages = `
SELECT known.room_id, known.message_id
FROM unnest($1::uuid[], $2::uuid[]) AS asked (room_id, message_id)
JOIN message_positions AS known ON known.room_id = asked.room_id AND known.message_id = asked.message_id`

func (t tx) KnownMessages(ctx context.Context, messages []store.MessageKey) (map[store.MessageKey]bool, error) {
	rooms, ids := make([]uuid.UUID, len(messages)), make([]uuid.UUID, len(messages))
	for i, key := range messages {
		rooms[i], ids[i] = key.Room, key.Message
	}
	rows, err := t.db.Query(ctx, selectKnownMessages, rooms, ids)
	if err != nil {
		return nil, storeError("look for messages", err)
	}
	known := map[store.MessageKey]bool{}
	var key store.MessageKey
	_, err = pgx.ForEachRow(rows, []any{&key.Room, &key.Message}, func() error {
		known[key] = true
		return nil
	})
	return known, storeError("look for messages", err)
}

const insertPositions = `
INSERT INTO message_positions (room_id, message_id, sender_id, epoch, log_offset, number, counted, at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::bigint[], $6::bigint[], $7::bigint[], $8::timestamptz[])`

func (t tx) AddPositions(ctx context.Context, messages []store.MessagePosition) error {
	var all struct {
		rooms, ids                []uuid.UUID
		senders                   []*uuid.UUID
		epochs                    []int32
		offsets, numbers, counted []int64
		times                     []time.Time
	}
	for _, message := range messages {
		all.rooms, all.ids = append(all.rooms, message.RoomID), append(all.ids, message.MessageID)
		var sender *uuid.UUID
		if message.Counts() {
			sender = &message.SenderID
		}
		all.senders = append(all.senders, sender)
		all.epochs, all.offsets = append(all.epochs, message.Position.Epoch), append(all.offsets, message.Position.Offset)
		all.numbers, all.counted = append(all.numbers, message.Number), append(all.counted, message.Counted)
		all.times = append(all.times, message.At)
	}
	_, err := t.db.Exec(ctx, insertPositions, all.rooms, all.ids, all.senders, all.epochs, all.offsets, all.numbers, all.counted, all.times)
	return storeError("add positions of messages", err)
}

const deletePositions = `DELETE FROM message_positions WHERE room_id = $1 AND number <= $2`

func (t tx) ForgetPositions(ctx context.Context, room uuid.UUID, upTo int64) error {
	_, err := t.db.Exec(ctx, deletePositions, room, upTo)
	return storeError("forget positions of messages", err)
}

// marked has the columns of marks.
const marked = `unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::uuid[])
     AS mark (room_id, user_id, epoch, log_offset, counted, at, message)`

const updateJoined = `
UPDATE members AS m
SET read_epoch = mark.epoch, read_offset = mark.log_offset, read_counted = mark.counted, own_after = 0
FROM ` + marked + `
WHERE m.room_id = mark.room_id AND m.user_id = mark.user_id AND m.joined_message = mark.message AND m.status = 'Joined'
  AND (m.read_counted IS NULL OR (m.read_epoch, m.read_offset) < (mark.epoch, mark.log_offset))`

func (t tx) JoinAt(ctx context.Context, marks []store.ReadMark) error {
	return t.mark(ctx, "set where members begin to read", updateJoined, marks)
}

const updateReadMarks = `
UPDATE members AS m
SET read_epoch = mark.epoch, read_offset = mark.log_offset, own_after = 0, opened = true, last_read_at = greatest(m.last_read_at, mark.at),
    read_counted = CASE WHEN m.read_counted IS NULL THEN NULL ELSE mark.counted END
FROM ` + marked + `
WHERE m.room_id = mark.room_id AND m.user_id = mark.user_id AND (m.read_epoch, m.read_offset) < (mark.epoch, mark.log_offset)`

func (t tx) AdvanceReadMarks(ctx context.Context, marks []store.ReadMark) error {
	return t.mark(ctx, "advance read marks", updateReadMarks, marks)
}

func (t tx) mark(ctx context.Context, doing, statement string, marks []store.ReadMark) error {
	var all struct {
		rooms, users, messages []uuid.UUID
		epochs                 []int32
		offsets, counted       []int64
		times                  []time.Time
	}
	for _, mark := range marks {
		all.rooms, all.users, all.messages = append(all.rooms, mark.RoomID), append(all.users, mark.UserID), append(all.messages, mark.Message)
		all.epochs, all.offsets = append(all.epochs, mark.Position.Epoch), append(all.offsets, mark.Position.Offset)
		all.counted, all.times = append(all.counted, mark.Counted), append(all.times, mark.At)
	}
	_, err := t.db.Exec(ctx, statement, all.rooms, all.users, all.epochs, all.offsets, all.counted, all.times, all.messages)
	return storeError(doing, err)
}

// readState has the columns of what is known of a member's reading.
const readState = `m.read_epoch, m.read_offset, coalesce(m.read_counted, 0), m.read_counted IS NULL, m.own_after, m.opened, m.last_read_at`

// readStateInto gives where the columns go; then, once they are there, time.
func readStateInto(state *store.ReadState, at **time.Time) []any {
	return []any{&state.Position.Epoch, &state.Position.Offset, &state.Counted, &state.Pending, &state.OwnAfter, &state.Opened, at}
}

const lockReader = `
SELECT ` + readState + `
FROM members m
WHERE m.room_id = $1 AND m.user_id = $2 AND m.status = 'Joined'
FOR NO KEY UPDATE`

func (t tx) LockReader(ctx context.Context, room, user uuid.UUID) (state store.ReadState, err error) {
	var at *time.Time
	err = t.db.QueryRow(ctx, lockReader, room, user).Scan(readStateInto(&state, &at)...)
	if at != nil {
		state.At = at.UTC()
	}
	return state, storeError("lock what a member has read", orNotFound(err))
}

const selectTaken = `SELECT latest_epoch, latest_offset, messages, counted, change_version, latest_message FROM rooms WHERE id = $1`

func (t tx) TakenBy(ctx context.Context, room uuid.UUID) (taken store.Taken, latest time.Time, err error) {
	err = t.db.QueryRow(ctx, selectTaken, room).Scan(
		&taken.Position.Epoch, &taken.Position.Offset, &taken.Messages, &taken.Counted, &taken.ChangeVersion, &latest)
	return taken, latest.UTC(), storeError("read what a room has taken", orNotFound(err))
}

const (
	selectPosition = `
SELECT message_id, epoch, log_offset, at, number, counted, sender_id
FROM message_positions
WHERE room_id = $1`
	newestFirst = ` ORDER BY epoch DESC, log_offset DESC LIMIT 1`

	selectByID           = selectPosition + ` AND message_id = $2` + newestFirst
	selectUpTo           = selectPosition + ` AND (epoch, log_offset) <= ($2, $3)` + newestFirst
	selectOldest         = selectPosition + ` ORDER BY epoch, log_offset LIMIT 1`
	selectNewestOfOthers = selectPosition + ` AND sender_id <> $2` + newestFirst
)

func (t tx) MessageByID(ctx context.Context, room, message uuid.UUID) (store.MessagePosition, error) {
	return t.position(ctx, selectByID, room, message)
}

func (t tx) MessageUpTo(ctx context.Context, room uuid.UUID, position events.Position) (store.MessagePosition, error) {
	return t.position(ctx, selectUpTo, room, position.Epoch, position.Offset)
}

func (t tx) OldestMessage(ctx context.Context, room uuid.UUID) (store.MessagePosition, error) {
	return t.position(ctx, selectOldest, room)
}

func (t tx) NewestOfOthers(ctx context.Context, room, user uuid.UUID) (store.MessagePosition, error) {
	return t.position(ctx, selectNewestOfOthers, room, user)
}

func (t tx) position(ctx context.Context, query string, room uuid.UUID, args ...any) (store.MessagePosition, error) {
	found := store.MessagePosition{RoomID: room}
	var sender *uuid.UUID
	err := t.db.QueryRow(ctx, query, append([]any{room}, args...)...).Scan(
		&found.MessageID, &found.Position.Epoch, &found.Position.Offset, &found.At, &found.Number, &found.Counted, &sender)
	if err == pgx.ErrNoRows { //nolint:errorlint // it is given as it is
		return store.MessagePosition{}, store.ErrMessageNotFound
	}
	if sender != nil {
		found.SenderID = *sender
	}
	found.At = found.At.UTC()
	return found, storeError("find a message", err)
}

const countOwn = `SELECT count(*) FROM message_positions WHERE room_id = $1 AND sender_id = $2 AND (epoch, log_offset) > ($3, $4)`

func (t tx) CountOwn(ctx context.Context, room, user uuid.UUID, behind events.Position) (own int64, err error) {
	err = t.db.QueryRow(ctx, countOwn, room, user, behind.Epoch, behind.Offset).Scan(&own)
	return own, storeError("count own messages", err)
}

const updateReadState = `
UPDATE members
SET read_epoch = $3, read_offset = $4, read_counted = $5, own_after = $6, opened = $7, last_read_at = $8, untold_since = $9, receipt = $10,
    untold_trace = $11
WHERE room_id = $1 AND user_id = $2`

func (t tx) SetReadState(ctx context.Context, room, user uuid.UUID, state store.ReadState, mark store.Untold) error {
	var (
		counted *int64
		at      *time.Time
	)
	if !state.Pending {
		counted = &state.Counted
	}
	if !state.At.IsZero() {
		at = &state.At
	}
	_, err := t.db.Exec(ctx, updateReadState, room, user, state.Position.Epoch, state.Position.Offset, counted, state.OwnAfter, state.Opened, at,
		mark.Since, mark.Receipt, mark.Trace)
	return storeError("write what a member has read", err)
}

const takeUntold = `
UPDATE members AS m
SET untold_since = NULL, receipt = false, untold_trace = NULL
FROM (
    SELECT room_id, user_id, receipt, untold_trace FROM members
    WHERE untold_since <= $1
    ORDER BY untold_since
    LIMIT $2
    FOR NO KEY UPDATE SKIP LOCKED
) AS untold
WHERE m.room_id = untold.room_id AND m.user_id = untold.user_id
RETURNING m.room_id, m.user_id, untold.receipt, coalesce(untold.untold_trace, ''), ` + readState

// selectToTell gives what is to be told of marks, in their order: of one snapshot, and never older than what the marks were taken at.
const selectToTell = `
SELECT r.latest_epoch, r.latest_offset, r.messages, r.counted, r.change_version, r.membership_version, r.large, u.read_receipts,
       CASE WHEN NOT r.large THEN ARRAY(SELECT user_id FROM members WHERE room_id = r.id AND status = 'Joined' ORDER BY joined_at, position) END,
       (SELECT p.message_id FROM message_positions p
        WHERE p.room_id = r.id AND (p.epoch, p.log_offset) <= (mark.epoch, mark.log_offset)
        ORDER BY p.epoch DESC, p.log_offset DESC LIMIT 1)
FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bigint[]) WITH ORDINALITY AS mark (room_id, user_id, epoch, log_offset, ordinal)
JOIN rooms r ON r.id = mark.room_id
JOIN users u ON u.id = mark.user_id
ORDER BY mark.ordinal`

func (t tx) TakeUntold(ctx context.Context, since time.Time, most int) ([]store.UntoldMark, error) {
	rows, err := t.db.Query(ctx, takeUntold, since, most)
	if err != nil {
		return nil, storeError("take marks", err)
	}
	marks, err := pgx.CollectRows(rows, scanUntold)
	if err != nil || len(marks) == 0 {
		return nil, storeError("take marks", err)
	}
	var (
		rooms, users []uuid.UUID
		epochs       []int32
		offsets      []int64
	)
	for _, mark := range marks {
		rooms, users = append(rooms, mark.RoomID), append(users, mark.UserID)
		epochs, offsets = append(epochs, mark.State.Position.Epoch), append(offsets, mark.State.Position.Offset)
	}
	if rows, err = t.db.Query(ctx, selectToTell, rooms, users, epochs, offsets); err != nil {
		return nil, storeError("read what is to be told of marks", err)
	}
	next := 0
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		err := scanToTell(row, &marks[next])
		next++
		return struct{}{}, err
	})
	return marks, storeError("read what is to be told of marks", err)
}

func scanUntold(row pgx.CollectableRow) (store.UntoldMark, error) {
	var (
		mark store.UntoldMark
		at   *time.Time
	)
	err := row.Scan(append([]any{&mark.RoomID, &mark.UserID, &mark.Receipt, &mark.Trace}, readStateInto(&mark.State, &at)...)...)
	if at != nil {
		mark.State.At = at.UTC()
	}
	return mark, err
}

func scanToTell(row pgx.CollectableRow, mark *store.UntoldMark) error {
	var (
		receipts bool
		message  *uuid.UUID
	)
	err := row.Scan(&mark.Room.Position.Epoch, &mark.Room.Position.Offset, &mark.Room.Messages, &mark.Room.Counted, &mark.Room.ChangeVersion,
		&mark.Audience.Version, &mark.Audience.WholeRoom, &receipts, &mark.Audience.Users, &message)
	if mark.Audience.WholeRoom {
		mark.Audience = events.WholeRoom(mark.Audience.Version)
	}
	if message != nil {
		mark.Message = *message
	}
	mark.Receipt = mark.Receipt && receipts && message != nil
	return err
}

const selectTotals = `
SELECT count(*) FILTER (WHERE unread > 0 OR new), coalesce(sum(unread), 0)::bigint
FROM (
    SELECT ` + unreadCount + ` AS unread, ` + isNew + ` AS new
    FROM members m
    JOIN rooms r ON r.id = m.room_id
    WHERE m.user_id = $1 AND m.status = 'Joined'
) AS room`

// Unread implements [store.Reading].
func (s *Store) Unread(ctx context.Context, user uuid.UUID) (totals store.Totals, err error) {
	err = s.do(ctx, "sum_unread", func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.QueryRow(ctx, selectTotals, user).Scan(&totals.Rooms, &totals.Messages)
	})
	return totals, err
}

const (
	selectReceipts = `SELECT coalesce((SELECT read_receipts FROM users WHERE id = $1), true)`
	updateReceipts = `UPDATE users SET read_receipts = $2 WHERE id = $1 AND read_receipts <> $2`
)

// ReadReceipts implements [store.Reading].
func (s *Store) ReadReceipts(ctx context.Context, user uuid.UUID) (on bool, err error) {
	err = s.do(ctx, "get_settings", func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.QueryRow(ctx, selectReceipts, user).Scan(&on)
	})
	return on, err
}

// SetReadReceipts implements [store.Reading].
func (s *Store) SetReadReceipts(ctx context.Context, user uuid.UUID, on bool) error {
	return s.do(ctx, "put_settings", func(ctx context.Context, pool *pgxpool.Pool) error {
		_, err := pool.Exec(ctx, updateReceipts, user, on)
		return err
	})
}

const selectProgress = `SELECT partition, epoch, next_offset FROM log_progress`

// Progress implements [store.Reading].
func (s *Store) Progress(ctx context.Context) (map[int32]events.Position, error) {
	progress := map[int32]events.Position{}
	err := s.do(ctx, "get_progress", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, selectProgress)
		if err != nil {
			return err
		}
		var (
			partition int32
			next      events.Position
		)
		_, err = pgx.ForEachRow(rows, []any{&partition, &next.Epoch, &next.Offset}, func() error {
			progress[partition] = next
			return nil
		})
		return err
	})
	return progress, err
}

const upsertProgress = `
INSERT INTO log_progress AS p (partition, epoch, next_offset) VALUES ($1, $2, $3)
ON CONFLICT (partition) DO UPDATE SET epoch = excluded.epoch, next_offset = excluded.next_offset
WHERE (p.epoch, p.next_offset) < (excluded.epoch, excluded.next_offset)`

// SetProgress implements [store.Reading].
func (s *Store) SetProgress(ctx context.Context, partition int32, next events.Position) error {
	return s.do(ctx, "put_progress", func(ctx context.Context, pool *pgxpool.Pool) error {
		_, err := pool.Exec(ctx, upsertProgress, partition, next.Epoch, next.Offset)
		return err
	})
}
