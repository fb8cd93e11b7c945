package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

const deleteUser = `
UPDATE users
SET deleted_at = ?3, display_name = ?4, picture = NULL, description = NULL, role = NULL, street_credits = 0, search_name = ''
WHERE id = ?1 AND (?2 = '' OR tenant = ?2) AND deleted_at IS NULL
RETURNING tenant`

const (
	selectNewestErasure = `SELECT id, tenant FROM erasures WHERE user_id = ?1 AND (?2 = '' OR tenant = ?2) ORDER BY at DESC LIMIT 1`
	insertErasure       = `INSERT INTO erasures (id, user_id, tenant, at) VALUES (?, ?, ?, ?)`
	insertErasurePart   = `INSERT INTO erasure_parts (erasure_id, service) VALUES (?, ?)`
)

func (t *tx) DeleteUser(ctx context.Context, tenant string, user uuid.UUID, erasure store.NewErasure) (id uuid.UUID, of string, began bool, err error) {
	err = t.db.QueryRowContext(ctx, deleteUser, user[:], tenant, erasure.At.UnixMicro(), store.DeletedName).Scan(&of)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.db.QueryRowContext(ctx, selectNewestErasure, user[:], tenant).Scan(&id, &of)
		if errors.Is(err, sql.ErrNoRows) {
			err = people.ErrUserNotFound
		}
		return id, of, false, storeError("find an erasure", err)
	}
	if err == nil {
		_, err = t.db.ExecContext(ctx, insertErasure, erasure.ID[:], user[:], of, erasure.At.UnixMicro())
	}
	for _, service := range erasure.By {
		if err == nil {
			_, err = t.db.ExecContext(ctx, insertErasurePart, erasure.ID[:], service)
		}
	}
	return erasure.ID, of, true, storeError("delete user", err)
}

const selectAnyRelatives = `SELECT other_id FROM relationships WHERE user_id = ? LIMIT ?`

func (t *tx) AnyRelatives(ctx context.Context, user uuid.UUID, limit int) ([]uuid.UUID, error) {
	relatives, err := selectIDs(ctx, t.db, selectAnyRelatives, user[:], limit)
	return relatives, storeError("read relatives", err)
}

const updateErased = `UPDATE erasure_parts SET erased = erased + ?2 WHERE erasure_id = ?1 AND service = 'rooms'`

func (t *tx) CountErased(ctx context.Context, erasure uuid.UUID, things int) error {
	_, err := t.db.ExecContext(ctx, updateErased, erasure[:], things)
	return storeError("count what was erased", err)
}

const updateFinished = `UPDATE erasure_parts SET finished_at = ?2 WHERE erasure_id = ?1 AND service = 'rooms' AND finished_at IS NULL`

func (t *tx) FinishErasure(ctx context.Context, erasure uuid.UUID, at time.Time) error {
	_, err := t.db.ExecContext(ctx, updateFinished, erasure[:], at.UnixMicro())
	return storeError("finish an erasure", err)
}

const finishPart = `
INSERT INTO erasure_parts (erasure_id, service, erased, finished_at)
SELECT id, ?2, ?3, ?4 FROM erasures WHERE id = ?1
ON CONFLICT (erasure_id, service) DO UPDATE SET erased = excluded.erased, finished_at = excluded.finished_at
WHERE erasure_parts.finished_at IS NULL`

func (t *tx) FinishPart(ctx context.Context, erasure uuid.UUID, part store.ErasurePart) error {
	_, err := t.db.ExecContext(ctx, finishPart, erasure[:], part.Service, part.Erased, part.FinishedAt.UnixMicro())
	return storeError("finish a part of an erasure", err)
}

const selectErasure = `
SELECT e.id, e.user_id, e.tenant, e.at, p.service, p.erased, p.finished_at
FROM erasures e
JOIN erasure_parts p ON p.erasure_id = e.id
WHERE e.id = ?1 AND (?2 = '' OR e.tenant = ?2)
ORDER BY p.service`

// Erasure implements [store.Erasures].
func (s *Store) Erasure(ctx context.Context, tenant string, id uuid.UUID) (erasure store.Erasure, err error) {
	err = s.do("get_erasure", func(db *sqlite.DB) error {
		rows, err := db.Readers.QueryContext(ctx, selectErasure, id[:], tenant)
		if err != nil {
			return err
		}
		defer rows.Close() // rows.Err says what went wrong
		for rows.Next() {
			var part store.ErasurePart
			var at int64
			var finished sql.NullInt64
			if err := rows.Scan(&erasure.ID, &erasure.UserID, &erasure.Tenant, &at, &part.Service, &part.Erased, &finished); err != nil {
				return err
			}
			erasure.At, part.FinishedAt = wire.At(fromMicros(at)), orNull(finished)
			erasure.Parts = append(erasure.Parts, part)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if len(erasure.Parts) == 0 {
			return store.ErrErasureNotFound
		}
		return nil
	})
	return erasure, err
}

const selectPending = `
SELECT e.id, e.user_id, e.tenant, e.at, u.deleted_at IS NULL
FROM erasure_parts p
JOIN erasures e ON e.id = p.erasure_id
JOIN users u ON u.id = e.user_id
WHERE p.service = 'rooms' AND p.finished_at IS NULL
ORDER BY p.erasure_id
LIMIT ?`

// PendingErasures implements [store.Erasures].
func (s *Store) PendingErasures(ctx context.Context, limit int) (all []store.Pending, err error) {
	err = s.do("pending_erasures", func(db *sqlite.DB) (err error) {
		all, err = collect(ctx, db.Readers, scanPending, selectPending, limit)
		return err
	})
	return all, err
}

func scanPending(scan func(targets ...any) error) (store.Pending, error) {
	var (
		pending store.Pending
		at      int64
	)
	err := scan(&pending.ID, &pending.UserID, &pending.Tenant, &at, &pending.Restored)
	pending.At = fromMicros(at)
	return pending, err
}
