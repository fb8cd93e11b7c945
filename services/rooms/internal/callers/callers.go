// Package callers makes the users that rooms knows: just in time, from the token of each request.
package callers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/services/rooms/store"
)

const (
	remembered = 100_000 // users
	// recheck is how long a user counts as written: another process may have written an older or newer name since.
	recheck = 10 * time.Minute
)

// Users is the part of the store that keeps users.
type Users interface {
	PutUser(ctx context.Context, user store.User) error
}

// Callers writes those who call, and remembers whom it has written. It is safe for concurrent use.
type Callers struct {
	users Users
	now   func() time.Time
	known *lru.Cache[uuid.UUID, written]
}

type written struct {
	name, picture string
	at            time.Time
}

// New makes a Callers that knows nobody.
func New(users Users, now func() time.Time) (*Callers, error) {
	known, err := lru.New[uuid.UUID, written](remembered)
	if err != nil {
		return nil, fmt.Errorf("make the memory of callers: %w", err)
	}
	return &Callers{users: users, now: now, known: known}, nil
}

// Seen writes the caller if its name or picture is new here.
func (c *Callers) Seen(ctx context.Context, caller authn.Principal) error {
	seen := written{name: caller.Username, picture: caller.Picture, at: c.now()}
	if last, ok := c.known.Get(caller.UserID); ok && last.name == seen.name && last.picture == seen.picture && seen.at.Sub(last.at) < recheck {
		return nil
	}
	if err := c.users.PutUser(ctx, user(caller)); err != nil {
		return fmt.Errorf("write the caller: %w", err)
	}
	c.known.Add(caller.UserID, seen)
	return nil
}

func user(caller authn.Principal) store.User {
	u := store.User{ID: caller.UserID, DisplayName: caller.Username}
	if u.DisplayName == "" {
		u.DisplayName = caller.UserID.String()[:8]
	}
	if caller.Picture != "" {
		u.Picture = &caller.Picture
	}
	return u
}
