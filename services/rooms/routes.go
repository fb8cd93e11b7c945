package rooms

import (
	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/ratelimit"
)

// Routes implements [deployable.Service], see api/openapi.yaml. Every route needs a token, and writes the caller as a user; but for the one that an
// issuer calls, whose token is in the body.
func (s *Service) Routes(api fiber.Router) {
	require := s.deps.Verifier.Require()
	route := func(handle fiber.Handler) []fiber.Handler { return []fiber.Handler{require, s.knowCaller, handle} }
	api.Get("/api/rooms", route(s.list)...)
	api.Post("/api/rooms/create-room", route(s.create)...)
	api.Get("/api/rooms/search", route(s.search)...)
	api.Get("/api/rooms/unread", route(s.unread)...)
	api.Get("/api/users/me/settings", route(s.getSettings)...)
	api.Put("/api/users/me/settings", route(s.putSettings)...)
	api.Get("/api/rooms/:room_id", route(s.get)...)
	api.Patch("/api/rooms/:room_id", require, s.knowMember, s.rename)
	api.Get("/api/rooms/:room_id/detailed", route(s.detailed)...)
	api.Get("/api/rooms/:room_id/users", route(s.users)...)
	api.Post("/api/rooms/:room_id/mark-read", route(s.markRead)...)
	api.Post("/api/rooms/:room_id/leave", route(s.leave)...)
	api.Post("/api/rooms/:room_id/invite/:user_id", route(s.invite)...)
	api.Post("/api/oidc/backchannel-logout", s.backchannelLogout)
	s.userRoutes(api, route)
	s.adminRoutes(api)
}

// userRoutes are those of users and of how they stand to each other.
func (s *Service) userRoutes(api fiber.Router, route func(handle fiber.Handler) []fiber.Handler) {
	api.Get("/api/users/me", route(s.getCaller)...)
	api.Get("/api/users/search", route(s.searchUsers)...)
	api.Get("/api/users/friends", route(s.listFriends)...)
	api.Get("/api/users/friends/requests", route(s.listRequests)...)
	api.Get("/api/users/blocked", route(s.listBlocked)...)
	api.Post("/api/users/friends/add/:user_id", route(s.changeRelationship(s.relationships.Add))...)
	api.Post("/api/users/friends/accept-request/:user_id", route(s.changeRelationship(s.relationships.Accept))...)
	api.Delete("/api/users/friends/reject-request/:user_id", route(s.changeRelationship(s.relationships.Reject))...)
	api.Delete("/api/users/friends/:user_id", route(s.changeRelationship(s.relationships.Remove))...)
	api.Post("/api/users/ignore/:user_id", route(s.changeRelationship(s.relationships.Block))...)
	api.Delete("/api/users/ignore/:user_id", route(s.changeRelationship(s.relationships.Unblock))...)
	api.Get("/api/users/:user_id", route(s.getUser)...)
}

// adminRoutes are the backend's alone. It is no user, so it is not written as one.
func (s *Service) adminRoutes(api fiber.Router) {
	route := func(handle fiber.Handler) []fiber.Handler {
		return []fiber.Handler{s.deps.Verifier.Require(), s.deps.Verifier.RequireBackend(), handle}
	}
	api.Put("/api/admin/users/:user_id", route(s.putUser)...)
	api.Delete("/api/admin/users/:user_id", route(s.deleteUser)...)
	api.Post("/api/admin/users/:user_id/sign-out", route(s.signOutUser)...)
	api.Get("/api/admin/users/:user_id/export", route(s.exportUser)...)
	api.Get("/api/admin/erasures/:erasure_id", route(s.getErasure)...)
	api.Post(`/api/admin/users\:sync`, route(s.syncUsers)...)
	api.Get("/api/admin/rooms", route(s.listOverviews)...)
	api.Post("/api/admin/rooms", route(s.createForOthers)...)
	api.Get("/api/admin/rooms/:room_id", route(s.getOverview)...)
	api.Delete("/api/admin/rooms/:room_id", route(s.end)...)
	api.Put("/api/admin/rooms/:room_id/members/:user_id", route(s.addMember)...)
	api.Delete("/api/admin/rooms/:room_id/members/:user_id", route(s.removeMember)...)
}

// Limited implements [deployable.Limited]: what draws others in has limits of its own, beside the budgets of an hour.
func (s *Service) Limited() []ratelimit.Route {
	return []ratelimit.Route{
		{Method: fiber.MethodPost, Path: "/api/rooms/create-room", Class: ratelimit.Creations},
		{Method: fiber.MethodPost, Path: "/api/rooms/:room_id/invite/:user_id", Class: ratelimit.Invitations},
		{Method: fiber.MethodPost, Path: "/api/users/friends/add/:user_id", Class: ratelimit.Contacts},
	}
}

// InternalRoutes implements [deployable.Service]: messages asks who is in a room, how a user stands to it, and of which tenant a user is and what its name;
// notifications, of which tenants users are, and what they have not read; media gives rooms their pictures.
func (s *Service) InternalRoutes(internal fiber.Router) {
	internal.Get("/internal/rooms/:room_id/members", s.internalMembers)
	internal.Get("/internal/rooms/:room_id/members/:user_id", s.internalStanding)
	internal.Put("/internal/rooms/:room_id/picture", s.internalPicture)
	internal.Get("/internal/users/:user_id", s.internalUser)
	internal.Get("/internal/users/:user_id/unread", s.internalUnread)
	internal.Post("/internal/users/tenants", s.internalTenants)
}

// knowMember is knowCaller where the backend may call, too.
func (s *Service) knowMember(c *fiber.Ctx) error {
	if authn.Caller(c).Backend {
		return c.Next()
	}
	return s.knowCaller(c)
}

// knowCaller writes the caller as a user, so that whoever has called once can be invited.
func (s *Service) knowCaller(c *fiber.Ctx) error {
	if err := s.callers.Seen(c.UserContext(), authn.Caller(c)); err != nil {
		return problemOf(err)
	}
	return c.Next()
}
