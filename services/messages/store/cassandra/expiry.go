package cassandra

import (
	"context"
	"math"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

// lastExpiry is the last second that a cell may expire at: a Cassandra that keeps its files readable for version 4 refuses later ones.
const lastExpiry = math.MaxInt32 - 1 // 2038-01-19T03:14:06Z

// ttlOf gives how many seconds of an entry are left, rounded up, and one more, as nodes count from the beginning of a second; 0 for one that never
// expires. So does one that would expire later than it can: it is kept too long, and not refused.
//
// What revises a message is written with the same expiry as the message. Where the retention was changed in between, the two differ, and the cells that
// last longer are a row without a message id, which is no message: see scanEntry.
func ttlOf(entry store.Entry, now time.Time) int {
	if entry.Expires.IsZero() || entry.Expires.Unix() > lastExpiry {
		return 0
	}
	return max(0, int(entry.Expires.Sub(now)/time.Second)) + 2
}

const (
	selectBucketsFrom = `SELECT bucket FROM room_buckets WHERE room_id = ? AND bucket >= ? ORDER BY bucket ASC`
	selectTimesFrom   = `
SELECT epoch, log_offset FROM message_times
WHERE room_id = ? AND bucket = ? AND created_at >= ?
ORDER BY created_at ASC, epoch ASC, log_offset ASC
LIMIT ?`
)

// Since implements [store.Store]. It looks upwards from the time, where nothing has expired that was stored to be there until then.
func (s *Store) Since(ctx context.Context, room uuid.UUID, at time.Time) (from events.Position, found bool, err error) {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return events.Position{}, false, err
	}
	defer cancel()
	buckets := read(ctx, session, selectBucketsFrom, gocql.UUID(room), bucketOf(at.UnixMicro()))
	defer buckets.Close() //nolint:errcheck // closed below where its error counts
	from, left := events.EndOfLog, store.LocateWindow
	for bucket := 0; left > 0 && buckets.Scan(&bucket); {
		rows := read(ctx, session, selectTimesFrom, gocql.UUID(room), bucket, at.UnixMicro(), left)
		for position := (events.Position{}); rows.Scan(&position.Epoch, &position.Offset); left-- {
			if position.Compare(from) < 0 {
				from = position
			}
		}
		if err := rows.Close(); err != nil {
			return events.Position{}, false, unavailable("find messages since a time", err)
		}
	}
	if err := buckets.Close(); err != nil {
		return events.Position{}, false, unavailable("find messages since a time", err)
	}
	if left == store.LocateWindow {
		return events.Position{}, false, nil
	}
	return from, true, nil
}
