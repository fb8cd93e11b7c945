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
			if created, ok := event.Data.(events.RoomCreated); ok {
				c.created(created.Membership(), record.Time)
			} else {
				c.seen(event.Data.InRoom(), event.Data.SeenBy().Version)
			}
		}
	}
	return nil
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
	c.jumped = c.started
}

// created takes the first membership of a room, which was true when it was written. The follower may come to it much later. A clock that is
// ahead of ours says nothing of the future.
func (c *Cache) created(m events.Membership, written time.Time) {
	if now := time.Now(); written.After(now) {
		written = now
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notice(m.RoomID, m.Version)
	c.keep(m, written)
}

func (c *Cache) seen(room uuid.UUID, version int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notice(room, version)
}

// notice needs mu.
func (c *Cache) notice(room uuid.UUID, version int64) {
	if entry, ok := c.kept.Peek(room); ok && entry.membership.Version < version {
		c.kept.Remove(room)
	}
	if f, ok := c.flights[room]; ok {
		f.newest = max(f.newest, version)
	}
}
