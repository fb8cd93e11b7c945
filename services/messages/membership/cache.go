package membership

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/weighed"
	"github.com/ism-chat/ism/libs/wire"
)

const (
	// LookupTimeout is how long rooms is asked for who is in a room, repeats included.
	LookupTimeout = 1500 * time.Millisecond
	maxFetches    = 3 // of one flight
	// maxTTL bounds what readers of the log must remember: who reads a message that was sent as of an old membership must still know the
	// change that came before it in the room's log.
	maxTTL = time.Minute
	// readAge is how old the membership may be that a timeline is read by: who has left reads nothing more after a second, also while the log that says
	// so stands still. A page is read far less often than messages are sent.
	readAge    = time.Second
	leastCache = 64 << 10
)

// Config says what a [Cache] keeps.
type Config struct {
	CacheBytes int           `envconfig:"CACHE_BYTES" default:"33554432" desc:"most memory for who is in which room, about, bytes; a room of ten takes 400, a member of a room of more than a hundred 250"`
	CacheTTL   time.Duration `envconfig:"CACHE_TTL" default:"30s" desc:"how long after rooms was asked its answer may be used, also while the log stands still; at most 1m; a change is mostly noticed at once by following the log"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.CacheBytes < leastCache {
		faults = append(faults, config.Fault{Variable: "CACHE_BYTES", Problem: fmt.Sprintf("%d is too small; allowed: %d or above", c.CacheBytes, leastCache)})
	}
	if c.CacheTTL <= 0 || c.CacheTTL > maxTTL {
		faults = append(faults, config.Fault{Variable: "CACHE_TTL", Problem: fmt.Sprintf("must be above 0 and at most %s", maxTTL)})
	}
	return faults
}

// Cache answers who is in a room from memory where it can.
//
// Requests for the same room share one question to rooms, a flight. An answer is only kept if it is not older than the
// newest version that passed in the log while the flight was under way; else the flight asks again. Nothing is kept
// before the log is followed, and nothing is used longer than the configured time after it was true for certain: after rooms was asked, or
// after the room's creation was written to the log. So a log that stands still, or a follower that lags, makes no answer older than that.
type Cache struct {
	rooms   Rooms
	ttl     time.Duration
	lookups *prometheus.CounterVec
	work    sync.WaitGroup // the flights under way

	mu        sync.Mutex
	following bool
	kept      *weighed.Cache[uuid.UUID, kept]
	large     large
	refused   refusals
	flights   map[uuid.UUID]*flight
	started   uint64 // flights so far
	jumped    uint64 // flights that had begun when the log last jumped
}

type kept struct {
	membership events.Membership
	until      time.Time
}

// weight is about the memory that it takes, bytes.
func (k kept) weight() int {
	return len(k.membership.Users)*len(uuid.UUID{}) + len(k.membership.Tenant)
}

// flight is one question to rooms. Its result may be read once done is closed.
type flight struct {
	number  uint64
	newest  int64     // version seen in the log since the flight began
	asked   time.Time // when what it brings was asked for
	done    chan struct{}
	members events.Membership
	err     error
}

// NewCache makes a cache before rooms.
func NewCache(cfg Config, rooms Rooms, tel *telemetry.Telemetry) (*Cache, error) {
	entries, err := weighed.New[uuid.UUID](cfg.CacheBytes/2, kept.weight)
	if err != nil {
		return nil, fmt.Errorf("make membership cache: %w", err)
	}
	large, err := newLarge(cfg.CacheBytes * 3 / 8)
	if err != nil {
		return nil, fmt.Errorf("make membership cache of large rooms: %w", err)
	}
	refused, err := newRefusals(cfg.CacheBytes / 8)
	if err != nil {
		return nil, fmt.Errorf("make memory of refusals: %w", err)
	}
	lookups := telemetry.Counters(tel.Metrics, prometheus.CounterOpts{
		Name: "ism_messages_membership_lookups_total",
		Help: "Questions for a room's members by where the answer came from: cache, rooms, or error.",
	}, "answer", "cache", "rooms", "error")
	return &Cache{
		rooms: rooms, ttl: cfg.CacheTTL, lookups: lookups,
		kept: entries, large: large, refused: refused, flights: map[uuid.UUID]*flight{},
	}, nil
}

// Of gives the membership of a room that the user has joined. [ErrRoomNotFound] stands for a room that does not exist and
// for one that the user is not in; [ErrUnavailable] for rooms not answering.
//
// A refusal is never taken from memory, nor from a question that was asked before this call: who has just joined is in. Only who has been refused
// again and again within a second is not asked for any more in that second, until the log says that it has joined.
func (c *Cache) Of(ctx context.Context, room, user uuid.UUID) (events.Membership, error) {
	return c.within(ctx, room, user, c.ttl)
}

// within is Of, where what is remembered must have been true so lately.
func (c *Cache) within(ctx context.Context, room, user uuid.UUID, age time.Duration) (events.Membership, error) {
	known, in, arrived, err := c.recall(key{room, user}, time.Now().Add(c.ttl-min(age, c.ttl)))
	if err != nil || in {
		c.lookups.WithLabelValues("cache").Inc()
		return known, err
	}
	ctx, cancel := context.WithTimeout(ctx, LookupTimeout)
	defer cancel()
	answer, err := c.askUntil(ctx, room, arrived, func(m events.Membership) bool { return m.WholeRoom || m.Names(user) })
	switch {
	case errors.Is(err, ErrRoomNotFound):
		return events.Membership{}, c.refuse(key{room, user})
	case err == nil && answer.WholeRoom:
		return c.ofLarge(ctx, answer, user)
	}
	return answer, err
}

// Room gives the membership of a room to one who need not be in it: the backend. Errors: as of Of.
func (c *Cache) Room(ctx context.Context, room uuid.UUID) (events.Membership, error) {
	known, ok, arrived := c.recallRoom(room)
	if ok {
		c.lookups.WithLabelValues("cache").Inc()
		return known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, LookupTimeout)
	defer cancel()
	return c.askUntil(ctx, room, arrived, func(events.Membership) bool { return true })
}

// askUntil asks for a room's membership until it is one that will do, or the question was asked after so many flights had begun: then
// it is [ErrRoomNotFound].
func (c *Cache) askUntil(ctx context.Context, room uuid.UUID, arrived uint64, willDo func(events.Membership) bool) (events.Membership, error) {
	for {
		answer, number, err := c.ask(ctx, room)
		switch {
		case err != nil && !errors.Is(err, ErrRoomNotFound):
			c.lookups.WithLabelValues("error").Inc()
			return events.Membership{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		case err == nil && willDo(answer):
			if !answer.WholeRoom { // of a large room the user is asked for, too
				c.lookups.WithLabelValues("rooms").Inc()
			}
			return answer, nil
		case number > arrived:
			c.lookups.WithLabelValues("rooms").Inc()
			return events.Membership{}, ErrRoomNotFound
		}
	}
}

// refuse remembers a refusal, and gives it.
func (c *Cache) refuse(of key) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused.add(of, time.Now())
	return ErrRoomNotFound
}

// Standing gives how a user stands to a room that it is in, or has been in. Who is in a room whose members see all of its timeline is known from
// memory where [Cache.Of] has learned it within a second; anything else rooms is asked each time. Errors: as of Of.
func (c *Cache) Standing(ctx context.Context, room, user uuid.UUID) (events.Standing, error) {
	members, err := c.within(ctx, room, user, readAge)
	if errors.Is(err, ErrUnavailable) { // then nobody leaves either, but for what the log tells
		if known, in, _, _ := c.recall(key{room, user}, time.Now()); in {
			members, err = known, nil
		}
	}
	switch {
	case err == nil && !members.SinceJoining:
		return events.Standing{RoomID: room, Version: members.Version, UserID: user, Status: wire.Joined}, nil
	case err != nil && !errors.Is(err, ErrRoomNotFound):
		return events.Standing{}, err
	}
	return c.askStanding(ctx, key{room, user})
}

// recall gives what is kept of a room that the user is known to be in and may be used until a time, and the number of the last flight that has begun. The error is
// [ErrRoomNotFound] for who has been refused too often.
func (c *Cache) recall(of key, until time.Time) (known events.Membership, in bool, arrived uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused.tooOften(of, time.Now()) {
		return events.Membership{}, false, 0, ErrRoomNotFound
	}
	entry, ok := c.kept.Get(of.room)
	switch {
	case !ok:
	case !time.Now().Before(entry.until):
		c.kept.Remove(of.room)
	case !until.Before(entry.until):
	case entry.membership.WholeRoom && c.large.has(of, until) || entry.membership.Names(of.user):
		return entry.membership, true, c.started, nil
	}
	return events.Membership{}, false, c.started, nil
}

// recallRoom gives what is kept of a room and may be used now, and the number of the last flight that has begun.
func (c *Cache) recallRoom(room uuid.UUID) (known events.Membership, ok bool, arrived uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.kept.Get(room)
	if !ok || !time.Now().Before(entry.until) {
		return events.Membership{}, false, c.started
	}
	return entry.membership, true, c.started
}

// ask joins the room's flight, or begins one.
func (c *Cache) ask(ctx context.Context, room uuid.UUID) (events.Membership, uint64, error) {
	c.mu.Lock()
	f, underway := c.flights[room]
	if !underway {
		c.started++
		f = &flight{number: c.started, done: make(chan struct{})}
		c.flights[room] = f
		// The flight outlives the request that began it, since others wait for it, too. It keeps that request's trace.
		c.work.Go(func() { c.fly(context.WithoutCancel(ctx), room, f) })
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.members, f.number, f.err
	case <-ctx.Done():
		return events.Membership{}, f.number, ctx.Err()
	}
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
	current := f.err == nil && f.members.Version >= f.newest
	if f.err == nil && !current && !last {
		return false
	}
	delete(c.flights, room)
	switch {
	case current && f.number > c.jumped:
		c.keep(f.members, f.asked)
	case errors.Is(f.err, ErrRoomNotFound):
		c.kept.Remove(room)
	}
	return true
}

// keep keeps a membership that was true at the given time. It needs mu.
func (c *Cache) keep(m events.Membership, at time.Time) {
	until := at.Add(c.ttl)
	if !c.following || !time.Now().Before(until) {
		return
	}
	old, ok := c.kept.Peek(m.RoomID)
	if ok && (old.membership.Version > m.Version || old.membership.Version == m.Version && old.until.After(until)) {
		return
	}
	c.kept.Add(m.RoomID, kept{membership: m, until: until})
}

// Run waits until ctx is done, and then for the flights under way. No more requests may come by then.
func (c *Cache) Run(ctx context.Context) error {
	<-ctx.Done()
	c.work.Wait()
	return nil
}
