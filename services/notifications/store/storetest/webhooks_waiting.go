package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications/store"
)

// What waits at an endpoint that is paused or fails waits for the endpoint, and does not count.
func oldestWaitingIsFound(t *testing.T, s store.Store) {
	oldest := func(want time.Time) {
		t.Helper()
		if got, err := s.OldestWaiting(t.Context()); err != nil || !got.Equal(want) {
			t.Errorf("the oldest waits since %s, want %s: %v", got, want, err)
		}
	}
	oldest(time.Time{})
	add := func(to store.Endpoint, since time.Time, state store.DeliveryState) {
		t.Helper()
		event := store.WebhookEvent{ID: uuid.New(), Type: "a", HappenedAt: at, TakenAt: at, Body: []byte("{}")}
		change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
			if _, err := tx.LockEndpoint(ctx, to.ID); err != nil {
				return err
			}
			if err := tx.InsertEvents(ctx, []store.WebhookEvent{event}); err != nil {
				return err
			}
			_, err := tx.InsertDeliveries(ctx, []store.Delivery{{
				ID: uuid.New(), EndpointID: to.ID, EventID: event.ID, Type: "a", HappenedAt: at, State: state, ChangedAt: since,
			}})
			return err
		})
	}
	one, another, paused := newEndpoint(t, s, nil), newEndpoint(t, s, nil), newEndpoint(t, s, func(e *store.Endpoint) { e.Status = store.EndpointPaused })
	add(one, at.Add(time.Minute), store.Behind)
	oldest(time.Time{})
	add(one, at.Add(3*time.Minute), store.Waiting)
	add(one, at.Add(4*time.Minute), store.Waiting)
	add(another, at.Add(2*time.Minute), store.Waiting)
	add(paused, at, store.Waiting)
	oldest(at.Add(2 * time.Minute))
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		failing, err := tx.LockEndpoint(ctx, another.ID)
		if err != nil {
			return err
		}
		failing.Failures, failing.FailingSince = 1, at
		return tx.UpdateHealth(ctx, failing)
	})
	oldest(at.Add(3 * time.Minute))
}
