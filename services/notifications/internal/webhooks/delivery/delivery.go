// Package delivery brings webhooks to endpoints: at once, and again for days where they are not taken.
//
// # State
//
// All of it is the store's. A delivery waits until its endpoint takes more; then a process claims it, for as long as a lease, and sends it. What is not taken is
// due again later, by a job, and waits once more.
//
// An endpoint has as many lanes as it takes webhooks at once, over all processes. Who claims has those lanes that are free, and sends the deliveries of a lane
// one after the other. So an endpoint that answers slowly, or not at all, holds no more than its lanes, and nothing of others; and one that answers fast costs a
// transaction for many webhooks.
//
// An endpoint that has failed several times in a row is held to be down: nothing is sent to it for a while, then one webhook, which shows whether it is
// up again. What comes due meanwhile waits and loses no attempt.
//
// # Invariants
//
//   - What has become of attempts, the next jobs of the deliveries and what is claimed in their place are one transaction. Where it finds that somebody else has
//     settled a delivery, it leaves that one as it is.
//   - A webhook may be sent twice, where a process ends between sending and that transaction, or takes longer than its lease, with the same id. It is never not
//     sent: a lease that has ended is handed out again.
//   - At an ordered endpoint one delivery of a room is pending in front of all others of it, which are behind.
package delivery

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/store"
)

// Sender sends a webhook once.
type Sender interface {
	Send(ctx context.Context, sending store.Sending) Outcome
}

// Outcome is what has come of sending a webhook.
type Outcome struct {
	At         time.Time
	Took       time.Duration
	Status     int           // 0: there was no answer
	Error      string        // why not
	Body       string        // the beginning of the answer's
	RetryAfter time.Duration // the receiver asks for; 0: it does not
}

// taken reports whether the receiver has the webhook.
func (o Outcome) taken() bool { return o.Status >= 200 && o.Status <= 299 }

// Why an endpoint is disabled.
const (
	Gone    = "gone"    // it has answered 410
	Failing = "failing" // it has taken nothing for days
)

// Limits are how long things are waited for, and how much is done at once.
type Limits struct {
	Attempt      time.Duration // a receiver's answer
	AtOnce       int           // webhooks that the process sends
	DisableAfter time.Duration // an endpoint that takes nothing
	GiveUpAfter  time.Duration // what is not sent, as its endpoint is paused, disabled or down
}

// Deliveries brings webhooks to endpoints.
type Deliveries struct {
	store   store.Webhooks
	limits  Limits
	now     func() time.Time // UTC, microseconds
	log     *slog.Logger
	metrics metrics
	known   version
	senders dispatcher
	run     func(ctx context.Context) error // of the senders
}

// dispatcher has what was claimed sent.
type dispatcher interface {
	// hold reports whether the process sends. If it does, release is called once what was claimed is dispatched.
	hold() (release func(), sends bool)
	dispatch(lanes []*Lane)
}

// New makes deliveries.
func New(rows store.Webhooks, sender Sender, limits Limits, now func() time.Time, tel *telemetry.Telemetry) *Deliveries {
	d := &Deliveries{store: rows, limits: limits, now: now, log: tel.Log, metrics: newMetrics(tel)}
	d.known.read, d.known.now = rows.EndpointChanges, now
	sending := newSenders(d, sender)
	d.senders, d.run = sending, sending.run
	return d
}

// Send sends what is claimed until ctx is done, ends what is under way, and lets others have the rest. Before and afterwards nothing is claimed here.
func (d *Deliveries) Send(ctx context.Context) error { return d.run(ctx) }

// IDOf is the id of the delivery of a webhook to an endpoint: always the same one.
func IDOf(endpoint, webhook uuid.UUID) uuid.UUID { return uuid.NewSHA1(endpoint, webhook[:]) }

// Taken is a webhook and the endpoints that it is for.
type Taken struct {
	Webhook   payload.Webhook
	Endpoints []uuid.UUID
	Trace     string // traceparent of what it tells of; empty: none
}

// Take has webhooks delivered, in one transaction. Those that have been taken before stay as they are.
func (d *Deliveries) Take(ctx context.Context, all []Taken) error {
	var ids []uuid.UUID
	for _, taken := range all {
		ids = append(ids, taken.Endpoints...)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	ids = slices.Compact(ids)
	return d.change(ctx, "take_webhooks", d.store.ChangeWebhooks, func(ctx context.Context, tx store.WebhookTx) (touched, error) {
		locked, err := tx.LockEndpoints(ctx, ids)
		if err != nil {
			return touched{}, err
		}
		return touched{endpoints: locked, taken: all}, nil
	})
}

// Do does a job.
func (d *Deliveries) Do(ctx context.Context, job store.Job) error {
	release, sends := d.senders.hold() // until the job is done, so that what it claims is sent
	if !sends {
		return errors.New("this process does not send webhooks now")
	}
	defer release()
	if job.Kind == store.JobDue {
		return d.due(ctx, job)
	}
	return d.Release(ctx, job.EndpointID) // also for jobs of earlier versions
}

// Release has what waits at an endpoint be sent, as far as the endpoint takes more.
func (d *Deliveries) Release(ctx context.Context, endpoint uuid.UUID) error {
	return d.with(ctx, "release_deliveries", endpoint, func(context.Context, store.WebhookTx, *store.Endpoint) error { return nil })
}

// with is [Deliveries.Change], and does nothing where there is no such endpoint.
func (d *Deliveries) with(
	ctx context.Context, operation string, endpoint uuid.UUID, change func(ctx context.Context, tx store.WebhookTx, locked *store.Endpoint) error,
) error {
	if err := d.changeOne(ctx, operation, endpoint, change); !errors.Is(err, store.ErrNoEndpoint) {
		return err
	}
	return nil
}

// Change changes an endpoint or what it has, and then claims what there is room for, in one transaction. Change writes what it changes of the endpoint,
// and has it as it is from then on. Errors: [store.ErrNoEndpoint], and those of change.
func (d *Deliveries) Change(
	ctx context.Context, operation string, endpoint uuid.UUID, change func(ctx context.Context, tx store.WebhookTx, locked *store.Endpoint) error,
) error {
	defer d.known.forget() // what is under way here is looked at again at once
	return d.changeOne(ctx, operation, endpoint, change)
}

func (d *Deliveries) changeOne(
	ctx context.Context, operation string, endpoint uuid.UUID, change func(ctx context.Context, tx store.WebhookTx, locked *store.Endpoint) error,
) error {
	return d.change(ctx, operation, d.store.ChangeWebhooks, func(ctx context.Context, tx store.WebhookTx) (touched, error) {
		locked, err := tx.LockEndpoint(ctx, endpoint)
		if err != nil {
			return touched{}, err
		}
		if err := change(ctx, tx, &locked); err != nil {
			return touched{}, err
		}
		return touched{endpoints: []store.Endpoint{locked}}, nil
	})
}

// Insert adds webhooks for an endpoint in a transaction of [Deliveries.Change].
func (d *Deliveries) Insert(ctx context.Context, tx store.WebhookTx, locked store.Endpoint, all []Taken) error {
	_, err := d.insert(ctx, tx, touched{endpoints: []store.Endpoint{locked}, taken: all}, nil)
	return err
}

// due has a delivery wait again.
func (d *Deliveries) due(ctx context.Context, job store.Job) error {
	return d.with(ctx, "have_delivery_wait_again", job.EndpointID, func(ctx context.Context, tx store.WebhookTx, _ *store.Endpoint) error {
		delivery, err := tx.LockDelivery(ctx, job.DeliveryID)
		if errors.Is(err, store.ErrNoDelivery) {
			return nil
		}
		if err != nil || delivery.State != store.Retrying || delivery.Attempts != job.Attempts {
			return err
		}
		wait(&delivery)
		return tx.UpdateDeliveries(ctx, []store.Delivery{delivery})
	})
}

// wait has a delivery wait.
func wait(delivery *store.Delivery) {
	delivery.State, delivery.NextAt, delivery.Lane = store.Waiting, time.Time{}, 0
}

func ignoreMissing(err error) error {
	if errors.Is(err, store.ErrNoDelivery) {
		return nil
	}
	return err
}
