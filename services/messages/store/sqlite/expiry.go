package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	sweepEvery = time.Minute
	// maxSwept is how many messages are removed at once, and sweepPause how long others may write before more are.
	maxSwept   = 500
	sweepPause = 20 * time.Millisecond
)

// live is a condition: the message has not expired, and is at the position that counts.
const live = ` withdrawn = 0 AND expires_at > CAST(1e6 * unixepoch('subsec') AS INTEGER)`

const deleteExpired = `
DELETE FROM messages WHERE (room_id, epoch, log_offset) IN (
	SELECT room_id, epoch, log_offset FROM messages
	WHERE expires_at <= ? AND expires_at < 9223372036854775807
	ORDER BY expires_at
	LIMIT ?
)`

// expiryOf is when an entry expires as the column has it.
func expiryOf(entry store.Entry) int64 {
	if entry.Expires.IsZero() {
		return math.MaxInt64
	}
	return entry.Expires.UnixMicro()
}

// sweep removes messages that have expired, and says when to look again.
func (s *Store) sweep(ctx context.Context, db *sqlite.DB) time.Duration {
	swept, err := sweepSome(ctx, db)
	switch {
	case err != nil:
		s.log.WarnContext(ctx, "messages that have expired are not removed yet", slog.Any("error", err))
	case swept == maxSwept:
		return sweepPause
	}
	return sweepEvery
}

func sweepSome(ctx context.Context, db *sqlite.DB) (swept int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*sqlite.BusyTimeout)
	defer cancel()
	err = db.Transact(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, deleteExpired, time.Now().UnixMicro(), maxSwept)
		if err != nil {
			return fmt.Errorf("remove messages that have expired: %w", err)
		}
		swept, err = result.RowsAffected()
		return err
	})
	return swept, err
}

const selectSince = `
SELECT epoch, log_offset FROM (
	SELECT epoch, log_offset FROM messages
	WHERE room_id = ? AND created_at >= ? AND` + live + `
	ORDER BY created_at, epoch, log_offset
	LIMIT ?
)
ORDER BY epoch, log_offset
LIMIT 1`

// Since implements [store.Store].
func (s *Store) Since(ctx context.Context, room uuid.UUID, at time.Time) (from events.Position, any bool, err error) {
	opened := s.open.Load()
	if opened == nil {
		return events.Position{}, false, store.ErrUnavailable
	}
	err = opened.Readers.QueryRowContext(ctx, selectSince, room[:], at.UnixMicro(), store.LocateWindow).Scan(&from.Epoch, &from.Offset)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return events.Position{}, false, nil
	case err != nil:
		return events.Position{}, false, unavailable("find messages since a time", err)
	}
	return from, true, nil
}
