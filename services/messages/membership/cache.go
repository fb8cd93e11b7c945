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
	CacheTTL   time.Duration `envconfig:"CACHE_TTL" default:"30s" desc:"how long after rooms was asked its answer may be used, also while the log stands still; at most 1m; a change is mostly noticed at once by following the log, and while rooms does not answer that is enough for who was active within an hour"`
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

// Where answers come from, as the metric has it.
const (
	fromCache  = "cache"  // it is kept, and was true as lately as was asked for
	fromOutage = "outage" // it is kept, and used because rooms does not answer
	fromRooms  = "rooms"
	fromNobody = "error"
)

// Cache answers who is in a room from memory where it can.
//
// Requests for the same room share one question to rooms, a flight. An answer is only kept if it is not older than the
// newest version that passed in the log while the flight was under way; else the flight asks again. Nothing is kept
// before the log is followed. What is kept goes as soon as a newer version passes. It is used instead of asking for the configured time after it was true for
// certain: after rooms was asked, or a record of the log was written that says it. So a log that stands still, or a follower that lags, makes no answer
// older than that. Only while rooms does not answer it is used for longer, where the log has been followed to its end within followedAge.
type Cache struct {
	rooms   Rooms
	ttl     time.Duration
	lookups *prometheus.CounterVec
	work    sync.WaitGroup // the flights under way

	mu        sync.Mutex
	following bool
	followed  time.Time // all that the log had then has been followed
	kept      *weighed.Cache[uuid.UUID, *kept]
	large     large
	refused   refusals
	outage    outage
	flights   map[uuid.UUID]*flight
	started   uint64 // flights so far
	jumped    uint64 // flights that had begun when the log last jumped
}

// NewCache makes a cache before rooms.
func NewCache(cfg Config, rooms Rooms, tel *telemetry.Telemetry) (*Cache, error) {
	entries, err := weighed.New[uuid.UUID](cfg.CacheBytes/2, (*kept).weight)
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
		Help: "Questions for a room's members by where the answer came from: cache, rooms, outage: the cache, because rooms did not answer, or error.",
	}, "answer", fromCache, fromRooms, fromOutage, fromNobody)
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
	return c.lookUp(ctx, question{key: key{room, user}, age: c.ttl})
}

// Room gives the membership of a room to one who need not be in it: the backend. Errors: as of Of.
func (c *Cache) Room(ctx context.Context, room uuid.UUID) (events.Membership, error) {
	return c.lookUp(ctx, question{key: key{room: room}, anybody: true, age: c.ttl})
}

// Standing gives how a user stands to a room that it is in, or has been in. Who is in a room whose members see all of its timeline is known from
// memory where [Cache.Of] has learned it within a second; anything else rooms is asked each time. Errors: as of Of.
func (c *Cache) Standing(ctx context.Context, room, user uuid.UUID) (events.Standing, error) {
	of := key{room, user}
	members, err := c.lookUp(ctx, question{key: of, age: min(readAge, c.ttl)})
	switch {
	case err == nil && !members.SinceJoining:
		return events.Standing{RoomID: room, Version: members.Version, UserID: user, Status: wire.Joined}, nil
	case err != nil && !errors.Is(err, ErrRoomNotFound):
		return events.Standing{}, err
	}
	standing, err := c.askStanding(ctx, of)
	c.count(err)
	return standing, err
}

// lookUp answers from memory where it can, else it asks rooms. It counts as one question, whatever rooms is asked for it.
func (c *Cache) lookUp(ctx context.Context, q question) (events.Membership, error) {
	known, from, arrived, err := c.remembered(ctx, q)
	if from != "" {
		c.lookups.WithLabelValues(from).Inc()
		return known, err
	}
	answer, err := c.askFor(ctx, q, arrived)
	if errors.Is(err, ErrUnavailable) {
		c.mu.Lock()
		known, trust := c.recall(q) // a change may have passed meanwhile
		c.mu.Unlock()
		if trust > untrusted {
			c.lookups.WithLabelValues(fromOutage).Inc()
			return known, nil
		}
	}
	c.count(err)
	return answer, err
}

// count counts a question to rooms by what has come of it.
func (c *Cache) count(err error) {
	from := fromRooms
	if err != nil && !errors.Is(err, ErrRoomNotFound) {
		from = fromNobody
	}
	c.lookups.WithLabelValues(from).Inc()
}

// remembered gives the answer that is taken from memory, and from where; that is "" where rooms is to be asked, and then there is the number of the last flight
// that has begun. The error is [ErrRoomNotFound] for who has been refused too often.
func (c *Cache) remembered(ctx context.Context, q question) (known events.Membership, from string, arrived uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused.tooOften(q.key, time.Now()) {
		return events.Membership{}, fromCache, 0, ErrRoomNotFound
	}
	known, trust := c.recall(q)
	switch {
	case trust == current:
		return known, fromCache, 0, nil
	case trust == fallback && c.outage.silent:
		if c.outage.due() {
			c.flightOf(ctx, q.room)
		}
		return known, fromOutage, 0, nil
	}
	return events.Membership{}, "", c.started, nil
}

// askFor asks rooms a question that came when so many flights had begun.
func (c *Cache) askFor(ctx context.Context, q question, arrived uint64) (events.Membership, error) {
	ctx, cancel := context.WithTimeout(ctx, LookupTimeout)
	defer cancel()
	answer, err := c.askUntil(ctx, q, arrived)
	if err == nil && answer.WholeRoom && !q.anybody {
		answer, err = c.ofLarge(ctx, answer, q.user)
	}
	if errors.Is(err, ErrRoomNotFound) && !q.anybody {
		c.mu.Lock()
		c.refused.add(q.key, time.Now())
		c.mu.Unlock()
	}
	return answer, err
}

// askUntil asks for a room's membership until it answers the question, or was asked for after so many flights had begun: then
// it is [ErrRoomNotFound].
func (c *Cache) askUntil(ctx context.Context, q question, arrived uint64) (events.Membership, error) {
	for {
		answer, number, err := c.ask(ctx, q.room)
		switch {
		case err != nil && !errors.Is(err, ErrRoomNotFound):
			return events.Membership{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		case err == nil && q.answeredBy(answer):
			return answer, nil
		case number > arrived:
			return events.Membership{}, ErrRoomNotFound
		}
	}
}

// Run waits until ctx is done, and then for the flights under way. No more requests may come by then.
func (c *Cache) Run(ctx context.Context) error {
	<-ctx.Done()
	c.work.Wait()
	return nil
}
