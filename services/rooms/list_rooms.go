package rooms

import (
	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
)

// list handles GET /api/rooms.
func (s *Service) list(c *fiber.Ctx) error {
	rooms, err := s.deps.Store.Rooms(c.UserContext(), authn.Caller(c).UserID)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(rooms)
}
