package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/messages/store"
)

const (
	insertErasure = `INSERT INTO erasures (id, user_id, tenant, at) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`
	selectPending = `
SELECT id, user_id, tenant, at, stage, walk, erased, claimed_by, claimed_until FROM erasures
WHERE finished_at IS NULL AND id > ?
ORDER BY id
LIMIT ?`
	updateErasure = `
UPDATE erasures SET stage = ?, walk = ?, erased = ?, claimed_by = ?, claimed_until = ?
WHERE id = ? AND finished_at IS NULL`
	finishErasure = `UPDATE erasures SET erased = ?, finished_at = ? WHERE id = ? AND finished_at IS NULL`
)

// BeginErasure implements [store.Erasures].
func (s *Store) BeginErasure(ctx context.Context, erasure store.Erasure) error {
	return s.exec(ctx, "begin an erasure", insertErasure, erasure.ID[:], erasure.UserID[:], erasure.Tenant, erasure.At.UnixMicro())
}

// SaveErasure implements [store.Erasures].
func (s *Store) SaveErasure(ctx context.Context, erasure store.Erasure) error {
	return s.exec(ctx, "save an erasure", updateErasure,
		erasure.Stage, erasure.From, erasure.Erased, erasure.ClaimedBy[:], micros(erasure.ClaimedUntil), erasure.ID[:])
}

// FinishErasure implements [store.Erasures].
func (s *Store) FinishErasure(ctx context.Context, erasure store.Erasure, at time.Time) error {
	return s.exec(ctx, "finish an erasure", finishErasure, erasure.Erased, at.UnixMicro(), erasure.ID[:])
}

// exec executes a statement in a transaction of its own. The file has one writer at a time.
func (s *Store) exec(ctx context.Context, doing, statement string, args ...any) error {
	opened := s.open.Load()
	if opened == nil {
		return store.ErrUnavailable
	}
	err := opened.Transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
	if err != nil {
		return unavailable(doing, err)
	}
	return nil
}

// PendingErasures implements [store.Erasures].
func (s *Store) PendingErasures(ctx context.Context, behind uuid.UUID, limit int) ([]store.Erasure, error) {
	opened := s.open.Load()
	if opened == nil {
		return nil, store.ErrUnavailable
	}
	rows, err := opened.Readers.QueryContext(ctx, selectPending, behind[:], limit)
	if err != nil {
		return nil, unavailable("read pending erasures", err)
	}
	defer rows.Close()
	var pending []store.Erasure
	for rows.Next() {
		var (
			erasure store.Erasure
			at      int64
			claimer uuid.NullUUID
			claimed sql.NullInt64
		)
		err := rows.Scan(&erasure.ID, &erasure.UserID, &erasure.Tenant, &at, &erasure.Stage, &erasure.From, &erasure.Erased, &claimer, &claimed)
		if err != nil {
			return nil, unavailable("read a pending erasure", err)
		}
		erasure.At, erasure.ClaimedBy = time.UnixMicro(at).UTC(), claimer.UUID
		if claimed.Valid {
			erasure.ClaimedUntil = time.UnixMicro(claimed.Int64).UTC()
		}
		pending = append(pending, erasure)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable("read pending erasures", err)
	}
	return pending, nil
}
