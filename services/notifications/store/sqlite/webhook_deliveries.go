package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	insertEvent = `
INSERT INTO webhook_events (id, type, room_id, happened_at, taken_at, body, traceparent) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`
	insertDelivery = `
INSERT INTO webhook_deliveries (id, endpoint_id, event_id, type, room_id, happened_at, state, next_at, lane, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING`
	// pending is what SQLite must be told to see that the index of rooms will do.
	pending = ` AND state IN ('behind', 'waiting', 'released', 'retrying')`
	advance = `
UPDATE webhook_deliveries SET state = 'waiting' WHERE seq = (
    SELECT seq FROM webhook_deliveries WHERE endpoint_id = ?1 AND room_id = ?2 AND state = 'behind'` + pending + ` ORDER BY seq LIMIT 1)
AND NOT EXISTS (
    SELECT 1 FROM webhook_deliveries WHERE endpoint_id = ?1 AND room_id = ?2 AND state <> 'behind'` + pending + `)`
	selectLanes = `
SELECT lane, max(coalesce(next_at, 0)) FROM webhook_deliveries WHERE endpoint_id = ? AND state = 'released' GROUP BY lane`
	selectWaits   = `SELECT EXISTS (SELECT 1 FROM webhook_deliveries WHERE endpoint_id = ? AND state = 'waiting')`
	selectWaiting = `
SELECT ` + deliveryColumns + `, e.body, e.traceparent FROM webhook_deliveries d JOIN webhook_events e ON e.id = d.event_id
WHERE d.endpoint_id = ? AND d.state = 'waiting' ORDER BY d.seq LIMIT ?`
	claim  = `UPDATE webhook_deliveries SET state = 'released', lane = ?, next_at = ?, changed_at = ? WHERE seq = ?`
	loosen = `
UPDATE webhook_deliveries SET state = 'waiting', next_at = NULL, lane = 0
WHERE endpoint_id = ?1 AND (state = 'released' AND coalesce(next_at, 0) <= ?2 OR state = 'retrying' AND next_at < ?3)`
	deliveryColumns = `
d.seq, d.id, d.endpoint_id, d.event_id, d.type, d.room_id, d.happened_at, d.state, d.attempts, d.round, d.next_at, d.lane, d.status, d.error, d.changed_at`
	selectDelivery = `SELECT ` + deliveryColumns + ` FROM webhook_deliveries d `
	lockDelivery   = selectDelivery + `WHERE id = ?`
	updateDelivery = `
UPDATE webhook_deliveries SET state = ?, attempts = ?, round = ?, next_at = ?, lane = ?, status = ?, error = ?, changed_at = ? WHERE id = ?`
	insertAttempt = `
INSERT INTO webhook_attempts (delivery_id, number, at, took, status, error, body) VALUES (?, ?, ?, ?, ?, ?, ?)`
	replay = `
UPDATE webhook_deliveries SET state = 'waiting', round = 0, next_at = NULL, changed_at = ?6 WHERE seq IN (
    SELECT seq FROM webhook_deliveries
    WHERE endpoint_id = ?1 AND state = ?2 AND happened_at >= ?3 AND happened_at < ?4
    ORDER BY happened_at, seq LIMIT ?5)
RETURNING happened_at`
)

func (t webhookTx) InsertEvents(ctx context.Context, events []store.WebhookEvent) error {
	for _, e := range events {
		err := t.exec(ctx, "insert an event", insertEvent,
			e.ID[:], e.Type, orNobody(e.RoomID), e.HappenedAt.UnixMicro(), e.TakenAt.UnixMicro(), e.Body, e.Trace)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t webhookTx) InsertDeliveries(ctx context.Context, deliveries []store.Delivery) (added []uuid.UUID, err error) {
	for _, d := range deliveries {
		result, err := t.prepared.ExecContext(ctx, insertDelivery, d.ID[:], d.EndpointID[:], d.EventID[:], d.Type, orNobody(d.RoomID), d.HappenedAt.UnixMicro(),
			string(d.State), orNull(d.NextAt), d.Lane, d.ChangedAt.UnixMicro())
		if err != nil {
			return nil, storeError("insert a delivery", err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return nil, storeError("insert a delivery", err)
		}
		if n > 0 {
			added = append(added, d.ID)
		}
	}
	return added, nil
}

func (t webhookTx) Advance(ctx context.Context, rooms []store.RoomAt) error {
	for _, room := range rooms {
		if err := t.exec(ctx, "advance a room", advance, room.EndpointID[:], room.RoomID[:]); err != nil {
			return err
		}
	}
	return nil
}

func (t webhookTx) Lanes(ctx context.Context, endpoints []uuid.UUID, now time.Time) (map[uuid.UUID]store.Lanes, error) {
	all := map[uuid.UUID]store.Lanes{}
	for _, endpoint := range endpoints {
		lanes, err := t.lanes(ctx, endpoint, now)
		if err != nil {
			return nil, storeError("look at lanes", err)
		}
		all[endpoint] = lanes
	}
	return all, nil
}

type laneRow struct {
	lane  int
	until time.Time
}

func scanLane(row scanner) (lane laneRow, err error) {
	var until int64
	err = row.Scan(&lane.lane, &until)
	lane.until = fromMicros(until)
	return lane, err
}

func scanBool(row scanner) (is bool, err error) {
	err = row.Scan(&is)
	return is, err
}

func (t webhookTx) lanes(ctx context.Context, endpoint uuid.UUID, now time.Time) (lanes store.Lanes, err error) {
	rows, err := rowsOf(ctx, t.prepared, scanLane, selectLanes, endpoint[:])
	if err != nil {
		return lanes, err
	}
	for _, row := range rows {
		if row.until.After(now) {
			lanes.Used = append(lanes.Used, row.lane)
		} else {
			lanes.Ended = true
		}
	}
	waits, err := rowsOf(ctx, t.prepared, scanBool, selectWaits, endpoint[:])
	if err != nil {
		return lanes, err
	}
	lanes.Waiting = waits[0]
	return lanes, nil
}

func (t webhookTx) Claim(ctx context.Context, leases []store.Lease, now time.Time) (claimed []store.Claimed, err error) {
	for _, lease := range leases {
		some, err := t.claim(ctx, lease, now)
		if err != nil {
			return nil, storeError("claim deliveries", err)
		}
		claimed = append(claimed, some...)
	}
	return claimed, nil
}

func (t webhookTx) claim(ctx context.Context, lease store.Lease, now time.Time) ([]store.Claimed, error) {
	waiting, err := rowsOf(ctx, t.prepared, scanClaimed, selectWaiting, lease.EndpointID[:], len(lease.Lanes)*lease.PerLane)
	if err != nil {
		return nil, err
	}
	size := 0
	for i := range waiting {
		if size += len(waiting[i].Body); i > 0 && size > lease.Bytes {
			return waiting[:i], nil
		}
		d := &waiting[i].Delivery
		d.State, d.Lane, d.NextAt, d.ChangedAt = store.Released, lease.Lanes[i%len(lease.Lanes)], lease.Until, now
		if _, err := t.prepared.ExecContext(ctx, claim, d.Lane, d.NextAt.UnixMicro(), d.ChangedAt.UnixMicro(), d.Seq); err != nil {
			return nil, err
		}
	}
	return waiting, nil
}

func (t webhookTx) Loosen(ctx context.Context, endpoint uuid.UUID, now, before time.Time) error {
	return t.exec(ctx, "loosen deliveries", loosen, endpoint[:], now.UnixMicro(), before.UnixMicro())
}

// queries is a transaction or a pool.
type queries interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// rowsOf reads rows.
func rowsOf[T any](ctx context.Context, db queries, scan func(row scanner) (T, error), statement string, args ...any) (all []T, err error) {
	rows, err := db.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// deliveryScan is where the columns of a delivery go.
type deliveryScan struct {
	d                 store.Delivery
	room              uuid.NullUUID
	next              sql.NullInt64
	happened, changed int64
}

func (s *deliveryScan) targets() []any {
	d := &s.d
	return []any{
		&d.Seq, &d.ID, &d.EndpointID, &d.EventID, &d.Type, &s.room, &s.happened, &d.State, &d.Attempts, &d.Round, &s.next, &d.Lane, &d.Status, &d.Error, &s.changed,
	}
}

func (s *deliveryScan) delivery() store.Delivery {
	s.d.RoomID, s.d.HappenedAt, s.d.ChangedAt, s.d.NextAt = s.room.UUID, fromMicros(s.happened), fromMicros(s.changed), fromNull(s.next)
	return s.d
}

func scanDelivery(row scanner) (store.Delivery, error) {
	var to deliveryScan
	err := row.Scan(to.targets()...)
	return to.delivery(), err
}

func scanClaimed(row scanner) (claimed store.Claimed, err error) {
	var to deliveryScan
	err = row.Scan(append(to.targets(), &claimed.Body, &claimed.Trace)...)
	claimed.Delivery = to.delivery()
	return claimed, err
}

func (t webhookTx) LockDelivery(ctx context.Context, id uuid.UUID) (store.Delivery, error) {
	all, err := rowsOf(ctx, t.prepared, scanDelivery, lockDelivery, id[:])
	if err == nil && len(all) == 0 {
		return store.Delivery{}, store.ErrNoDelivery
	}
	if err != nil {
		return store.Delivery{}, storeError("read a delivery", err)
	}
	return all[0], nil
}

func (t webhookTx) LockDeliveries(ctx context.Context, ids []uuid.UUID) (all []store.Delivery, err error) {
	for _, id := range ids {
		delivery, err := t.LockDelivery(ctx, id)
		switch {
		case errors.Is(err, store.ErrNoDelivery):
		case err != nil:
			return nil, err
		default:
			all = append(all, delivery)
		}
	}
	return all, nil
}

func (t webhookTx) UpdateDeliveries(ctx context.Context, deliveries []store.Delivery) error {
	for _, d := range deliveries {
		err := t.exec(ctx, "update a delivery", updateDelivery,
			string(d.State), d.Attempts, d.Round, orNull(d.NextAt), d.Lane, d.Status, d.Error, d.ChangedAt.UnixMicro(), d.ID[:])
		if err != nil {
			return err
		}
	}
	return nil
}

func (t webhookTx) InsertAttempts(ctx context.Context, attempts []store.Attempt) error {
	for _, a := range attempts {
		err := t.exec(ctx, "insert an attempt", insertAttempt, a.DeliveryID[:], a.Number, a.At.UnixMicro(), a.Took.Microseconds(), a.Status, a.Error, a.Body)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t webhookTx) Replay(ctx context.Context, q store.ReplayQuery, at time.Time) (replayed int, last time.Time, err error) {
	times, err := rowsOf(ctx, t.db, scanMicros, replay, q.EndpointID[:], string(q.State), q.Since.UnixMicro(), q.Until.UnixMicro(), q.Limit, at.UnixMicro())
	for _, happened := range times {
		if happened.After(last) {
			last = happened
		}
	}
	return len(times), last, storeError("replay deliveries", err)
}

func scanMicros(row scanner) (time.Time, error) {
	var micros int64
	err := row.Scan(&micros)
	return fromMicros(micros), err
}

func (t webhookTx) Enqueue(ctx context.Context, jobs []store.Job) error {
	return storeError("insert jobs", t.jobs.Enqueue(ctx, t.db, jobs))
}
