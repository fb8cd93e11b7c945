package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

const selectWritten = `SELECT room_id,` + entryColumns + `
WHERE sender_id = ? AND (room_id, epoch, log_offset) > (?, ?, ?) AND` + live + `
ORDER BY room_id, epoch, log_offset
LIMIT ?`

// A row of referred_to is for one content of a message, which the newest need not be.
const selectInvolving = `SELECT room_id,` + entryColumns + `
JOIN (
	SELECT room_id, epoch, log_offset FROM messages
	WHERE sender_id = ?1 AND (room_id, epoch, log_offset) > (?2, ?3, ?4) AND` + live + `
	UNION
	SELECT r.room_id, r.epoch, r.log_offset FROM referred_to AS r JOIN messages USING (room_id, epoch, log_offset)
	WHERE r.user_id = ?1 AND (r.room_id, r.epoch, r.log_offset) > (?2, ?3, ?4) AND` + live + `
	ORDER BY room_id, epoch, log_offset
	LIMIT ?5
) USING (room_id, epoch, log_offset)
ORDER BY room_id, epoch, log_offset`

// point is a message behind which a walk goes on.
type point struct {
	room uuid.UUID
	at   events.Position
}

const pointLength = len(uuid.UUID{}) + 4 + 8

func (p point) encode() []byte {
	raw := append(make([]byte, 0, pointLength), p.room[:]...)
	raw = binary.BigEndian.AppendUint32(raw, uint32(p.at.Epoch))
	return binary.BigEndian.AppendUint64(raw, uint64(p.at.Offset))
}

func decodePoint(raw []byte) (point, error) {
	if raw == nil {
		return point{at: events.Position{Offset: -1}}, nil
	}
	if len(raw) != pointLength {
		return point{}, store.ErrForeignPoint
	}
	at := events.Position{Epoch: int32(binary.BigEndian.Uint32(raw[16:20])), Offset: int64(binary.BigEndian.Uint64(raw[20:]))}
	return point{room: uuid.UUID(raw[:16]), at: at}, nil
}

// roomFirst scans a row that begins with the room.
type roomFirst struct {
	rows interface{ Scan(into ...any) error }
	room *uuid.UUID
}

func (r roomFirst) Scan(into ...any) error { return r.rows.Scan(append([]any{r.room}, into...)...) }

// Written implements [store.Senders].
func (s *Store) Written(ctx context.Context, sender uuid.UUID, from []byte, limit int) (store.Written, error) {
	return s.walk(ctx, selectWritten, sender, from, limit)
}

// Involving implements [store.Senders].
func (s *Store) Involving(ctx context.Context, user uuid.UUID, from []byte, limit int) (store.Written, error) {
	involving, err := s.walk(ctx, selectInvolving, user, from, limit)
	involving.Entries = slices.DeleteFunc(involving.Entries, func(entry store.Entry) bool { return !entry.Involves(user) })
	return involving, err
}

// walk gives a part of what a statement finds of a user.
func (s *Store) walk(ctx context.Context, statement string, user uuid.UUID, from []byte, limit int) (store.Written, error) {
	opened := s.open.Load()
	if opened == nil {
		return store.Written{}, store.ErrUnavailable
	}
	behind, err := decodePoint(from)
	if err != nil {
		return store.Written{}, fmt.Errorf("walk through what involves a user: %w", err)
	}
	rows, err := opened.Readers.QueryContext(ctx, statement, user[:], behind.room[:], behind.at.Epoch, behind.at.Offset, limit)
	if err != nil {
		return store.Written{}, unavailable("walk through what involves a user", err)
	}
	defer rows.Close()
	var written store.Written
	for rows.Next() {
		var room uuid.UUID
		entry, err := scanEntry(roomFirst{rows, &room}, uuid.Nil)
		if err != nil {
			return store.Written{}, unavailable("read message", err)
		}
		entry.Message.RoomID = room
		written.Entries = append(written.Entries, entry)
	}
	if err := rows.Err(); err != nil {
		return store.Written{}, unavailable("walk through what involves a user", err)
	}
	if n := len(written.Entries); n == limit {
		last := written.Entries[n-1]
		written.Next = point{room: last.Message.RoomID, at: last.Position}.encode()
	}
	return written, nil
}
