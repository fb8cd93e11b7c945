package notifications

import "github.com/gofiber/fiber/v2"

// Routes implements [deployable.Service], see api/openapi.yaml.
func (s *Service) Routes(api fiber.Router) {
	api.Get("/api/notifications", s.deps.Verifier.Require(), ofCaller(s.listInbox))
	api.Get("/api/notifications/unread", s.deps.Verifier.Require(), ofCaller(s.countUnreadOf))
	api.Post("/api/notifications/read", s.deps.Verifier.Require(), s.readNotifications)
	api.Get("/api/notify", s.deps.Verifier.Require(), ofCaller(s.listInbox)) // its name in the ISM wire
	api.Post("/api/notify", s.deps.Verifier.Require(), s.deps.Verifier.RequireBackend(), s.notify)
	api.Post("/hooks/:source", s.hook) // without a token: what is sent is signed
	s.webhooks.routes(api, s.deps.Verifier)
	s.push.routes(api, s.deps.Verifier)
	s.adminRoutes(api)
}

// InternalRoutes implements [deployable.Service]: there are none.
func (s *Service) InternalRoutes(fiber.Router) {}
