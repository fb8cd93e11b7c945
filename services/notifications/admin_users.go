package notifications

import (
	"errors"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/notifications/internal/intake"
)

// adminRoutes are what a backend sees of a user: the inbox and the devices, as the user sees them.
func (s *Service) adminRoutes(api fiber.Router) {
	const user = "/api/admin/users/:user_id"
	of := func(handle func(c *fiber.Ctx, user uuid.UUID) error) []fiber.Handler {
		return []fiber.Handler{s.deps.Verifier.Require(), s.deps.Verifier.RequireBackend(), s.ofBackend(handle)}
	}
	api.Get(user+"/notifications", of(s.listInbox)...)
	api.Get(user+"/notifications/unread", of(s.countUnreadOf)...)
	api.Get(user+"/devices", of(s.push.listDevicesOf)...)
	api.Delete(user+"/devices/:device_id", of(s.push.deleteDeviceOf)...)
}

// ofCaller handles what a user asks about itself.
func ofCaller(handle func(c *fiber.Ctx, user uuid.UUID) error) fiber.Handler {
	return func(c *fiber.Ctx) error { return handle(c, authn.Caller(c).UserID) }
}

// ofBackend handles what a backend asks about the user of the path. To a backend of a tenant all users of others are unknown, as where it tells them something.
func (s *Service) ofBackend(handle func(c *fiber.Ctx, user uuid.UUID) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		user, err := httpapi.UUIDParam(c, "user_id")
		if err != nil {
			return err
		}
		if err := s.intake.VetUser(c.UserContext(), authn.Caller(c).Tenant, user); err != nil {
			return problemOfUser(err)
		}
		return handle(c, user)
	}
}

// problemOfUser gives the problem for an error of looking up a user whom a backend asks about.
func problemOfUser(err error) error {
	switch {
	case errors.As(err, new(intake.UnknownUsersError)):
		return httpapi.NewProblem(http.StatusNotFound, "user-not-found", "User not found", "there is no such user for you")
	case errors.Is(err, intake.ErrRooms):
		return httpapi.Unavailable("rooms-unavailable", "Rooms unavailable", "it cannot be looked up whether the user is one of yours; try again", err)
	default:
		return err
	}
}
