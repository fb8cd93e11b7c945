// Package announce has webhooks delivered of what notifications itself has to tell, and no log has: pushes that are asked for, and endpoints that fail.
package announce

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/delivery"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/subscriptions"
	"github.com/ism-chat/ism/services/notifications/store"
)

// Deliveries is where webhooks go.
type Deliveries interface {
	Take(ctx context.Context, all []delivery.Taken) error
}

// Announcer announces. It is safe for concurrent use.
type Announcer struct {
	endpoints  *subscriptions.Endpoints
	deliveries Deliveries
}

// New makes an announcer.
func New(endpoints subscriptions.Store, deliveries Deliveries) *Announcer {
	return &Announcer{endpoints: subscriptions.New(endpoints), deliveries: deliveries}
}

// Announce has webhooks delivered to all endpoints that are subscribed to their types, but not to the endpoint that one is about. Those that were announced before
// stay as they are. The error is [bus.ErrRejected] of what can never be kept.
func (a *Announcer) Announce(ctx context.Context, all ...payload.Webhook) error {
	endpoints, err := a.endpoints.Now(ctx)
	if err != nil {
		return err
	}
	var taken []delivery.Taken
	for _, webhook := range all {
		if to := idsOf(webhook, endpoints); len(to) > 0 {
			taken = append(taken, delivery.Taken{Webhook: webhook, Endpoints: to})
		}
	}
	if len(taken) == 0 {
		return nil
	}
	if err := a.deliveries.Take(ctx, taken); err != nil {
		if errors.Is(err, store.ErrUnstorable) {
			return fmt.Errorf("%w: %w", bus.ErrRejected, err)
		}
		return fmt.Errorf("announce by webhooks: %w", err)
	}
	return nil
}

// idsOf gives the endpoints that a webhook is for, in their order. One is not told of itself: it is failing.
func idsOf(webhook payload.Webhook, endpoints []store.Endpoint) (ids []uuid.UUID) {
	for _, endpoint := range endpoints {
		if slices.Contains(endpoint.Types, string(webhook.Type)) && endpoint.ID != webhook.EndpointID && !webhook.At.Before(endpoint.CreatedAt) {
			ids = append(ids, endpoint.ID)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}
