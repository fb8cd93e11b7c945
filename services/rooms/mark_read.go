package rooms

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
)

// markRead handles POST /api/rooms/{room_id}/mark-read.
func (s *Service) markRead(c *fiber.Ctx) error {
	ctx := c.UserContext()
	id, err := roomID(c)
	if err != nil {
		return err
	}
	row, err := s.changes.MarkRead(ctx, id, authn.Caller(c).UserID, s.now())
	if err != nil {
		return problemOf(err)
	}
	s.relay.Await(ctx, row)
	c.Status(http.StatusOK)
	return nil
}
