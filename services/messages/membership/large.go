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
	members *weighed.Cache[key, *times]
	// changes counts the changes of members of all large rooms that have passed in the log. An answer is kept only if none has passed since it was
	// asked for.
	changes uint64
}

func newLarge(bytes int) (large, error) {
	members, err := weighed.New[key](bytes, func(*times) int { return len(key{}.room) + len(key{}.user) })
	return large{members: members}, err
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
	standing, err := c.askStanding(ctx, key{members.RoomID, user})
	switch {
	case err != nil:
		return events.Membership{}, err
	case standing.Status != wire.Joined:
		return events.Membership{}, ErrRoomNotFound
	}
	members.Audience = events.WholeRoom(max(members.Version, standing.Version))
	return members, nil
}

// askStanding asks rooms how a user stands to a room, and remembers that it is in it.
func (c *Cache) askStanding(ctx context.Context, of key) (events.Standing, error) {
	c.mu.Lock()
	asked, changes := time.Now(), c.large.changes
	c.mu.Unlock()
	asking, cancel := context.WithTimeout(ctx, LookupTimeout)
	defer cancel()
	standing, err := c.rooms.Standing(asking, of.room, of.user)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil || ctx.Err() == nil { // else it was not waited for
		c.outage.heard(err)
	}
	switch {
	case errors.Is(err, ErrRoomNotFound):
		return events.Standing{}, ErrRoomNotFound
	case err != nil:
		return events.Standing{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case c.following && standing.Status == wire.Joined && changes == c.large.changes:
		c.large.members.Add(of, &times{asOf: asked})
	}
	return standing, nil
}
