package rooms

import (
	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// getUser handles GET /api/users/{user_id}.
func (s *Service) getUser(c *fiber.Ctx) error {
	id, err := userID(c)
	if err != nil {
		return err
	}
	user, err := s.deps.Store.User(c.UserContext(), viewer(c), id)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(user)
}

// getCaller handles GET /api/users/me: who the token is of, whose id a client cannot always tell (docs/identity.md).
func (s *Service) getCaller(c *fiber.Ctx) error {
	caller := viewer(c)
	user, err := s.deps.Store.User(c.UserContext(), caller, caller.ID)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(user.User)
}

// viewer is the caller as one who sees others.
func viewer(c *fiber.Ctx) people.Viewer {
	caller := authn.Caller(c)
	return people.Viewer{ID: caller.UserID, Tenant: caller.Tenant}
}
