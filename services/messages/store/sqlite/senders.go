package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

const selectWritten = `SELECT room_id,` + entryColumns + `
WHERE sender_id = ? AND (room_id, epoch, log_offset) > (?, ?, ?) AND` + live + `
ORDER BY room_id, epoch, log_offset
LIMIT ?`

// point is a message behind which a walk through what a sender has written goes on.
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
	opened := s.open.Load()
	if opened == nil {
		return store.Written{}, store.ErrUnavailable
	}
	behind, err := decodePoint(from)
	if err != nil {
		return store.Written{}, fmt.Errorf("read what a sender has written: %w", err)
	}
	rows, err := opened.Readers.QueryContext(ctx, selectWritten, sender[:], behind.room[:], behind.at.Epoch, behind.at.Offset, limit)
	if err != nil {
		return store.Written{}, unavailable("read what a sender has written", err)
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
		return store.Written{}, unavailable("read what a sender has written", err)
	}
	if n := len(written.Entries); n == limit {
		last := written.Entries[n-1]
		written.Next = point{room: last.Message.RoomID, at: last.Position}.encode()
	}
	return written, nil
}
