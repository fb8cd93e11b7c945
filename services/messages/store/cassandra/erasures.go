package cassandra

import (
	"context"
	"errors"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/messages/store"
)

// pendingPart is the one partition of pending_erasures: there are as many as users are deleted within minutes.
const pendingPart = 0

const (
	selectFinished = `SELECT finished_at FROM finished_erasures WHERE erasure_id = ?`
	insertPending  = `INSERT INTO pending_erasures (part, erasure_id, user_id, tenant, asked_at) VALUES (?, ?, ?, ?, ?)`
	selectPending  = `
SELECT erasure_id, user_id, tenant, asked_at, stage, walk, erased, claimed_by, claimed_until FROM pending_erasures
WHERE part = ? AND erasure_id > ?
LIMIT ?`
	updatePending = `
UPDATE pending_erasures SET stage = ?, walk = ?, erased = ?, claimed_by = ?, claimed_until = ?
WHERE part = ? AND erasure_id = ?`
	deletePending  = `DELETE FROM pending_erasures WHERE part = ? AND erasure_id = ?`
	insertFinished = `INSERT INTO finished_erasures (erasure_id, user_id, erased, finished_at) VALUES (?, ?, ?, ?)`
)

// BeginErasure implements [store.Erasures].
func (s *Store) BeginErasure(ctx context.Context, erasure store.Erasure) error {
	finished, err := s.isFinished(ctx, erasure.ID)
	if err != nil || finished {
		return err
	}
	return s.exec(ctx, "begin an erasure", insertPending,
		pendingPart, gocql.UUID(erasure.ID), gocql.UUID(erasure.UserID), erasure.Tenant, erasure.At.UnixMicro())
}

func (s *Store) isFinished(ctx context.Context, erasure uuid.UUID) (bool, error) {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return false, err
	}
	defer cancel()
	var at int64
	switch err := session.Query(selectFinished, gocql.UUID(erasure)).WithContext(ctx).Idempotent(true).Scan(&at); {
	case err == nil:
		return true, nil
	case errors.Is(err, gocql.ErrNotFound):
		return false, nil
	default:
		return false, unavailable("look for an erasure", err)
	}
}

// SaveErasure implements [store.Erasures]. What a process saves that another has finished meanwhile is no erasure by itself, see PendingErasures.
func (s *Store) SaveErasure(ctx context.Context, erasure store.Erasure) error {
	return s.exec(ctx, "save an erasure", updatePending, int(erasure.Stage), erasure.From, erasure.Erased,
		gocql.UUID(erasure.ClaimedBy), micros(erasure.ClaimedUntil), pendingPart, gocql.UUID(erasure.ID))
}

// FinishErasure implements [store.Erasures].
func (s *Store) FinishErasure(ctx context.Context, erasure store.Erasure, at time.Time) error {
	err := s.exec(ctx, "finish an erasure", insertFinished, gocql.UUID(erasure.ID), gocql.UUID(erasure.UserID), erasure.Erased, at.UnixMicro())
	if err != nil {
		return err
	}
	return s.exec(ctx, "finish an erasure", deletePending, pendingPart, gocql.UUID(erasure.ID))
}

func (s *Store) exec(ctx context.Context, doing, statement string, args ...any) error {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if err := session.Query(statement, args...).WithContext(ctx).Idempotent(true).Exec(); err != nil {
		return unavailable(doing, err)
	}
	return nil
}

// PendingErasures implements [store.Erasures]. A row that says nothing of a user is progress that was saved when another process had finished: it goes.
func (s *Store) PendingErasures(ctx context.Context, behind uuid.UUID, limit int) ([]store.Erasure, error) {
	rows, err := s.readPending(ctx, behind, limit)
	if err != nil {
		return nil, err
	}
	var pending []store.Erasure
	for _, erasure := range rows {
		if !erasure.At.IsZero() {
			pending = append(pending, erasure)
		} else if err := s.exec(ctx, "remove what is left of an erasure", deletePending, pendingPart, gocql.UUID(erasure.ID)); err != nil {
			return nil, err
		}
	}
	return pending, nil
}

func (s *Store) readPending(ctx context.Context, behind uuid.UUID, limit int) ([]store.Erasure, error) {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	rows := read(ctx, session, selectPending, pendingPart, gocql.UUID(behind), limit)
	var all []store.Erasure
	for {
		var (
			erasure           store.Erasure
			id, user, claimer gocql.UUID
			at, claimed       *int64
			stage             int
		)
		if !rows.Scan(&id, &user, &erasure.Tenant, &at, &stage, &erasure.From, &erasure.Erased, &claimer, &claimed) {
			break
		}
		erasure.ID, erasure.UserID, erasure.ClaimedBy = uuid.UUID(id), uuid.UUID(user), uuid.UUID(claimer)
		erasure.At, erasure.ClaimedUntil, erasure.Stage = timeOf(at), timeOf(claimed), store.Stage(stage)
		all = append(all, erasure)
	}
	if err := rows.Close(); err != nil {
		return nil, unavailable("read pending erasures", err)
	}
	return all, nil
}
