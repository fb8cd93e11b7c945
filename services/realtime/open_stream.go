package realtime

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/services/realtime/internal/eventloop"
)

// openStream handles GET /api/sse.
func (s *Service) openStream(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), startTimeout)
	defer cancel()
	if err := s.edge.Await(ctx); err != nil {
		return problemOf(err)
	}
	grant := granted(c)
	return s.streams.Serve(c, eventloop.Request{
		User: grant.UserID, Session: grant.Session(), LastEventID: lastEventID(c), ExpiresAt: endOf(grant.ExpiresAt, s.cfg.MaxStreamAge, time.Now()),
	})
}

// endOf is when a stream must end: when its token expires, or at the age that streams may have, less up to a tenth, so that those that were opened
// together do not come back together.
func endOf(expiresAt time.Time, oldest time.Duration, now time.Time) time.Time {
	if oldest == 0 {
		return expiresAt
	}
	if end := now.Add(oldest - rand.N(oldest/10+1)); end.Before(expiresAt) { //nolint:gosec // no secret
		return end
	}
	return expiresAt
}

// lastEventID is the id behind which the client resumes, "" where it begins.
func lastEventID(c *fiber.Ctx) string {
	if id := c.Get("Last-Event-ID"); id != "" {
		return id
	}
	return c.Query("last_event_id")
}
