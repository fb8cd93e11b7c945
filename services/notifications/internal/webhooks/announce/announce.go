// Package announce has webhooks delivered of what notifications itself has to tell, and no log has: pushes that are asked for, and endpoints that fail.
package announce

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/delivery"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/store"
)

// Endpoints are those that may be subscribed.
type Endpoints interface {
	EndpointChanges(ctx context.Context) (int64, error)
	Subscribed(ctx context.Context) ([]store.Endpoint, int64, error)
}

// Deliveries is where webhooks go.
type Deliveries interface {
	Take(ctx context.Context, all []delivery.Taken) error
}

// Announcer announces. It is safe for concurrent use.
type Announcer struct {
	endpoints  Endpoints
	deliveries Deliveries

	mu     sync.Mutex
	known  []store.Endpoint
	change int64 // that known is as of; 0: it was never read
}

// New makes an announcer.
func New(endpoints Endpoints, deliveries Deliveries) *Announcer {
	return &Announcer{endpoints: endpoints, deliveries: deliveries}
}

// Announce has webhooks delivered to all endpoints that are subscribed to their types, but not to the endpoint that one is about. Those that were announced before
// stay as they are. The error is [bus.ErrRejected] of what can never be kept.
func (a *Announcer) Announce(ctx context.Context, all ...payload.Webhook) error {
	endpoints, err := a.subscribed(ctx)
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

// subscribed gives the endpoints as of now.
func (a *Announcer) subscribed(ctx context.Context) ([]store.Endpoint, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change, err := a.endpoints.EndpointChanges(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for changes of endpoints: %w", err)
	}
	if change != a.change {
		if a.known, a.change, err = a.endpoints.Subscribed(ctx); err != nil {
			a.change = 0
			return nil, fmt.Errorf("read endpoints: %w", err)
		}
	}
	return a.known, nil
}
