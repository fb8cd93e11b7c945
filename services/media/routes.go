package media

import "github.com/gofiber/fiber/v2"

// Routes implements [deployable.Service], see api/openapi.yaml.
func (s *Service) Routes(api fiber.Router) {
	require := s.deps.Verifier.Require()
	api.Get("/api/media/rooms/:room_id/:name", s.picture) // without a token, as pages show it: its name is a secret
	api.Post("/api/media", require, s.create)
	api.Get("/api/media/:media_id", require, s.download)
	api.Delete("/api/media/:media_id", require, s.withdraw)
	api.Get("/api/media/:media_id/status", require, s.status)
	api.Get("/api/media/:media_id/parts", require, s.listParts)
	api.Post("/api/media/:media_id/parts", require, s.signParts)
	api.Post("/api/media/:media_id/complete", require, s.complete)
	api.Post("/api/rooms/:room_id/upload-img", require, s.uploadPicture)
}

// InternalRoutes implements [deployable.Service]: messages asks for what a message shows.
func (s *Service) InternalRoutes(internal fiber.Router) {
	internal.Get("/internal/media/:media_id", s.internalMedium)
}
