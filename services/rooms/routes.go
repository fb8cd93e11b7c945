package rooms

import (
	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
)

// Routes implements [deployable.Service], see api/openapi.yaml. Every route needs a token, and writes the caller as a user.
func (s *Service) Routes(api fiber.Router) {
	require := s.deps.Verifier.Require()
	route := func(handle fiber.Handler) []fiber.Handler { return []fiber.Handler{require, s.knowCaller, handle} }
	api.Get("/api/rooms", route(s.list)...)
	api.Post("/api/rooms/create-room", route(s.create)...)
	api.Get("/api/rooms/search", route(s.search)...)
	api.Get("/api/rooms/:room_id", route(s.get)...)
	api.Get("/api/rooms/:room_id/detailed", route(s.detailed)...)
	api.Get("/api/rooms/:room_id/users", route(s.users)...)
	api.Post("/api/rooms/:room_id/mark-read", route(s.markRead)...)
	api.Post("/api/rooms/:room_id/leave", route(s.leave)...)
	api.Post("/api/rooms/:room_id/invite/:user_id", route(s.invite)...)
}

// InternalRoutes implements [deployable.Service]: messages asks who is in a room, and how a user stands to it.
func (s *Service) InternalRoutes(internal fiber.Router) {
	internal.Get("/internal/rooms/:room_id/members", s.internalMembers)
	internal.Get("/internal/rooms/:room_id/members/:user_id", s.internalStanding)
}

// knowCaller writes the caller as a user, so that whoever has called once can be invited.
func (s *Service) knowCaller(c *fiber.Ctx) error {
	if err := s.callers.Seen(c.UserContext(), authn.Caller(c)); err != nil {
		return problemOf(err)
	}
	return c.Next()
}
