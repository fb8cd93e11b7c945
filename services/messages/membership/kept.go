package membership

import (
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
)

const (
	// followedAge is how lately all of the log must have been followed for what the log has said nothing against to be used while rooms does not answer. The
	// reader says so every five seconds. It is well below maxTTL.
	followedAge = 15 * time.Second
	// unusedAge is how long what is kept may be used then behind its last use.
	unusedAge = time.Hour
)

// trust is how far what is kept may be relied on.
type trust int

const (
	untrusted trust = iota
	// fallback: it may be used where rooms does not answer.
	fallback
	// current: it was true as lately as was asked for.
	current
)

// times are what trust follows from.
type times struct {
	asOf time.Time // when it was true for certain
	used time.Time // last
}

// kept is the membership of a room.
type kept struct {
	membership events.Membership
	times
	// created says that it comes from the room's creation, which does not tell what part of the timeline those see who join later.
	created bool
}

// weight is about the memory that it takes, bytes.
func (k *kept) weight() int {
	return len(k.membership.Users)*len(uuid.UUID{}) + len(k.membership.Tenant)
}

// question is who is in a room, and whether a user is.
type question struct {
	key
	anybody bool          // it is asked for the backend, which need not be in the room
	age     time.Duration // how long ago the answer may have been true
}

// answeredBy reports whether a membership says that the user is in the room; of a large room it does not, and the user is asked for.
func (q question) answeredBy(m events.Membership) bool {
	return q.anybody || m.WholeRoom || m.Names(q.user)
}

// recall gives what is kept, if it answers the question, which counts as a use. It needs mu.
func (c *Cache) recall(q question) (events.Membership, trust) {
	entry, ok := c.kept.Get(q.room)
	if !ok || !q.answeredBy(entry.membership) {
		return events.Membership{}, untrusted
	}
	now := time.Now()
	of := []*times{&entry.times}
	if entry.membership.WholeRoom && !q.anybody {
		member, ok := c.large.members.Get(q.key)
		if !ok {
			return events.Membership{}, untrusted
		}
		of = append(of, member)
	}
	least := current
	for _, t := range of {
		least = min(least, c.trusts(*t, q.age, now))
	}
	if least > untrusted {
		for _, t := range of {
			t.used = now
		}
	}
	return entry.membership, least
}

// trusts needs mu. What is kept goes with the first change that is followed. So what was true once is true as of when all of the log was followed last.
func (c *Cache) trusts(t times, age time.Duration, now time.Time) trust {
	lately := t.used
	if t.asOf.After(lately) {
		lately = t.asOf
	}
	switch {
	case now.Before(t.asOf.Add(age)):
		return current
	case now.Before(t.asOf.Add(c.ttl)), now.Sub(c.followed) < followedAge && now.Sub(lately) < unusedAge:
		return fallback
	default:
		return untrusted
	}
}

// keep keeps a membership that was true at a time, unless a newer one is kept. It needs mu.
func (c *Cache) keep(m events.Membership, asOf time.Time, created bool) {
	if !c.following {
		return
	}
	old, ok := c.kept.Peek(m.RoomID)
	if ok && (old.membership.Version > m.Version || old.membership.Version == m.Version && old.asOf.After(asOf)) {
		return
	}
	c.kept.Add(m.RoomID, &kept{membership: m, times: times{asOf: asOf}, created: created})
}

// notice takes the newest version that the log has of a room's membership. It needs mu. Of a large room nothing is kept that a change could make wrong, but
// its version.
func (c *Cache) notice(room uuid.UUID, version int64) {
	if entry, ok := c.kept.Peek(room); ok && entry.membership.Version < version {
		if entry.membership.WholeRoom {
			entry.membership.Version = version
		} else {
			c.kept.Remove(room)
		}
	}
	if f, ok := c.flights[room]; ok {
		f.newest = max(f.newest, version)
	}
}
