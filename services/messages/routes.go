package messages

import "github.com/gofiber/fiber/v2"

// Routes implements [deployable.Service], see api/openapi.yaml.
func (s *Service) Routes(api fiber.Router) {
	api.Post("/api/send-msg", s.deps.Verifier.Require(), s.send)
	api.Get("/api/rooms/:room_id/timeline", s.deps.Verifier.Require(), s.timelinePage)
	api.Get("/api/rooms/:room_id/changes", s.deps.Verifier.Require(), s.changes)
	api.Get("/api/rooms/:room_id/messages/:message_id", s.deps.Verifier.Require(), s.message)
	api.Patch("/api/rooms/:room_id/messages/:message_id", s.deps.Verifier.Require(), s.edit)
	api.Delete("/api/rooms/:room_id/messages/:message_id", s.deps.Verifier.Require(), s.remove)
	s.adminRoutes(api)
}

// adminRoutes are the backend's alone.
func (s *Service) adminRoutes(api fiber.Router) {
	route := func(handle fiber.Handler) []fiber.Handler {
		return []fiber.Handler{s.deps.Verifier.Require(), s.deps.Verifier.RequireBackend(), handle}
	}
	api.Get("/api/admin/users/:user_id/messages", route(s.export)...)
	api.Get("/api/admin/rooms/:room_id/retention", route(s.retention)...)
	api.Put("/api/admin/rooms/:room_id/retention", route(s.putRetention)...)
	api.Delete("/api/admin/rooms/:room_id/retention", route(s.deleteRetention)...)
}

// InternalRoutes implements [deployable.Service]: media asks who may read a message.
func (s *Service) InternalRoutes(internal fiber.Router) {
	internal.Get("/internal/rooms/:room_id/messages/:message_id/readers/:user_id", s.internalReader)
}
