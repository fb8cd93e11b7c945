package cassandra

import (
	"context"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/messages/store"
)

const (
	insertClaim = `
INSERT INTO revision_claims (room_id, message_id, epoch, log_offset, holder)
VALUES (?, ?, ?, ?, ?) USING TTL ?`
	selectClaims = `SELECT holder FROM revision_claims WHERE room_id = ? AND message_id = ? AND epoch = ? AND log_offset = ?`
	deleteClaim  = `DELETE FROM revision_claims WHERE room_id = ? AND message_id = ? AND epoch = ? AND log_offset = ? AND holder = ?`
)

// Claim implements [store.Store]. Who claims writes that down, and then reads who else has: alone it has the right, else it takes its claim back. Where
// reads and writes overlap, of two at least one sees the other. So it needs no lightweight transaction, which ScyllaDB does not have everywhere.
func (s *Store) Claim(ctx context.Context, claim store.Claim, lasting time.Duration) (bool, error) {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return false, err
	}
	defer cancel()
	at := claimKey(claim)
	holder, seconds := gocql.UUID(claim.Holder), int(lasting/time.Second)
	if err := session.Query(insertClaim, append(at, holder, seconds)...).WithContext(ctx).Idempotent(true).Exec(); err != nil {
		return false, unavailable("claim a message", err)
	}
	alone, other := true, gocql.UUID{}
	rows := read(ctx, session, selectClaims, at...)
	for rows.Scan(&other) {
		alone = alone && uuid.UUID(other) == claim.Holder
	}
	if err := rows.Close(); err != nil {
		return false, unavailable("read who has claimed a message", err)
	}
	if alone {
		return true, nil
	}
	return false, s.Release(ctx, claim)
}

// Release implements [store.Store].
func (s *Store) Release(ctx context.Context, claim store.Claim) error {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	err = session.Query(deleteClaim, append(claimKey(claim), gocql.UUID(claim.Holder))...).WithContext(ctx).Idempotent(true).Exec()
	if err != nil {
		return unavailable("release a message", err)
	}
	return nil
}

func claimKey(claim store.Claim) []any {
	return []any{gocql.UUID(claim.Room), gocql.UUID(claim.Message), claim.Base.Epoch, claim.Base.Offset}
}
