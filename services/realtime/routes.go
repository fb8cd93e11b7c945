package realtime

import "github.com/gofiber/fiber/v2"

// Routes implements [deployable.Service], see api/openapi.yaml.
func (s *Service) Routes(api fiber.Router) {
	withToken := s.deps.Verifier.Require()
	api.Get("/api/sse", s.ticketOrToken(), s.openStream)
	api.Post("/api/sse/ticket", withToken, s.issueTicket)
	api.Get("/api/poll", withToken, s.poll)
	api.Post("/api/admin/users/:user_id/disconnect", withToken, s.deps.Verifier.RequireAdmin(), s.disconnectUser)
}

// InternalRoutes implements [deployable.Service].
func (s *Service) InternalRoutes(internal fiber.Router) {
	internal.Get("/debug/streams", s.debugStreams)
}
