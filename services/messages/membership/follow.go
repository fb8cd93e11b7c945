package membership

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
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
		if err != nil || len(decoded) == 0 {
			c.unread(record.Key) // the consumer group that heals timelines sends what is malformed to the dead letters
			continue
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
		c.changed(event, written)
		return
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

// changed takes a change of members. Where the membership of before is kept, the one from then on takes its place.
func (c *Cache) changed(event events.MembershipChanged, written time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.large.changed(key{event.RoomID, event.Member.ID})
	before, ok := c.kept.Peek(event.RoomID)
	unknown := event.WholeRoom || len(event.Users) == 0 || ok && before.created && event.Change == wire.Join
	if ok && !unknown {
		next := before.membership
		next.Audience = event.Audience
		c.keep(next, notAhead(written), before.created)
	}
	c.notice(event.RoomID, event.Version)
}

// unread forgets what a record may have changed that this build cannot read.
func (c *Cache) unread(recordKey string) {
	room, err := uuid.Parse(recordKey)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.Remove(room)
	c.large.forget()
}

// CaughtUp says that the log is followed from now on: answers may be kept.
func (c *Cache) CaughtUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.following = true
}

// FollowedAsOf says that all has been followed that the log had at a time. It is a reader's HandledAsOf.
func (c *Cache) FollowedAsOf(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.followed = at
}

// Jumped forgets everything, since changes may have been in what was missed of the log. It is a reader's Jumped.
func (c *Cache) Jumped([]bus.Jump) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.Purge()
	c.large.forget()
	c.jumped, c.followed = c.started, time.Time{}
}

// created takes the first membership of a room, which was true when it was written. The follower may come to it much later.
func (c *Cache) created(event events.RoomCreated, written time.Time) {
	first := events.Membership{RoomID: event.RoomID, Audience: event.Audience, Tenant: event.Tenant}
	if first.WholeRoom {
		first.Audience = events.WholeRoom(first.Version)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notice(first.RoomID, first.Version)
	c.keep(first, notAhead(written), true)
}

// notAhead is a time that a broker's clock has given, which may be ahead of ours.
func notAhead(at time.Time) time.Time {
	if now := time.Now(); at.After(now) {
		return now
	}
	return at
}

func (c *Cache) seen(room uuid.UUID, version int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notice(room, version)
}
