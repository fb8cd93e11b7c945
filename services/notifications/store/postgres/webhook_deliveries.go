package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	insertEvents = `
INSERT INTO webhook_events (id, type, room_id, happened_at, taken_at, body, traceparent)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::bytea[], $7::text[]) ON CONFLICT (id) DO NOTHING`
	insertDeliveries = `
INSERT INTO webhook_deliveries (id, endpoint_id, event_id, type, room_id, happened_at, state, next_at, lane, changed_at)
SELECT id, endpoint_id, event_id, type, room_id, happened_at, state, next_at, lane, changed_at
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::timestamptz[], $7::text[], $8::timestamptz[], $9::int[], $10::timestamptz[])
    WITH ORDINALITY AS d (id, endpoint_id, event_id, type, room_id, happened_at, state, next_at, lane, changed_at, number)
ORDER BY number
ON CONFLICT (id) DO NOTHING RETURNING id`
)

func (t webhookTx) InsertEvents(ctx context.Context, events []store.WebhookEvent) error {
	var (
		ids             []uuid.UUID
		types, traces   []string
		rooms           []*uuid.UUID
		happened, taken []time.Time
		bodies          [][]byte
	)
	for _, event := range events {
		ids, types, rooms = append(ids, event.ID), append(types, event.Type), append(rooms, orNobody(event.RoomID))
		happened, taken = append(happened, event.HappenedAt), append(taken, event.TakenAt)
		bodies, traces = append(bodies, event.Body), append(traces, event.Trace)
	}
	return t.exec(ctx, "insert events", insertEvents, ids, types, rooms, happened, taken, bodies, traces)
}

func (t webhookTx) InsertDeliveries(ctx context.Context, deliveries []store.Delivery) ([]uuid.UUID, error) {
	var (
		ids, endpoints, events []uuid.UUID
		types, states          []string
		rooms                  []*uuid.UUID
		happened, changed      []time.Time
		next                   []*time.Time
		lanes                  []int
	)
	for _, d := range deliveries {
		ids, endpoints, events = append(ids, d.ID), append(endpoints, d.EndpointID), append(events, d.EventID)
		types, rooms, states = append(types, d.Type), append(rooms, orNobody(d.RoomID)), append(states, string(d.State))
		happened, changed = append(happened, d.HappenedAt), append(changed, d.ChangedAt)
		next, lanes = append(next, orNull(d.NextAt)), append(lanes, d.Lane)
	}
	return rowsOf(ctx, t.db, "insert deliveries", pgx.RowTo[uuid.UUID], insertDeliveries,
		ids, endpoints, events, types, rooms, happened, states, next, lanes, changed)
}

const (
	advance = `
UPDATE webhook_deliveries SET state = 'waiting' WHERE seq IN (
    SELECT (SELECT seq FROM webhook_deliveries d WHERE d.endpoint_id = r.endpoint_id AND d.room_id = r.room_id AND d.state = 'behind' ORDER BY seq LIMIT 1)
    FROM unnest($1::uuid[], $2::uuid[]) AS r (endpoint_id, room_id)
    WHERE NOT EXISTS (
        SELECT FROM webhook_deliveries d WHERE d.endpoint_id = r.endpoint_id AND d.room_id = r.room_id AND d.state IN ('waiting', 'released', 'retrying')))`
	selectLanes = `
SELECT e.id,
    (SELECT array_agg(DISTINCT lane) FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'released' AND d.next_at > $2),
    EXISTS (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'released' AND coalesce(d.next_at, '-infinity') <= $2),
    EXISTS (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'waiting')
FROM unnest($1::uuid[]) AS e (id)`
	claim = `
WITH waiting AS (
    SELECT d.seq, octet_length(e.body) AS size FROM webhook_deliveries d JOIN webhook_events e ON e.id = d.event_id
    WHERE d.endpoint_id = $1 AND d.state = 'waiting' ORDER BY d.seq LIMIT $2
), next AS (
    SELECT seq, row_number() OVER (ORDER BY seq) AS number, sum(size) OVER (ORDER BY seq) AS upto FROM waiting
)
UPDATE webhook_deliveries d
SET state = 'released', lane = ($3::int[])[1 + (next.number - 1) % cardinality($3::int[])], next_at = $5, changed_at = $6
FROM next, webhook_events e WHERE d.seq = next.seq AND e.id = d.event_id AND (next.number = 1 OR next.upto <= $4)
RETURNING ` + deliveryColumns + `, e.body, e.traceparent`
	loosen = `
UPDATE webhook_deliveries SET state = 'waiting', next_at = NULL, lane = 0
WHERE endpoint_id = $1 AND (state = 'released' AND coalesce(next_at, '-infinity') <= $2 OR state = 'retrying' AND next_at < $3)`
	deliveryColumns = `
d.seq, d.id, d.endpoint_id, d.event_id, d.type, d.room_id, d.happened_at, d.state, d.attempts, d.round, d.next_at, d.lane, d.status, d.error, d.changed_at`
	selectDelivery   = `SELECT ` + deliveryColumns + ` FROM webhook_deliveries d `
	updateDeliveries = `
UPDATE webhook_deliveries d
SET state = n.state, attempts = n.attempts, round = n.round, next_at = n.next_at, lane = n.lane, status = n.status, error = n.error, changed_at = n.changed_at
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::timestamptz[], $6::int[], $7::int[], $8::text[], $9::timestamptz[])
    AS n (id, state, attempts, round, next_at, lane, status, error, changed_at)
WHERE d.id = n.id`
	insertAttempts = `
INSERT INTO webhook_attempts (delivery_id, number, at, took, status, error, body)
SELECT delivery_id, number, at, took * interval '1 microsecond', status, error, body
FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::bigint[], $5::int[], $6::text[], $7::text[])
    AS a (delivery_id, number, at, took, status, error, body)`
	replay = `
UPDATE webhook_deliveries SET state = 'waiting', round = 0, next_at = NULL, changed_at = $6 WHERE seq IN (
    SELECT seq FROM webhook_deliveries
    WHERE endpoint_id = $1 AND state = $2 AND happened_at >= $3 AND happened_at < $4 ORDER BY happened_at, seq LIMIT $5)
RETURNING happened_at`
)

func (t webhookTx) Advance(ctx context.Context, rooms []store.RoomAt) error {
	var endpoints, ids []uuid.UUID
	for _, room := range rooms {
		endpoints, ids = append(endpoints, room.EndpointID), append(ids, room.RoomID)
	}
	return t.exec(ctx, "advance rooms", advance, endpoints, ids)
}

func (t webhookTx) Lanes(ctx context.Context, endpoints []uuid.UUID, now time.Time) (map[uuid.UUID]store.Lanes, error) {
	all := map[uuid.UUID]store.Lanes{}
	_, err := rowsOf(ctx, t.db, "look at lanes", func(row pgx.CollectableRow) (struct{}, error) {
		var (
			endpoint uuid.UUID
			lanes    store.Lanes
		)
		err := row.Scan(&endpoint, &lanes.Used, &lanes.Ended, &lanes.Waiting)
		all[endpoint] = lanes
		return struct{}{}, err
	}, selectLanes, endpoints, now)
	return all, err
}

func (t webhookTx) Claim(ctx context.Context, leases []store.Lease, now time.Time) (claimed []store.Claimed, err error) {
	var batch pgx.Batch
	for _, lease := range leases {
		batch.Queue(claim, lease.EndpointID, len(lease.Lanes)*lease.PerLane, lease.Lanes, lease.Bytes, lease.Until, now).Query(func(rows pgx.Rows) error {
			some, err := pgx.CollectRows(rows, scanClaimed)
			slices.SortFunc(some, func(a, b store.Claimed) int { return int(a.Delivery.Seq - b.Delivery.Seq) })
			claimed = append(claimed, some...)
			return err
		})
	}
	return claimed, storeError("claim deliveries", t.db.SendBatch(ctx, &batch).Close())
}

func (t webhookTx) Loosen(ctx context.Context, endpoint uuid.UUID, now, before time.Time) error {
	return t.exec(ctx, "loosen deliveries", loosen, endpoint, now, before)
}

// deliveryScan is where the columns of a delivery go.
type deliveryScan struct {
	d    store.Delivery
	room *uuid.UUID
	next *time.Time
}

func (s *deliveryScan) targets() []any {
	d := &s.d
	return []any{
		&d.Seq, &d.ID, &d.EndpointID, &d.EventID, &d.Type, &s.room, &d.HappenedAt, &d.State, &d.Attempts, &d.Round, &s.next, &d.Lane, &d.Status, &d.Error, &d.ChangedAt,
	}
}

func (s *deliveryScan) delivery() store.Delivery {
	if s.room != nil {
		s.d.RoomID = *s.room
	}
	s.d.HappenedAt, s.d.ChangedAt, s.d.NextAt = s.d.HappenedAt.UTC(), s.d.ChangedAt.UTC(), fromNull(s.next)
	return s.d
}

func scanDelivery(row pgx.CollectableRow) (store.Delivery, error) {
	var to deliveryScan
	err := row.Scan(to.targets()...)
	return to.delivery(), err
}

func scanClaimed(row pgx.CollectableRow) (claimed store.Claimed, err error) {
	var to deliveryScan
	err = row.Scan(append(to.targets(), &claimed.Body, &claimed.Trace)...)
	claimed.Delivery = to.delivery()
	return claimed, err
}

func (t webhookTx) LockDelivery(ctx context.Context, id uuid.UUID) (store.Delivery, error) {
	all, err := t.LockDeliveries(ctx, []uuid.UUID{id})
	if err == nil && len(all) == 0 {
		err = store.ErrNoDelivery
	}
	if err != nil {
		return store.Delivery{}, err
	}
	return all[0], nil
}

// LockDeliveries implements [store.WebhookTx]. Whoever changes a delivery has locked its endpoint, so there is nothing else to lock.
func (t webhookTx) LockDeliveries(ctx context.Context, ids []uuid.UUID) ([]store.Delivery, error) {
	return rowsOf(ctx, t.db, "read deliveries", scanDelivery, selectDelivery+`WHERE id = ANY ($1)`, ids)
}

func (t webhookTx) UpdateDeliveries(ctx context.Context, deliveries []store.Delivery) error {
	var (
		ids                            []uuid.UUID
		states, errs                   []string
		attempts, rounds, lanes, codes []int
		next                           []*time.Time
		changed                        []time.Time
	)
	for _, d := range deliveries {
		ids, states, errs = append(ids, d.ID), append(states, string(d.State)), append(errs, d.Error)
		attempts, rounds, lanes, codes = append(attempts, d.Attempts), append(rounds, d.Round), append(lanes, d.Lane), append(codes, d.Status)
		next, changed = append(next, orNull(d.NextAt)), append(changed, d.ChangedAt)
	}
	return t.exec(ctx, "update deliveries", updateDeliveries, ids, states, attempts, rounds, next, lanes, codes, errs, changed)
}

func (t webhookTx) InsertAttempts(ctx context.Context, attempts []store.Attempt) error {
	var (
		ids            []uuid.UUID
		numbers, codes []int
		at             []time.Time
		took           []int64
		errs, bodies   []string
	)
	for _, a := range attempts {
		ids, numbers, codes = append(ids, a.DeliveryID), append(numbers, a.Number), append(codes, a.Status)
		at, took = append(at, a.At), append(took, a.Took.Microseconds())
		errs, bodies = append(errs, a.Error), append(bodies, a.Body)
	}
	return t.exec(ctx, "insert attempts", insertAttempts, ids, numbers, at, took, codes, errs, bodies)
}

func (t webhookTx) Replay(ctx context.Context, q store.ReplayQuery, at time.Time) (replayed int, last time.Time, err error) {
	times, err := rowsOf(ctx, t.db, "replay deliveries", pgx.RowTo[time.Time], replay, q.EndpointID, string(q.State), q.Since, q.Until, q.Limit, at)
	for _, happened := range times {
		if happened.After(last) {
			last = happened.UTC()
		}
	}
	return len(times), last, err
}

func (t webhookTx) Enqueue(ctx context.Context, jobs []store.Job) error {
	return storeError("insert jobs", t.jobs.Enqueue(ctx, t.db, jobs))
}
