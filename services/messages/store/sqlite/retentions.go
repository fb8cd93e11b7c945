package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/messages/store"
)

const (
	upsertRetention = `INSERT INTO room_retentions (room_id, days) VALUES (?, ?) ON CONFLICT (room_id) DO UPDATE SET days = excluded.days`
	deleteRetention = `DELETE FROM room_retentions WHERE room_id = ?`
	selectRetention = `SELECT days FROM room_retentions WHERE room_id = ?`
)

// SetRetention implements [store.Retentions].
func (s *Store) SetRetention(ctx context.Context, room uuid.UUID, days int) error {
	return s.exec(ctx, "set a room's retention", upsertRetention, room[:], days)
}

// UnsetRetention implements [store.Retentions].
func (s *Store) UnsetRetention(ctx context.Context, room uuid.UUID) error {
	return s.exec(ctx, "unset a room's retention", deleteRetention, room[:])
}

// Retention implements [store.Retentions].
func (s *Store) Retention(ctx context.Context, room uuid.UUID) (days int, set bool, err error) {
	opened := s.open.Load()
	if opened == nil {
		return 0, false, store.ErrUnavailable
	}
	switch err := opened.Readers.QueryRowContext(ctx, selectRetention, room[:]).Scan(&days); {
	case err == nil:
		return days, true, nil
	case errors.Is(err, sql.ErrNoRows):
		return 0, false, nil
	default:
		return 0, false, unavailable("read a room's retention", err)
	}
}
