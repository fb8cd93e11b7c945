package notifications

import "github.com/gofiber/fiber/v2"

// Routes implements [deployable.Service], see api/openapi.yaml.
func (s *Service) Routes(api fiber.Router) {
	api.Get("/api/notifications", s.deps.Verifier.Require(), s.listNotifications)
	api.Get("/api/notifications/unread", s.deps.Verifier.Require(), s.countUnread)
	api.Post("/api/notifications/read", s.deps.Verifier.Require(), s.readNotifications)
	api.Get("/api/notify", s.deps.Verifier.Require(), s.listNotifications) // its name in the ISM wire
	api.Post("/api/notify", s.deps.Verifier.Require(), s.deps.Verifier.RequireBackend(), s.notify)
	api.Post("/hooks/:source", s.hook) // without a token: what is sent is signed
	s.webhooks.routes(api, s.deps.Verifier)
	s.push.routes(api, s.deps.Verifier)
}

// InternalRoutes implements [deployable.Service]: there are none.
func (s *Service) InternalRoutes(fiber.Router) {}
