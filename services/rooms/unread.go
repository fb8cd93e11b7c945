package rooms

import (
	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
)

// unreadTotals is what is unread of all rooms of the caller.
type unreadTotals struct {
	Rooms    int `json:"unreadRooms"`
	Messages int `json:"unreadMessages"`
}

// unread handles GET /api/rooms/unread.
func (s *Service) unread(c *fiber.Ctx) error {
	totals, err := s.deps.Store.Unread(c.UserContext(), authn.Caller(c).UserID)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(unreadTotals{Rooms: totals.Rooms, Messages: totals.Messages})
}
