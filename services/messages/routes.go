package messages

import "github.com/gofiber/fiber/v2"

// Routes implements [deployable.Service], see api/openapi.yaml.
func (s *Service) Routes(api fiber.Router) {
	api.Post("/api/send-msg", s.deps.Verifier.Require(), s.send)
	api.Get("/api/rooms/:room_id/timeline", s.deps.Verifier.Require(), s.timelinePage)
}

// InternalRoutes implements [deployable.Service]: there are none.
func (s *Service) InternalRoutes(fiber.Router) {}
