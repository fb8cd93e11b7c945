package cassandra

import (
	"context"
	"errors"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
)

const (
	insertRetention = `INSERT INTO room_retentions (room_id, days) VALUES (?, ?)`
	deleteRetention = `DELETE FROM room_retentions WHERE room_id = ?`
	selectRetention = `SELECT days FROM room_retentions WHERE room_id = ?`
)

// SetRetention implements [store.Retentions]. What is last is so by the clocks of the processes that set: where two set within the difference of their
// clocks, the earlier may count.
func (s *Store) SetRetention(ctx context.Context, room uuid.UUID, days int) error {
	return s.exec(ctx, "set a room's retention", insertRetention, gocql.UUID(room), days)
}

// UnsetRetention implements [store.Retentions].
func (s *Store) UnsetRetention(ctx context.Context, room uuid.UUID) error {
	return s.exec(ctx, "unset a room's retention", deleteRetention, gocql.UUID(room))
}

// Retention implements [store.Retentions].
func (s *Store) Retention(ctx context.Context, room uuid.UUID) (days int, set bool, err error) {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return 0, false, err
	}
	defer cancel()
	switch err := query(ctx, session, selectRetention, gocql.UUID(room)).Scan(&days); {
	case err == nil:
		return days, true, nil
	case errors.Is(err, gocql.ErrNotFound):
		return 0, false, nil
	default:
		return 0, false, unavailable("read a room's retention", err)
	}
}
