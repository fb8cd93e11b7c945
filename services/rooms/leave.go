package rooms

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
)

// leave handles POST /api/rooms/{room_id}/leave.
func (s *Service) leave(c *fiber.Ctx) error {
	ctx := c.UserContext()
	room, err := roomID(c)
	if err != nil {
		return err
	}
	row, err := s.changes.Leave(ctx, room, authn.Caller(c).UserID, s.now())
	if err != nil {
		return problemOf(err)
	}
	s.relay.Await(ctx, row)
	c.Status(http.StatusOK)
	return nil
}
