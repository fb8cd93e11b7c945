package peers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

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
	awaitClaim        = 3 * time.Second // for the own claim to be read
)

var (
	// ErrNoTicket says that a ticket is not known, has expired, or has been used.
	ErrNoTicket = errors.New("no valid ticket")
	// ErrTooManyTickets says that a user has asked for too many tickets, or all users together.
	ErrTooManyTickets = errors.New("too many tickets")
)

// Producer appends to the log.
type Producer interface {
	Produce(ctx context.Context, record bus.Record) (bus.Receipt, error)
}

// Grant is what a ticket lets its bearer do: open a stream of the user, until the token expires for which it was issued.
type Grant struct {
	UserID    uuid.UUID
	ExpiresAt time.Time
}

// Peers knows what the edges have told.
type Peers struct {
	disconnect func(user uuid.UUID)

	mu      sync.Mutex
	tickets map[string]*ticket // by digest
	order   []*ticket          // the oldest first
	perUser map[uuid.UUID]int
	changed chan struct{} // closed when something has been told
}

type ticket struct {
	digest    string
	grant     Grant
	expiresAt time.Time
	claim     uuid.UUID // the first; zero before
}

// New makes the peers. When a user is to be disconnected, disconnect is called: it must not wait.
func New(disconnect func(user uuid.UUID)) *Peers {
	return &Peers{disconnect: disconnect, tickets: map[string]*ticket{}, perUser: map[uuid.UUID]int{}, changed: make(chan struct{})}
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
			p.issued(time.Now(), data)
		case events.TicketClaimed:
			p.claimed(data)
		case events.UserDisconnected:
			p.disconnect(data.UserID)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.changed)
	p.changed = make(chan struct{})
	return errors.Join(errs...)
}

func (p *Peers) issued(now time.Time, data events.TicketIssued) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(now)
	if _, known := p.tickets[data.Digest]; known || !now.Before(data.ExpiresAt.Time) {
		return
	}
	if len(p.order) == maxTickets {
		p.forgetOldest()
	}
	t := &ticket{digest: data.Digest, grant: Grant{UserID: data.UserID, ExpiresAt: data.TokenExpiresAt.Time}, expiresAt: data.ExpiresAt.Time}
	p.tickets[t.digest] = t
	p.order = append(p.order, t)
	p.perUser[data.UserID]++
}

func (p *Peers) claimed(data events.TicketClaimed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t, known := p.tickets[data.Digest]; known && t.claim == uuid.Nil {
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

// Disconnect ends the open streams of a user at all edges. Errors: [bus.ErrUnavailable].
func (p *Peers) Disconnect(ctx context.Context, to Producer, user uuid.UUID) error {
	if err := tell(ctx, to, events.UserDisconnected{UserID: user}); err != nil {
		return fmt.Errorf("disconnect a user: %w", err)
	}
	return nil
}

func tell(ctx context.Context, to Producer, data events.Data) error {
	headers, value, err := events.Encode(events.New(source, time.Now(), data))
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, err = to.Produce(ctx, bus.Record{
		Topic: data.Topic(), Key: data.PartitionKey(), Headers: headers, Value: value, Partition: bus.PartitionAny,
	})
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
