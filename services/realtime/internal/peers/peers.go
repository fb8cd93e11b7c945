package peers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

const (
	source = "/ism/realtime"

	// TicketLifetime is how long a ticket is good.
	TicketLifetime = 30 * time.Second

	maxTickets        = 100_000         // kept in memory, some 20 MB
	maxTicketsPerUser = 20              // that have not expired
	awaitTicket       = time.Second     // for a ticket that another edge has issued a moment ago
	awaitOwn          = 3 * time.Second // for what this edge has told to be read
)

var (
	// ErrNoTicket says that a ticket is not known, has expired, or has been used.
	ErrNoTicket = errors.New("no valid ticket")
	// ErrTooManyTickets says that a user has asked for too many tickets, or all users together.
	ErrTooManyTickets = errors.New("too many tickets")
)

// Appender appends to the log, and waits for its acknowledgement.
type Appender interface {
	Append(ctx context.Context, record bus.Record) (bus.Receipt, error)
}

// Streams are the open streams of this edge. Neither call waits.
type Streams interface {
	// EndUser ends those of a user, whom the backend has disconnected.
	EndUser(user uuid.UUID)
	// EndAll ends all, whose clients come back at once: nobody knows who of them was disconnected.
	EndAll()
}

// Grant is what a ticket lets its bearer do: open a stream of the user, until the token expires for which it was issued.
type Grant struct {
	UserID    uuid.UUID
	ExpiresAt time.Time
	Issuer    string    // iss of the token
	SessionID string    // sid, or ""
	IssuedAt  time.Time // iat, or zero
}

// GrantOf is what a token grants.
func GrantOf(token authn.Principal) Grant {
	return Grant{UserID: token.UserID, ExpiresAt: token.ExpiresAt, Issuer: token.Issuer, SessionID: token.SessionID, IssuedAt: token.IssuedAt}
}

// Session is that of the token for which the ticket was issued.
func (g Grant) Session() authn.Session {
	return authn.Session{UserID: g.UserID, Issuer: g.Issuer, ID: g.SessionID, IssuedAt: g.IssuedAt}
}

func grantIn(told events.TicketIssued) Grant {
	grant := Grant{UserID: told.UserID, ExpiresAt: told.TokenExpiresAt.Time, Issuer: told.Issuer, SessionID: told.SessionID}
	if told.TokenIssuedAt != nil {
		grant.IssuedAt = told.TokenIssuedAt.Time
	}
	return grant
}

// Peers knows what the edges have told.
type Peers struct {
	log     Appender
	streams Streams
	logger  *slog.Logger
	again   chan struct{} // has a token when ends are to be told again

	mu      sync.Mutex
	tickets map[string]*ticket // by digest
	order   []*ticket          // the oldest first
	perUser map[uuid.UUID]int
	ends    []*end        // what this edge has told, the oldest first
	changed chan struct{} // closed when something has been told
}

type ticket struct {
	digest      string
	grant       Grant
	expiresAt   time.Time
	leaderEpoch int32     // of its record
	claim       uuid.UUID // the first; zero before; void where it opens nothing any more
}

// void is the claim of nobody.
var void = uuid.Max

// New makes the peers. What this edge tells goes to the log.
func New(log Appender, streams Streams, logger *slog.Logger) *Peers {
	return &Peers{
		log: log, streams: streams, logger: logger, again: make(chan struct{}, 1),
		tickets: map[string]*ticket{}, perUser: map[uuid.UUID]int{}, changed: make(chan struct{}),
	}
}

// Handle takes what edges have told, in order. It is a reader's Handler.
func (p *Peers) Handle(_ context.Context, records []bus.Record) error {
	var errs []error
	for _, record := range records {
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			if !errors.Is(err, events.ErrUnknownType) {
				errs = append(errs, fmt.Errorf("offset %d: %w", record.Offset, err))
			}
			continue
		}
		switch data := event.Data.(type) {
		case events.TicketIssued:
			p.issued(time.Now(), data, record.LeaderEpoch)
		case events.TicketClaimed:
			p.claimed(data, record.LeaderEpoch)
		case events.UserDisconnected:
			p.streams.EndUser(data.UserID)
			p.endRead(event.ID)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes()
	return errors.Join(errs...)
}

// changes lets those look who wait. The caller holds the lock.
func (p *Peers) changes() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Jumped takes that the log does not go on where it was read. What was not read may have been claims, and ends of streams that are open here: no
// ticket that is known opens anything any more, and all streams end. Where the log has lost its end, this edge tells again what it has told.
func (p *Peers) Jumped(back bool) {
	p.mu.Lock()
	for _, t := range p.order {
		t.claim = void
	}
	p.changes()
	p.mu.Unlock()
	p.streams.EndAll()
	if back {
		select {
		case p.again <- struct{}{}:
		default:
		}
	}
}

func (p *Peers) issued(now time.Time, data events.TicketIssued, leaderEpoch int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(now)
	if _, known := p.tickets[data.Digest]; known || !now.Before(data.ExpiresAt.Time) {
		return
	}
	if len(p.order) == maxTickets {
		p.forgetOldest()
	}
	t := &ticket{
		digest: data.Digest, grant: grantIn(data), expiresAt: data.ExpiresAt.Time, leaderEpoch: leaderEpoch,
	}
	p.tickets[t.digest] = t
	p.order = append(p.order, t)
	p.perUser[data.UserID]++
}

// claimed takes a claim. The first one counts, unless the log has got another leader since the ticket was issued: that may have lost the first one,
// which others have read.
func (p *Peers) claimed(data events.TicketClaimed, leaderEpoch int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, known := p.tickets[data.Digest]
	switch {
	case !known || t.claim != uuid.Nil:
	case t.leaderEpoch != leaderEpoch:
		t.claim = void
	default:
		t.claim = data.Claim
	}
}

// expire forgets the oldest tickets as long as they have expired. Clocks of edges differ little, so that is nearly all. The caller holds the lock.
func (p *Peers) expire(now time.Time) {
	for len(p.order) > 0 && !now.Before(p.order[0].expiresAt) {
		p.forgetOldest()
	}
}

func (p *Peers) forgetOldest() {
	oldest := p.order[0]
	p.order = p.order[1:]
	delete(p.tickets, oldest.digest)
	if p.perUser[oldest.grant.UserID]--; p.perUser[oldest.grant.UserID] == 0 {
		delete(p.perUser, oldest.grant.UserID)
	}
}

func (p *Peers) tell(ctx context.Context, event events.Event) error {
	headers, value, err := events.Encode(event)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, err = p.log.Append(ctx, bus.Record{Topic: event.Data.Topic(), Key: event.Data.PartitionKey(), Headers: headers, Value: value})
	return err
}

// await waits until the condition holds, which is asked under the lock, at most for the time.
func (p *Peers) await(ctx context.Context, limit time.Duration, condition func() bool) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		p.mu.Lock()
		holds, changed := condition(), p.changed
		p.mu.Unlock()
		if holds {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}
