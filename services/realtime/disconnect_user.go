package realtime

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/httpapi"
)

// disconnectUser handles POST /api/admin/users/{user_id}/disconnect.
func (s *Service) disconnectUser(c *fiber.Ctx) error {
	user, err := httpapi.UUIDParam(c, "user_id")
	if err != nil {
		return err
	}
	if err := s.edge.Await(c.UserContext()); err != nil {
		return problemOf(err)
	}
	if err := s.peers.Disconnect(c.UserContext(), user); err != nil {
		return problemOf(err)
	}
	return c.SendStatus(http.StatusNoContent)
}
