package delivery

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	// mendEvery is how often what processes have left that died is handed out again; each sweepOf-th time all is swept.
	mendEvery = 20 * time.Second
	sweepOf   = 3
	// lost is after how long a job that was not done is taken to be lost. It is made anew: nothing depends on no job ever getting lost.
	lost      = 10 * time.Minute
	atOnce    = 500 // rows of a step
	mostSteps = 20  // of a sweep
	counted   = 10_000
)

// Run sweeps now and then until ctx is done: it has what is stranded sent, gives up what is too old, and removes what was settled before so long.
func (d *Deliveries) Run(ctx context.Context) error {
	ctx = telemetry.Untraced(ctx)
	for turn := 0; ; turn++ {
		sweep := d.mend
		if turn%sweepOf == sweepOf-1 {
			sweep = d.Sweep
		}
		if err := sweep(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrUnavailable) {
			d.log.ErrorContext(ctx, "what webhooks have left cannot be swept; trying again", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(mendEvery + rand.N(mendEvery/4)): //nolint:gosec // spreading load takes no secrets
		}
	}
}

// Sweep sweeps once.
func (d *Deliveries) Sweep(ctx context.Context) error {
	return errors.Join(d.mend(ctx), d.giveUpOld(ctx), d.removeOld(ctx), d.count(ctx))
}

// mend hands out again what was claimed and not settled within its lease, and what jobs have not.
func (d *Deliveries) mend(ctx context.Context) error {
	now := d.now()
	before := now.Add(-lost)
	stranded, err := d.store.Stranded(ctx, now, before, atOnce)
	if err != nil {
		return err
	}
	for _, endpoint := range stranded {
		err := d.with(ctx, "mend_deliveries", endpoint, func(ctx context.Context, tx store.WebhookTx, _ *store.Endpoint) error {
			return tx.Loosen(ctx, endpoint, now, before)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// giveUpOld gives up what has not been sent for too long.
func (d *Deliveries) giveUpOld(ctx context.Context) error {
	for range mostSteps {
		old, err := d.store.Old(ctx, d.now().Add(-d.limits.GiveUpAfter), atOnce)
		if err != nil || len(old) == 0 {
			return err
		}
		for _, one := range old {
			if err := d.giveUp(ctx, one); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Deliveries) giveUp(ctx context.Context, old store.Delivery) error {
	given := false
	err := d.with(ctx, "give_up_delivery", old.EndpointID, func(ctx context.Context, tx store.WebhookTx, endpoint *store.Endpoint) error {
		delivery, err := tx.LockDelivery(ctx, old.ID)
		if given = err == nil && delivery.State.Pending() && delivery.ChangedAt.Equal(old.ChangedAt); !given {
			return ignoreMissing(err)
		}
		delivery.State, delivery.NextAt, delivery.Lane, delivery.ChangedAt, delivery.Error = store.GivenUp, time.Time{}, 0, d.now(), "it was not sent for too long"
		made := settled{deliveries: []store.Delivery{delivery}}
		if delivery.RoomID != uuid.Nil {
			made.rooms = []store.RoomAt{{EndpointID: endpoint.ID, RoomID: delivery.RoomID}}
		}
		return made.write(ctx, tx)
	})
	if err == nil && given {
		d.metrics.givenUp.Inc()
	}
	return err
}

// removeOld forgets what was settled as long ago as what is not sent is given up.
func (d *Deliveries) removeOld(ctx context.Context) error {
	for range mostSteps {
		removed, err := d.store.RemoveOld(ctx, d.now().Add(-d.limits.GiveUpAfter), atOnce)
		if err != nil || removed < atOnce {
			return err
		}
	}
	return nil
}

func (d *Deliveries) count(ctx context.Context) error {
	pending, err := d.store.PendingDeliveries(ctx, counted)
	if err != nil {
		return err
	}
	for state, n := range pending {
		d.metrics.pending.WithLabelValues(string(state)).Set(float64(n))
	}
	return nil
}
