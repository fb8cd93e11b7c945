package peers

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

const ticketLength = 32 // bytes of chance

// digestOf is what the log has of a ticket.
func digestOf(ticket string) string {
	sum := sha256.Sum256([]byte(ticket))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Issue gives the user a ticket, and when that expires. Errors: [ErrTooManyTickets]; [bus.ErrUnavailable].
func (p *Peers) Issue(ctx context.Context, grant Grant) (ticket string, expiresAt time.Time, err error) {
	now := time.Now().UTC()
	p.mu.Lock()
	p.expire(now)
	tooMany := p.perUser[grant.UserID] >= maxTicketsPerUser || len(p.order) >= maxTickets
	p.mu.Unlock()
	if tooMany {
		return "", time.Time{}, ErrTooManyTickets
	}
	raw := make([]byte, ticketLength)
	_, _ = rand.Read(raw) // it never fails (crypto/rand)
	ticket = base64.RawURLEncoding.EncodeToString(raw)
	expiresAt = now.Add(TicketLifetime).Truncate(time.Millisecond)
	issued := events.TicketIssued{
		Digest: digestOf(ticket), UserID: grant.UserID, ExpiresAt: wire.At(expiresAt), TokenExpiresAt: wire.At(grant.ExpiresAt),
		Issuer: grant.Issuer, SessionID: grant.SessionID,
	}
	if !grant.IssuedAt.IsZero() {
		at := wire.At(grant.IssuedAt)
		issued.TokenIssuedAt = &at
	}
	if err := p.tell(ctx, events.New(source, now, issued)); err != nil {
		return "", time.Time{}, fmt.Errorf("issue a ticket: %w", err)
	}
	return ticket, expiresAt, nil
}

// Redeem uses a ticket up, and gives what it grants. Errors: [ErrNoTicket]; [bus.ErrUnavailable] where it is not known whether it is used up.
func (p *Peers) Redeem(ctx context.Context, presented string) (Grant, error) {
	if len(presented) != base64.RawURLEncoding.EncodedLen(ticketLength) {
		return Grant{}, ErrNoTicket
	}
	digest := digestOf(presented)
	var found ticket
	known := func() bool {
		t, ok := p.tickets[digest]
		if ok {
			found = *t
		}
		return ok
	}
	if !p.await(ctx, awaitTicket, known) || found.claim != uuid.Nil || !time.Now().Before(found.expiresAt) {
		return Grant{}, ErrNoTicket
	}
	claim := uuid.New()
	claimed := events.TicketClaimed{Digest: digest, UserID: found.grant.UserID, Claim: claim}
	if err := p.tell(ctx, events.New(source, time.Now(), claimed)); err != nil {
		return Grant{}, fmt.Errorf("claim a ticket: %w", err)
	}
	decided := func() bool { return !known() || found.claim != uuid.Nil }
	if !p.await(ctx, awaitOwn, decided) {
		return Grant{}, fmt.Errorf("claim a ticket: %w: the claim has not been read", bus.ErrUnavailable)
	}
	if found.claim != claim {
		return Grant{}, ErrNoTicket
	}
	return found.grant, nil
}
