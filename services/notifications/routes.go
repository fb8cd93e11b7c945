package notifications

import "github.com/gofiber/fiber/v2"

// Routes implements [deployable.Service], see api/openapi.yaml: there are none yet.
func (s *Service) Routes(fiber.Router) {}

// InternalRoutes implements [deployable.Service]: there are none yet.
func (s *Service) InternalRoutes(fiber.Router) {}
