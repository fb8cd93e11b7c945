// Package subscriptions knows which endpoints there are, as of now. They are kept in memory, as of a change that the store counts: to ask for that is all that a
// question costs while nothing changes.
package subscriptions

import (
	"context"
	"fmt"
	"sync"

	"github.com/ism-chat/ism/services/notifications/store"
)

// Store has the endpoints that may be subscribed.
type Store interface {
	EndpointChanges(ctx context.Context) (int64, error)
	Subscribed(ctx context.Context) ([]store.Endpoint, int64, error)
}

// Endpoints are those of a store. They are safe for concurrent use.
type Endpoints struct {
	store Store

	mu     sync.Mutex
	known  []store.Endpoint
	change int64 // that known is as of; 0: it was never read
}

// New makes Endpoints. It reads nothing yet.
func New(s Store) *Endpoints { return &Endpoints{store: s} }

// Now gives the endpoints as of now.
func (e *Endpoints) Now(ctx context.Context) ([]store.Endpoint, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change, err := e.store.EndpointChanges(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for changes of endpoints: %w", err)
	}
	if change != e.change {
		if e.known, e.change, err = e.store.Subscribed(ctx); err != nil {
			e.change = 0
			return nil, fmt.Errorf("read endpoints: %w", err)
		}
	}
	return e.known, nil
}
