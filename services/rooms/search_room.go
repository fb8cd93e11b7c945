package rooms

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/rooms/store"
)

// search handles GET /api/rooms/search.
func (s *Service) search(c *fiber.Ctx) error {
	other, err := httpapi.UUIDQuery(c, "withUser")
	if err != nil {
		return err
	}
	room, err := s.deps.Store.SingleRoom(c.UserContext(), authn.Caller(c).UserID, other)
	switch {
	case errors.Is(err, store.ErrRoomNotFound):
		return c.JSON(nil)
	case err != nil:
		return problemOf(err)
	}
	return c.JSON(room)
}
