package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/ism-chat/ism/services/messages/store"
)

const (
	deleteOldClaims = `DELETE FROM revision_claims WHERE until < ?`
	upsertClaim     = `
INSERT INTO revision_claims (room_id, message_id, epoch, log_offset, holder, until)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (room_id, message_id, epoch, log_offset) DO UPDATE SET until = excluded.until
WHERE holder = excluded.holder`
	deleteClaim = `DELETE FROM revision_claims WHERE room_id = ? AND message_id = ? AND epoch = ? AND log_offset = ? AND holder = ?`
	insertKey   = `INSERT INTO shared_keys (name, key) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`
	selectKey   = `SELECT key FROM shared_keys WHERE name = ?`
)

// Claim implements [store.Store].
func (s *Store) Claim(ctx context.Context, claim store.Claim, lasting time.Duration) (claimed bool, err error) {
	now := time.Now()
	err = s.transact(ctx, "claim a message", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, deleteOldClaims, now.UnixMicro()); err != nil {
			return err
		}
		made, err := tx.ExecContext(ctx, upsertClaim, claim.Room[:], claim.Message[:], claim.Base.Epoch, claim.Base.Offset, claim.Holder[:],
			now.Add(lasting).UnixMicro())
		if err != nil {
			return err
		}
		rows, err := made.RowsAffected()
		claimed = rows > 0
		return err
	})
	return claimed && err == nil, err
}

// Release implements [store.Store].
func (s *Store) Release(ctx context.Context, claim store.Claim) error {
	return s.transact(ctx, "release a message", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, deleteClaim, claim.Room[:], claim.Message[:], claim.Base.Epoch, claim.Base.Offset, claim.Holder[:])
		return err
	})
}

// SharedKey implements [store.Store].
func (s *Store) SharedKey(ctx context.Context, name string, proposed []byte) (key []byte, err error) {
	err = s.transact(ctx, "read a key", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, insertKey, name, proposed); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, selectKey, name).Scan(&key)
	})
	return key, err
}

// transact does something that messages do not wait for, in a transaction of its own.
func (s *Store) transact(ctx context.Context, doing string, what func(*sql.Tx) error) error {
	opened := s.open.Load()
	if opened == nil {
		return store.ErrUnavailable
	}
	if err := opened.Transact(ctx, what); err != nil {
		return unavailable(doing, err)
	}
	return nil
}
