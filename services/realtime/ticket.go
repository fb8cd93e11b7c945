package realtime

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime/internal/peers"
)

type grantKey struct{}

// issueTicket handles POST /api/sse/ticket.
func (s *Service) issueTicket(c *fiber.Ctx) error {
	if err := s.edge.Await(c.UserContext()); err != nil {
		return problemOf(err)
	}
	caller, position := authn.Caller(c), s.edge.Position()
	ticket, expiresAt, err := s.peers.Issue(c.UserContext(), peers.GrantOf(caller))
	if err != nil {
		return problemOf(err)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(http.StatusCreated).JSON(wire.StreamTicket{
		Ticket: ticket, ExpiresAt: wire.At(expiresAt), LastEventID: position.Text(),
	})
}

// ticketOrToken is the middleware of what a ticket opens, or else a token.
func (s *Service) ticketOrToken() fiber.Handler {
	byToken := s.deps.Verifier.Require()
	return func(c *fiber.Ctx) error {
		if !c.Context().QueryArgs().Has("ticket") {
			return byToken(c)
		}
		if err := s.edge.Await(c.UserContext()); err != nil {
			return problemOf(err)
		}
		if err := s.awaitSignOuts(c.UserContext()); err != nil {
			return problemOf(err)
		}
		grant, err := s.peers.Redeem(c.UserContext(), c.Query("ticket"))
		if err != nil {
			return problemOf(err)
		}
		if s.signedOut(grant.Session()) {
			return problemOf(peers.ErrNoTicket)
		}
		c.Locals(grantKey{}, grant)
		return c.Next()
	}
}

// granted is whose stream the request may open, and until when.
func granted(c *fiber.Ctx) peers.Grant {
	if grant, byTicket := c.Locals(grantKey{}).(peers.Grant); byTicket {
		return grant
	}
	return peers.GrantOf(authn.Caller(c))
}
