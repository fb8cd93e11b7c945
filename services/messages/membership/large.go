package membership

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/weighed"
	"github.com/ism-chat/ism/libs/wire"
)

// key is a user and a room that the user may be in.
type key struct{ room, user uuid.UUID }

// large remembers who is a member of which large room: what is kept of such a room names nobody. It is under the cache's lock.
type large struct {
	members *weighed.Cache[key, time.Time] // until when it may be used
	// changes counts the changes of members of all large rooms that have passed in the log. An answer is kept only if none has passed since it was
	// asked for.
	changes uint64
}

func newLarge(bytes int) (large, error) {
	members, err := weighed.New[key](bytes, func(time.Time) int { return len(key{}.room) + len(key{}.user) })
	return large{members: members}, err
}

func (l *large) has(of key, now time.Time) bool {
	until, ok := l.members.Get(of)
	return ok && now.Before(until)
}

// changed takes a change of members from the log.
func (l *large) changed(of key) {
	l.changes++
	l.members.Remove(of)
}

func (l *large) forget() {
	l.changes++
	l.members.Purge()
}

// ofLarge gives the membership of a large room if the user is in it.
func (c *Cache) ofLarge(ctx context.Context, members events.Membership, user uuid.UUID) (events.Membership, error) {
	of := key{members.RoomID, user}
	standing, err := c.askStanding(ctx, of)
	switch {
	case errors.Is(err, ErrRoomNotFound), err == nil && standing.Status != wire.Joined:
		return events.Membership{}, c.refuse(of)
	case err != nil:
		return events.Membership{}, err
	}
	members.Audience = events.WholeRoom(max(members.Version, standing.Version))
	return members, nil
}

// askStanding asks rooms how a user stands to a room, and remembers that it is in it.
func (c *Cache) askStanding(ctx context.Context, of key) (events.Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, LookupTimeout)
	defer cancel()
	c.mu.Lock()
	asked, changes := time.Now(), c.large.changes
	c.mu.Unlock()
	standing, err := c.rooms.Standing(ctx, of.room, of.user)
	switch {
	case errors.Is(err, ErrRoomNotFound):
		c.lookups.WithLabelValues("rooms").Inc()
		return events.Standing{}, ErrRoomNotFound
	case err != nil:
		c.lookups.WithLabelValues("error").Inc()
		return events.Standing{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	c.lookups.WithLabelValues("rooms").Inc()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.following && standing.Status == wire.Joined && changes == c.large.changes {
		c.large.members.Add(of, asked.Add(c.ttl))
	}
	return standing, nil
}
