package realtime

import "github.com/gofiber/fiber/v2"

// Routes implements [deployable.Service], see api/openapi.yaml.
func (s *Service) Routes(api fiber.Router) {
	api.Get("/api/sse", s.deps.Verifier.Require(), s.openStream)
}

// InternalRoutes implements [deployable.Service]: there are none.
func (s *Service) InternalRoutes(fiber.Router) {}
