package delivery

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications/internal/webhooks/schedule"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	// perLane is how many deliveries are claimed for a lane at once, and bytesPerLane how much of their bodies, or one. So a process has at most that of each lane in
	// memory. An endpoint that is failing gets one for a lane: what is behind a failure is only claimed to be put back.
	perLane      = 16
	bytesPerLane = 64 << 10
	// spare is how much longer a lease is than what is sent under it may take.
	spare = 15 * time.Second
)

// Lane is deliveries that are sent one after the other.
type Lane struct {
	endpoint store.Endpoint
	secrets  []store.Secret
	change   int64     // of endpoints, that it is at least as new as
	until    time.Time // the end of its lease

	mu   sync.Mutex
	rest []store.Claimed
}

// next takes the next delivery.
func (l *Lane) next() (store.Claimed, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) == 0 {
		return store.Claimed{}, false
	}
	next := l.rest[0]
	l.rest = l.rest[1:]
	return next, true
}

// unsent takes all that is left, to be put back.
func (l *Lane) unsent() (answers []Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, left := range l.rest {
		answers = append(answers, Answer{Delivery: left.Delivery, Unsent: true})
	}
	l.rest = nil
	return answers
}

func (l *Lane) sending(claimed store.Claimed) store.Sending {
	return store.Sending{Delivery: claimed.Delivery, Endpoint: l.endpoint, Secrets: l.secrets, Body: claimed.Body, Trace: claimed.Trace}
}

// touched is what a transaction leaves to be claimed: endpoints that it has locked, as they are from then on, and webhooks that it takes for them.
type touched struct {
	endpoints []store.Endpoint
	taken     []Taken
}

// transaction is one of the store's ways to change something.
type transaction func(ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error) error

// change runs a transaction, claims what there is room for in it, and has that sent once it is committed.
func (d *Deliveries) change(
	ctx context.Context, operation string, transact transaction, run func(ctx context.Context, tx store.WebhookTx) (touched, error),
) error {
	release, sends := d.senders.hold()
	var change int64
	if sends {
		defer release()
		var err error
		if change, err = d.known.current(ctx); err != nil {
			return err
		}
	}
	var lanes []*Lane
	err := transact(ctx, operation, func(ctx context.Context, tx store.WebhookTx) error {
		lanes = nil
		what, err := run(ctx, tx)
		if err != nil {
			return err
		}
		lanes, err = d.claim(ctx, tx, what, change, sends)
		return err
	})
	if err == nil {
		d.senders.dispatch(lanes)
	}
	return err
}

// claim takes webhooks, and claims as many deliveries as endpoints take beside those that are handed out.
func (d *Deliveries) claim(ctx context.Context, tx store.WebhookTx, what touched, change int64, sends bool) ([]*Lane, error) {
	if len(what.endpoints) == 0 {
		return nil, nil
	}
	lanes, err := d.lanes(ctx, tx, what.endpoints)
	if err != nil {
		return nil, err
	}
	free := map[uuid.UUID]store.Lease{}
	for _, endpoint := range what.endpoints {
		if lease := d.lease(endpoint, lanes[endpoint.ID]); len(lease.Lanes) > 0 {
			free[endpoint.ID] = lease
		}
	}
	if !sends {
		return nil, d.leave(ctx, tx, what, free)
	}
	direct := map[uuid.UUID]store.Lease{} // those where nothing is before what is taken
	var leases []store.Lease
	for _, endpoint := range what.endpoints {
		lease, is := free[endpoint.ID]
		switch {
		case !is:
		case !endpoint.Ordered && !lanes[endpoint.ID].Waiting:
			direct[endpoint.ID] = lease
		case len(what.taken) > 0 || lanes[endpoint.ID].Waiting:
			leases = append(leases, lease)
		}
	}
	claimed, err := d.insert(ctx, tx, what, direct)
	if err != nil {
		return nil, err
	}
	if len(leases) > 0 {
		waited, err := tx.Claim(ctx, leases, d.now())
		if err != nil {
			return nil, err
		}
		claimed = append(claimed, waited...)
	}
	return d.lanesOf(ctx, tx, what.endpoints, claimed, change)
}

// leave takes webhooks, and leaves what there is room for to a process that sends.
func (d *Deliveries) leave(ctx context.Context, tx store.WebhookTx, what touched, free map[uuid.UUID]store.Lease) error {
	if _, err := d.insert(ctx, tx, what, nil); err != nil {
		return err
	}
	var jobs []store.Job
	for endpoint := range free {
		jobs = append(jobs, store.Job{Kind: store.JobRelease, EndpointID: endpoint})
	}
	return tx.Enqueue(ctx, jobs)
}

// lanes gives what is handed out of endpoints, without what was for longer than its lease.
func (d *Deliveries) lanes(ctx context.Context, tx store.WebhookTx, endpoints []store.Endpoint) (map[uuid.UUID]store.Lanes, error) {
	now := d.now()
	ids := make([]uuid.UUID, len(endpoints))
	for i, endpoint := range endpoints {
		ids[i] = endpoint.ID
	}
	all, err := tx.Lanes(ctx, ids, now)
	if err != nil {
		return nil, err
	}
	for id, lanes := range all {
		if !lanes.Ended {
			continue
		}
		if err := tx.Loosen(ctx, id, now, time.Time{}); err != nil {
			return nil, err
		}
		lanes.Waiting = true
		all[id] = lanes
	}
	return all, nil
}

// lease says how much an endpoint takes beside what is handed out.
func (d *Deliveries) lease(endpoint store.Endpoint, lanes store.Lanes) store.Lease {
	now := d.now()
	most, each := endpoint.Concurrency, perLane
	switch {
	case endpoint.Status != store.EndpointActive, now.Before(endpoint.ClosedUntil):
		return store.Lease{}
	case endpoint.Failures >= schedule.Failures:
		most, each = 1, 1 // which shows whether it is up again
	case endpoint.Failures > 0:
		each = 1
	}
	used := make(map[int]bool, len(lanes.Used))
	for _, lane := range lanes.Used {
		used[lane] = true
	}
	lease := store.Lease{EndpointID: endpoint.ID, PerLane: each, Until: now.Add(2*d.limits.Attempt + 2*spare).Truncate(time.Microsecond)}
	for lane := 1; len(used)+len(lease.Lanes) < most; lane++ {
		if !used[lane] {
			lease.Lanes = append(lease.Lanes, lane)
		}
	}
	lease.Bytes = len(lease.Lanes) * bytesPerLane
	return lease
}

// lanesOf gives what was claimed as it is sent.
func (d *Deliveries) lanesOf(
	ctx context.Context, tx store.WebhookTx, endpoints []store.Endpoint, claimed []store.Claimed, change int64,
) (all []*Lane, err error) {
	if len(claimed) == 0 {
		return nil, nil
	}
	type at struct {
		endpoint uuid.UUID
		lane     int
	}
	byLane, ids := map[at]*Lane{}, map[uuid.UUID]bool{}
	for _, one := range claimed {
		of := at{one.Delivery.EndpointID, one.Delivery.Lane}
		if byLane[of] == nil {
			byLane[of] = &Lane{change: change, until: one.Delivery.NextAt}
			all, ids[of.endpoint] = append(all, byLane[of]), true
		}
		byLane[of].rest = append(byLane[of].rest, one)
	}
	var of []uuid.UUID
	for id := range ids {
		of = append(of, id)
	}
	secrets, err := tx.Secrets(ctx, of, d.now())
	if err != nil {
		return nil, err
	}
	byID := map[uuid.UUID]store.Endpoint{}
	for _, endpoint := range endpoints {
		byID[endpoint.ID] = endpoint
	}
	for _, lane := range all {
		id := lane.rest[0].Delivery.EndpointID
		lane.endpoint, lane.secrets = byID[id], secrets[id]
	}
	return all, nil
}

// mayBegin reports whether the next delivery of a lane may be sent: its lease lasts long enough, and what it knows of its endpoint is not outdated.
func (d *Deliveries) mayBegin(ctx context.Context, lane *Lane) bool {
	if !d.now().Add(d.limits.Attempt + spare).Before(lane.until) {
		return false
	}
	change, err := d.known.current(ctx)
	return err == nil && change == lane.change
}

// fresh is how long endpoints are held to be as they were.
const fresh = 500 * time.Millisecond

// version is which change of endpoints is the last one, as of a moment ago: so an endpoint that is paused somewhere gets nothing more.
type version struct {
	read func(ctx context.Context) (int64, error)
	now  func() time.Time

	mu     sync.Mutex
	change int64
	at     time.Time // zero: it is not known
}

func (v *version) current(ctx context.Context) (int64, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	if !v.at.IsZero() && now.Sub(v.at) < fresh {
		return v.change, nil
	}
	change, err := v.read(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask for changes of endpoints: %w", err)
	}
	v.change, v.at = change, now
	return change, nil
}

func (v *version) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at = time.Time{}
}
