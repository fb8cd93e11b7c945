package realtime

import (
	"github.com/gofiber/fiber/v2"
)

// debugStreams handles GET /debug/streams of the internal listener.
func (s *Service) debugStreams(c *fiber.Ctx) error {
	return c.JSON(fiber.Map{"logs": s.edge.Reached(), "polls": len(s.polls)})
}
