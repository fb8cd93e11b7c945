package realtime

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/services/realtime/internal/eventloop"
)

// openStream handles GET /api/sse.
func (s *Service) openStream(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), startTimeout)
	defer cancel()
	if err := s.edge.Await(ctx); err != nil {
		return problemOf(err)
	}
	caller := authn.Caller(c)
	lastEventID := c.Get("Last-Event-ID")
	if lastEventID == "" {
		lastEventID = c.Query("last_event_id")
	}
	return s.streams.Serve(c, eventloop.Request{
		User:        caller.UserID,
		LastEventID: lastEventID,
		ExpiresAt:   caller.ExpiresAt,
	})
}
