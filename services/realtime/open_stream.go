package realtime

import (
	"context"

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
	return s.streams.Serve(c, eventloop.Request{User: grant.UserID, LastEventID: lastEventID(c), ExpiresAt: grant.ExpiresAt})
}

// lastEventID is the id behind which the client resumes, "" where it begins.
func lastEventID(c *fiber.Ctx) string {
	if id := c.Get("Last-Event-ID"); id != "" {
		return id
	}
	return c.Query("last_event_id")
}
