package delivery

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications/internal/webhooks/schedule"
	"github.com/ism-chat/ism/services/notifications/store"
)

// Answer is what has become of a delivery that was claimed.
type Answer struct {
	Delivery store.Delivery // as it was claimed
	Unsent   bool           // it was not sent, and waits again
	Outcome  Outcome        // of having sent it
}

// settled is what a transaction has made of answers.
type settled struct {
	deliveries []store.Delivery
	attempts   []store.Attempt
	rooms      []store.RoomAt
	jobs       []store.Job
	told       []func()
}

// settle writes what has become of deliveries, in one transaction, and claims what follows them. What somebody else has settled stays as it is.
func (d *Deliveries) settle(ctx context.Context, answers []Answer) error {
	transact := d.store.ChangeUnflushed // undone, it has them sent once more
	if slices.ContainsFunc(answers, func(a Answer) bool { return !a.Unsent && !a.Outcome.taken() }) {
		transact = d.store.ChangeWebhooks
	}
	var (
		made     settled
		disabled bool
	)
	err := d.change(ctx, "settle_deliveries", transact, func(ctx context.Context, tx store.WebhookTx) (touched, error) {
		made, disabled = settled{}, false
		endpoints, ids := idsOf(answers)
		locked, err := tx.LockEndpoints(ctx, endpoints)
		if err != nil {
			return touched{}, err
		}
		kept, err := tx.LockDeliveries(ctx, ids)
		if err != nil {
			return touched{}, err
		}
		before := slices.Clone(locked)
		d.judgeAll(ctx, answers, locked, kept, &made)
		if err := made.write(ctx, tx); err != nil {
			return touched{}, err
		}
		for i := range locked {
			is, err := d.updateHealth(ctx, tx, before[i], &locked[i])
			if err != nil {
				return touched{}, err
			}
			disabled = disabled || is
		}
		return touched{endpoints: locked}, nil
	})
	if disabled {
		d.known.forget()
	}
	if err == nil {
		for _, tell := range made.told {
			tell()
		}
	}
	return err
}

func idsOf(answers []Answer) (endpoints, deliveries []uuid.UUID) {
	for _, answer := range answers {
		endpoints, deliveries = append(endpoints, answer.Delivery.EndpointID), append(deliveries, answer.Delivery.ID)
	}
	slices.SortFunc(endpoints, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(endpoints), deliveries
}

// judgeAll says what becomes of deliveries and of their endpoints. Kept is how deliveries stand in the store.
func (d *Deliveries) judgeAll(ctx context.Context, answers []Answer, endpoints []store.Endpoint, kept []store.Delivery, made *settled) {
	byID, at := map[uuid.UUID]store.Delivery{}, map[uuid.UUID]*store.Endpoint{}
	for _, delivery := range kept {
		byID[delivery.ID] = delivery
	}
	for i := range endpoints {
		at[endpoints[i].ID] = &endpoints[i]
	}
	for _, answer := range answers {
		delivery, is := byID[answer.Delivery.ID]
		endpoint := at[answer.Delivery.EndpointID]
		if !is || endpoint == nil || delivery.State != store.Released || delivery.Attempts != answer.Delivery.Attempts {
			continue
		}
		delete(byID, delivery.ID)
		if answer.Unsent {
			if delivery.NextAt.Equal(answer.Delivery.NextAt) { // otherwise somebody else has claimed it
				wait(&delivery)
				made.deliveries = append(made.deliveries, delivery)
			}
			continue
		}
		d.judge(ctx, &delivery, endpoint, answer.Outcome, made)
	}
}

// judge says what becomes of a delivery and of its endpoint after an attempt, and which jobs follow.
func (d *Deliveries) judge(ctx context.Context, delivery *store.Delivery, endpoint *store.Endpoint, outcome Outcome, made *settled) {
	now, status := d.now(), endpoint.Status
	delivery.Attempts++
	delivery.Round++
	delivery.Status, delivery.Error, delivery.ChangedAt = outcome.Status, outcome.Error, now
	delivery.NextAt, delivery.Lane = time.Time{}, 0
	if outcome.taken() {
		delivery.State = store.Delivered
		endpoint.Failures, endpoint.FailingSince, endpoint.ClosedUntil = 0, time.Time{}, time.Time{}
	} else {
		made.jobs = append(made.jobs, d.fail(delivery, endpoint, outcome)...)
	}
	made.deliveries = append(made.deliveries, *delivery)
	made.attempts = append(made.attempts, store.Attempt{
		DeliveryID: delivery.ID, Number: delivery.Attempts, At: outcome.At, Took: outcome.Took, Status: outcome.Status, Error: outcome.Error, Body: outcome.Body,
	})
	if !delivery.State.Pending() && delivery.RoomID != uuid.Nil { // also where the endpoint is ordered no longer
		if room := (store.RoomAt{EndpointID: endpoint.ID, RoomID: delivery.RoomID}); !slices.Contains(made.rooms, room) {
			made.rooms = append(made.rooms, room)
		}
	}
	of, after, disabled := *delivery, *endpoint, endpoint.Status != status
	made.told = append(made.told, func() { d.tell(ctx, after, disabled, of, outcome) })
}

// fail says what becomes of a delivery that was not taken, and of its endpoint.
func (d *Deliveries) fail(delivery *store.Delivery, endpoint *store.Endpoint, outcome Outcome) (jobs []store.Job) {
	now := d.now()
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

// write writes how far deliveries are, and has the next ones of rooms wait where those before them are settled.
func (s settled) write(ctx context.Context, tx store.WebhookTx) error {
	if len(s.deliveries) > 0 {
		if err := tx.UpdateDeliveries(ctx, s.deliveries); err != nil {
			return err
		}
	}
	if len(s.attempts) > 0 {
		if err := tx.InsertAttempts(ctx, s.attempts); err != nil {
			return err
		}
	}
	if len(s.rooms) > 0 {
		if err := tx.Advance(ctx, s.rooms); err != nil {
			return err
		}
	}
	return tx.Enqueue(ctx, s.jobs)
}

// updateHealth writes what attempts have changed of an endpoint, and says whether they have disabled it.
func (d *Deliveries) updateHealth(ctx context.Context, tx store.WebhookTx, before store.Endpoint, after *store.Endpoint) (disabled bool, err error) {
	if disabled = after.Status != before.Status; disabled {
		after.UpdatedAt = d.now()
		if err := tx.UpdateEndpoint(ctx, *after); err != nil {
			return false, err
		}
	}
	if after.Failures == before.Failures && after.FailingSince.Equal(before.FailingSince) && after.ClosedUntil.Equal(before.ClosedUntil) {
		return disabled, nil
	}
	return disabled, tx.UpdateHealth(ctx, *after)
}
