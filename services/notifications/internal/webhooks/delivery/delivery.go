// Package delivery brings webhooks to endpoints: at once, and again for days where they are not taken.
//
// # State
//
// All of it is the store's. A delivery waits until its endpoint takes more; then it is released, and a job sends it. What is not taken is due again
// later, and waits once more. So the queue of jobs has no more of an endpoint than is sent to it at once, and what a clock holds: an endpoint that answers
// slowly, or not at all, holds up as many workers as it may have webhooks under way, and nothing of others.
//
// An endpoint that has failed several times in a row is held to be down: nothing is sent to it for a while, then one webhook, which shows whether it is
// up again. What comes due meanwhile waits and loses no attempt.
//
// # Invariants
//
//   - What has become of an attempt, the next job of the delivery and what is released in its place are one transaction.
//   - A webhook may be sent twice, where a process ends between sending and that transaction, with the same id. It is never not sent.
//   - At an ordered endpoint one delivery of a room is pending in front of all others of it, which are behind.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/schedule"
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

// Limits are how long things are waited for.
type Limits struct {
	DisableAfter time.Duration // an endpoint that takes nothing
	GiveUpAfter  time.Duration // what is not sent, as its endpoint is paused, disabled or down
}

// Deliveries brings webhooks to endpoints.
type Deliveries struct {
	store   store.Webhooks
	sender  Sender
	limits  Limits
	now     func() time.Time // UTC, microseconds
	log     *slog.Logger
	metrics metrics
}

// New makes deliveries.
func New(rows store.Webhooks, sender Sender, limits Limits, now func() time.Time, tel *telemetry.Telemetry) *Deliveries {
	return &Deliveries{store: rows, sender: sender, limits: limits, now: now, log: tel.Log, metrics: newMetrics(tel)}
}

// IDOf is the id of the delivery of a webhook to an endpoint: always the same one.
func IDOf(endpoint, webhook uuid.UUID) uuid.UUID { return uuid.NewSHA1(endpoint, webhook[:]) }

// Taken is a webhook and the endpoints that it is for.
type Taken struct {
	Webhook   payload.Webhook
	Endpoints []uuid.UUID
}

// Take has webhooks delivered, in one transaction. Those that have been taken before stay as they are.
func (d *Deliveries) Take(ctx context.Context, all []Taken) error {
	return d.store.ChangeWebhooks(ctx, "take_webhooks", func(ctx context.Context, tx store.WebhookTx) error { return d.TakeIn(ctx, tx, all) })
}

// TakeIn is [Deliveries.Take] in a transaction of the caller's.
func (d *Deliveries) TakeIn(ctx context.Context, tx store.WebhookTx, all []Taken) error {
	endpoints, err := lockAll(ctx, tx, all)
	if err != nil {
		return err
	}
	events, deliveries := rowsOf(all, endpoints, d.now())
	if len(deliveries) == 0 {
		return nil
	}
	if err := tx.InsertEvents(ctx, events); err != nil {
		return err
	}
	if err := tx.InsertDeliveries(ctx, deliveries); err != nil {
		return err
	}
	for _, room := range behind(deliveries) {
		if err := tx.Advance(ctx, room.endpoint, room.id); err != nil {
			return err
		}
	}
	for _, endpoint := range endpoints {
		if err := d.release(ctx, tx, endpoint); err != nil {
			return err
		}
	}
	return nil
}

// Do does a job.
func (d *Deliveries) Do(ctx context.Context, job store.Job) error {
	switch job.Kind {
	case store.JobSend:
		return d.send(ctx, job)
	case store.JobDue:
		return d.due(ctx, job)
	case store.JobRelease:
		return d.Release(ctx, job.EndpointID)
	default:
		return fmt.Errorf("there is no job of kind %q", job.Kind)
	}
}

// Release has what waits at an endpoint be sent, as far as the endpoint takes more.
func (d *Deliveries) Release(ctx context.Context, endpoint uuid.UUID) error {
	return d.with(ctx, "release_deliveries", endpoint, func(context.Context, store.WebhookTx, *store.Endpoint) error { return nil })
}

// with is [Deliveries.Change], and does nothing where there is no such endpoint.
func (d *Deliveries) with(
	ctx context.Context, operation string, endpoint uuid.UUID, change func(ctx context.Context, tx store.WebhookTx, locked *store.Endpoint) error,
) error {
	if err := d.Change(ctx, operation, endpoint, change); !errors.Is(err, store.ErrNoEndpoint) {
		return err
	}
	return nil
}

// Change changes an endpoint or what it has, and then releases what there is room for, in one transaction. Change writes what it changes of the endpoint,
// and has it as it is from then on. Errors: [store.ErrNoEndpoint], and those of change.
func (d *Deliveries) Change(
	ctx context.Context, operation string, endpoint uuid.UUID, change func(ctx context.Context, tx store.WebhookTx, locked *store.Endpoint) error,
) error {
	return d.store.ChangeWebhooks(ctx, operation, func(ctx context.Context, tx store.WebhookTx) error {
		locked, err := tx.LockEndpoint(ctx, endpoint)
		if err != nil {
			return err
		}
		if err := change(ctx, tx, &locked); err != nil {
			return err
		}
		return d.release(ctx, tx, locked)
	})
}

// release releases as many deliveries as the endpoint takes beside those that are under way.
func (d *Deliveries) release(ctx context.Context, tx store.WebhookTx, endpoint store.Endpoint) error {
	free := endpoint.Concurrency
	now := d.now()
	switch {
	case endpoint.Status != store.EndpointActive, now.Before(endpoint.ClosedUntil):
		return nil
	case endpoint.Failures >= schedule.Failures:
		free = 1 // which shows whether it is up again
	}
	under, err := tx.CountReleased(ctx, endpoint.ID)
	if err != nil || under >= free {
		return err
	}
	released, err := tx.Release(ctx, endpoint.ID, free-under, now)
	if err != nil {
		return err
	}
	jobs := make([]store.Job, len(released))
	for i, delivery := range released {
		jobs[i] = store.Job{Kind: store.JobSend, EndpointID: endpoint.ID, DeliveryID: delivery.ID, Attempts: delivery.Attempts}
	}
	return tx.Enqueue(ctx, jobs)
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
		delivery.State, delivery.NextAt = store.Waiting, time.Time{}
		return tx.UpdateDelivery(ctx, delivery)
	})
}

// send sends a delivery, and records what has come of it.
func (d *Deliveries) send(ctx context.Context, job store.Job) error {
	sending, err := d.store.Sending(ctx, job.DeliveryID, d.now())
	switch {
	case errors.Is(err, store.ErrNoDelivery), errors.Is(err, store.ErrNoEndpoint):
		return nil
	case err != nil:
		return err
	case outdated(sending.Delivery, job):
		return nil
	case sending.Endpoint.Status != store.EndpointActive:
		return d.putBack(ctx, job)
	}
	outcome := d.sender.Send(ctx, sending)
	if ctx.Err() != nil { // the process ends: another one sends it again
		return context.Cause(ctx)
	}
	return d.record(ctx, job, outcome)
}

// outdated reports whether a job to send has been done before.
func outdated(delivery store.Delivery, job store.Job) bool {
	return delivery.State != store.Released || delivery.Attempts != job.Attempts
}

// putBack has a delivery wait whose endpoint takes none any more.
func (d *Deliveries) putBack(ctx context.Context, job store.Job) error {
	return d.with(ctx, "put_delivery_back", job.EndpointID, func(ctx context.Context, tx store.WebhookTx, _ *store.Endpoint) error {
		delivery, err := tx.LockDelivery(ctx, job.DeliveryID)
		if err != nil || outdated(delivery, job) {
			return ignoreMissing(err)
		}
		delivery.State = store.Waiting
		return tx.UpdateDelivery(ctx, delivery)
	})
}

func ignoreMissing(err error) error {
	if errors.Is(err, store.ErrNoDelivery) {
		return nil
	}
	return err
}

// record writes what has come of an attempt.
func (d *Deliveries) record(ctx context.Context, job store.Job, outcome Outcome) error {
	var told func()
	err := d.with(ctx, "record_attempt", job.EndpointID, func(ctx context.Context, tx store.WebhookTx, endpoint *store.Endpoint) error {
		told = nil
		delivery, err := tx.LockDelivery(ctx, job.DeliveryID)
		if err != nil || outdated(delivery, job) {
			return ignoreMissing(err)
		}
		delivery.Attempts++
		delivery.Round++
		delivery.Status, delivery.Error, delivery.ChangedAt = outcome.Status, outcome.Error, d.now()
		before := endpoint.Status
		jobs := d.judge(&delivery, endpoint, outcome)
		err = tx.InsertAttempt(ctx, store.Attempt{
			DeliveryID: delivery.ID, Number: delivery.Attempts, At: outcome.At, Took: outcome.Took, Status: outcome.Status, Error: outcome.Error, Body: outcome.Body,
		})
		if err != nil {
			return err
		}
		if err := d.settle(ctx, tx, delivery, *endpoint); err != nil {
			return err
		}
		disabled := endpoint.Status != before
		if err := d.updateHealth(ctx, tx, *endpoint, disabled); err != nil {
			return err
		}
		told = func() { d.tell(ctx, *endpoint, disabled, delivery, outcome) }
		return tx.Enqueue(ctx, jobs)
	})
	if err == nil && told != nil {
		told()
	}
	return err
}

// judge says what becomes of a delivery and of its endpoint after an attempt, and which jobs follow.
func (d *Deliveries) judge(delivery *store.Delivery, endpoint *store.Endpoint, outcome Outcome) []store.Job {
	now := d.now()
	if outcome.taken() {
		delivery.State = store.Delivered
		endpoint.Failures, endpoint.FailingSince, endpoint.ClosedUntil = 0, time.Time{}, time.Time{}
		return nil
	}
	var jobs []store.Job
	wait, again := schedule.Wait(delivery.Round, outcome.RetryAfter)
	if outcome.Status == http.StatusGone {
		again = false
	}
	if again {
		delivery.State, delivery.NextAt = store.Retrying, now.Add(wait)
		jobs = append(jobs, store.Job{Kind: store.JobDue, EndpointID: endpoint.ID, DeliveryID: delivery.ID, Attempts: delivery.Attempts, At: delivery.NextAt})
	} else {
		delivery.State = store.GivenUp
	}
	if endpoint.Failures++; endpoint.FailingSince.IsZero() {
		endpoint.FailingSince = now
	}
	if pause := schedule.Pause(endpoint.Failures); pause > 0 {
		endpoint.ClosedUntil = now.Add(pause)
		jobs = append(jobs, store.Job{Kind: store.JobRelease, EndpointID: endpoint.ID, At: endpoint.ClosedUntil})
	}
	switch {
	case endpoint.Status == store.EndpointDisabled:
	case outcome.Status == http.StatusGone:
		endpoint.Status, endpoint.Reason = store.EndpointDisabled, Gone
	case now.Sub(endpoint.FailingSince) >= d.limits.DisableAfter:
		endpoint.Status, endpoint.Reason = store.EndpointDisabled, Failing
	}
	return jobs
}

// settle writes how far a delivery is, and has the next one of its room wait where it is settled.
func (d *Deliveries) settle(ctx context.Context, tx store.WebhookTx, delivery store.Delivery, endpoint store.Endpoint) error {
	if err := tx.UpdateDelivery(ctx, delivery); err != nil {
		return err
	}
	if delivery.State.Pending() || delivery.RoomID == uuid.Nil {
		return nil
	}
	return tx.Advance(ctx, endpoint.ID, delivery.RoomID) // also where it is ordered no longer
}

func (d *Deliveries) updateHealth(ctx context.Context, tx store.WebhookTx, endpoint store.Endpoint, disabled bool) error {
	if disabled {
		endpoint.UpdatedAt = d.now()
		if err := tx.UpdateEndpoint(ctx, endpoint); err != nil {
			return err
		}
	}
	return tx.UpdateHealth(ctx, endpoint)
}
