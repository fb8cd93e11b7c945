package membership

import (
	"context"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

// Follow takes records of the rooms' log, of every partition. It is a [bus.Handler].
func (c *Cache) Follow(_ context.Context, records []bus.Record) error {
	for _, record := range records {
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			continue // the consumer group that heals timelines sees to records that nobody can read
		}
		switch data := event.Data.(type) {
		case events.RoomCreated:
			c.created(Membership{RoomID: data.RoomID, Version: data.Version, Members: data.Members})
		case events.MessagePosted:
			c.seen(data.RoomID, data.Version)
		case events.RoomRead:
			c.seen(data.RoomID, data.Version)
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

func (c *Cache) created(m Membership) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notice(m.RoomID, m.Version)
	c.keep(m)
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
