package rooms

import (
	"context"
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
)

// unreadTotals is what is unread of all rooms of the caller.
type unreadTotals struct {
	Rooms    int `json:"unreadRooms"`
	Messages int `json:"unreadMessages"`
}

// Unread gives what a user has not read; of one whom rooms does not know that is nothing. An error means that the store does not answer now.
func (s *Service) Unread(ctx context.Context, user uuid.UUID) (events.UnreadAnswer, error) {
	totals, err := s.deps.Store.Unread(ctx, user)
	if err != nil {
		return events.UnreadAnswer{}, fmt.Errorf("what is unread of user %s: %w", user, err)
	}
	return events.UnreadAnswer{UserID: user, Rooms: totals.Rooms, Messages: totals.Messages}, nil
}

// internalUnread handles GET /internal/users/{user_id}/unread.
func (s *Service) internalUnread(c *fiber.Ctx) error {
	user, err := userID(c)
	if err != nil {
		return err
	}
	unread, err := s.Unread(c.UserContext(), user)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(unread)
}

// unread handles GET /api/rooms/unread.
func (s *Service) unread(c *fiber.Ctx) error {
	totals, err := s.deps.Store.Unread(c.UserContext(), authn.Caller(c).UserID)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(unreadTotals{Rooms: totals.Rooms, Messages: totals.Messages})
}
