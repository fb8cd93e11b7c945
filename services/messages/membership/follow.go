package membership

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

// Follow takes records of the rooms' log, of every partition. It is a [bus.Handler].
func (c *Cache) Follow(_ context.Context, records []bus.Record) error {
	for _, record := range records {
		// Nearly all records are messages, of which only the version matters.
		if envelope, ok := events.OpenEnvelope(record.Key, record.Headers, record.Value); ok {
			c.seen(envelope.RoomID, envelope.Audience.Version)
			continue
		}
		decoded, err := bus.Decode[events.RoomEvent]([]bus.Record{record})
		if err != nil {
			continue // the consumer group that heals timelines sends what is malformed to the dead letters
		}
		for _, event := range decoded {
			c.follow(event.Data, record.Time)
		}
	}
	return nil
}

func (c *Cache) follow(event events.RoomEvent, written time.Time) {
	room := event.InRoom()
	switch event := event.(type) {
	case events.RoomCreated:
		c.joined(room, event.Users...)
		c.created(event, written)
		return
	case events.MembersJoined:
		c.joined(room, event.Joined...)
	case events.RoomEnded:
		c.ended(room)
	case events.MembershipChanged:
		c.joined(room, event.Member.ID)
		c.changed(key{room, event.Member.ID})
	}
	c.seen(room, event.SeenBy().Version)
}

// joined forgets that users have been refused.
func (c *Cache) joined(room uuid.UUID, users ...uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused.forget(room, users...)
}

// ended forgets a room that has ended, and what is being asked of users of large rooms.
func (c *Cache) ended(room uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.Remove(room)
	c.large.changes++
}

// changed takes a change of members, which is of a large room perhaps.
func (c *Cache) changed(of key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.large.changed(of)
}

// CaughtUp says that the log is followed from now on: answers may be kept.
func (c *Cache) CaughtUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.following = true
}

// Jumped forgets everything, since changes may have been in what was missed of the log. It is a reader's Jumped.
func (c *Cache) Jumped([]bus.Jump) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.Purge()
	c.large.forget()
	c.jumped = c.started
}

// created takes the first membership of a room, which was true when it was written. The follower may come to it much later. A clock that is
// ahead of ours says nothing of the future.
func (c *Cache) created(event events.RoomCreated, written time.Time) {
	if now := time.Now(); written.After(now) {
		written = now
	}
	first := events.Membership{RoomID: event.RoomID, Audience: event.Audience, Tenant: event.Tenant}
	if first.WholeRoom {
		first.Audience = events.WholeRoom(first.Version)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notice(first.RoomID, first.Version)
	c.keep(first, written)
}

func (c *Cache) seen(room uuid.UUID, version int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notice(room, version)
}

// notice needs mu. Of a large room nothing is kept that a change could make wrong, but its version.
func (c *Cache) notice(room uuid.UUID, version int64) {
	if entry, ok := c.kept.Peek(room); ok && entry.membership.Version < version {
		if entry.membership.WholeRoom {
			entry.membership.Version = version
			c.kept.Add(room, entry)
		} else {
			c.kept.Remove(room)
		}
	}
	if f, ok := c.flights[room]; ok {
		f.newest = max(f.newest, version)
	}
}
