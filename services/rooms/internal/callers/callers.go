// Package callers makes the users that rooms knows: just in time, from the token of each request.
package callers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/rooms/store"
)

const (
	remembered = 100_000 // users
	// recheck is how long a user counts as written: the store may have been set back since.
	recheck = 10 * time.Minute
)

// Users is the part of the store that keeps users.
type Users interface {
	PutUser(ctx context.Context, user store.User, issued time.Time) error
}

// Callers writes those who call, and remembers whom it has written. Of a user the token that was issued last counts, here as in the store.
// It is safe for concurrent use.
type Callers struct {
	users Users
	now   func() time.Time

	mu    sync.Mutex // of what is remembered, from reading an entry to replacing it
	known *lru.Cache[uuid.UUID, written]
}

type written struct {
	tenant, name, picture string
	issued                time.Time // of the token
	at                    time.Time
}

// New makes a Callers that knows nobody.
func New(users Users, now func() time.Time) (*Callers, error) {
	known, err := lru.New[uuid.UUID, written](remembered)
	if err != nil {
		return nil, fmt.Errorf("make the memory of callers: %w", err)
	}
	return &Callers{users: users, now: now, known: known}, nil
}

// Seen writes the caller if its token may say something new of it. The error is the store's, see [store.Store.PutUser].
func (c *Callers) Seen(ctx context.Context, caller authn.Principal) error {
	seen := written{tenant: caller.Tenant, name: caller.Username, picture: caller.Picture, issued: caller.IssuedAt, at: c.now()}
	if last, ok := c.known.Get(caller.UserID); ok && last.covers(seen) && seen.at.Sub(last.at) < recheck {
		return nil
	}
	if err := c.users.PutUser(ctx, user(caller), caller.IssuedAt); err != nil {
		return fmt.Errorf("write the caller: %w", err)
	}
	c.remember(caller.UserID, seen)
	return nil
}

// covers reports whether a token changes nothing of what has been written. One of another tenant is always the store's to refuse.
func (w written) covers(seen written) bool {
	if w.tenant != seen.tenant {
		return false
	}
	return w.issued.After(seen.issued) || w.issued.Equal(seen.issued) && w.name == seen.name && w.picture == seen.picture
}

// remember keeps the newer token's, where a request with another one has been as quick.
func (c *Callers) remember(id uuid.UUID, seen written) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, ok := c.known.Peek(id); ok && last.issued.After(seen.issued) {
		last.at = seen.at // the store has been asked again
		seen = last
	}
	c.known.Add(id, seen)
}

// Forget makes the store be asked again for a user who was deleted.
func (c *Callers) Forget(user uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Remove(user)
}

// Follow takes records of the users' log: who was deleted is forgotten, whichever process has done it. It is a [bus.Handler].
func (c *Callers) Follow(_ context.Context, records []bus.Record) error {
	deleted, err := bus.Decode[events.UserDeleted](records)
	for _, event := range deleted {
		c.Forget(event.Data.UserID)
	}
	return err
}

// Jumped forgets everybody, as some may have been deleted in what was not read.
func (c *Callers) Jumped([]bus.Jump) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Purge()
}

func user(caller authn.Principal) store.User {
	u := store.User{ID: caller.UserID, DisplayName: caller.DisplayName(), Tenant: caller.Tenant}
	if caller.Picture != "" {
		u.Picture = &caller.Picture
	}
	return u
}
