package notifications

import "github.com/gofiber/fiber/v2"

// Routes implements [deployable.Service], see api/openapi.yaml.
func (s *Service) Routes(api fiber.Router) {
	api.Post("/api/notify", s.deps.Verifier.Require(), s.deps.Verifier.RequireBackend(), s.notify)
	api.Post("/hooks/:source", s.hook) // without a token: what is sent is signed
}

// InternalRoutes implements [deployable.Service]: there are none.
func (s *Service) InternalRoutes(fiber.Router) {}
