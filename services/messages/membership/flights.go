package membership

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
)

// maxFetches is how often a flight asks at most.
const maxFetches = 3

// flight is one question to rooms. Its result may be read once done is closed.
type flight struct {
	number  uint64
	newest  int64     // version seen in the log since the flight began
	asked   time.Time // when what it brings was asked for
	done    chan struct{}
	members events.Membership
	err     error
}

// ask joins the room's flight, or begins one.
func (c *Cache) ask(ctx context.Context, room uuid.UUID) (events.Membership, uint64, error) {
	c.mu.Lock()
	f := c.flightOf(ctx, room)
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.members, f.number, f.err
	case <-ctx.Done():
		return events.Membership{}, f.number, ctx.Err()
	}
}

// flightOf gives the flight of a room that is under way, which it may begin. It needs mu.
func (c *Cache) flightOf(ctx context.Context, room uuid.UUID) *flight {
	if f, underway := c.flights[room]; underway {
		return f
	}
	c.started++
	f := &flight{number: c.started, done: make(chan struct{})}
	c.flights[room] = f
	// The flight outlives the request that began it, since others wait for it, too. It keeps that request's trace.
	c.work.Go(func() { c.fly(context.WithoutCancel(ctx), room, f) })
	return f
}

func (c *Cache) fly(ctx context.Context, room uuid.UUID, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, LookupTimeout)
	defer cancel()
	defer close(f.done)
	for fetch := 1; ; fetch++ {
		f.asked = time.Now()
		f.members, f.err = c.rooms.Membership(ctx, room)
		if c.land(room, f, fetch == maxFetches) {
			return
		}
	}
}

// land ends the flight, unless what it brought is older than what has passed in the log and it may ask once more.
func (c *Cache) land(room uuid.UUID, f *flight, last bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outage.heard(f.err)
	newest := f.err == nil && f.members.Version >= f.newest
	if f.err == nil && !newest && !last {
		return false
	}
	delete(c.flights, room)
	switch {
	case newest && f.number > c.jumped:
		if old, ok := c.kept.Peek(room); ok && c.trusts(old.times, c.ttl, time.Now()) < current {
			c.kept.Remove(room) // also where it has a newer version, as when rooms was set back
		}
		c.keep(f.members, f.asked, false)
	case errors.Is(f.err, ErrRoomNotFound):
		c.kept.Remove(room)
	}
	return true
}
