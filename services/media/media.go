// Package media is the service of uploads to and downloads from S3, and the images of rooms.
//
// In this version it sees to its bucket, and has configuration, health and telemetry but no API: whatever is asked of it
// answers 404, so that nothing seems to work that does not.
package media

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Config is the service's own configuration: there is none yet.
type Config struct{}

// Objects is where media are kept.
type Objects interface {
	// Run sees to it that the store can be used, and returns when ctx is done.
	Run(ctx context.Context) error
	// Ready reports whether the store can be used.
	Ready(ctx context.Context) error
}

// Deps is what the service is handed.
type Deps struct {
	Objects   Objects // the service runs it; nil: it keeps none
	Telemetry *telemetry.Telemetry
}

// Service is the media service.
type Service struct {
	deps Deps
}

var _ deployable.Service = (*Service)(nil)

// New makes the service.
func New(_ Config, deps Deps) (*Service, error) {
	return &Service{deps: deps}, nil
}

// Routes adds the public API: none yet.
func (s *Service) Routes(fiber.Router) {}

// InternalRoutes adds what other services call: nothing yet.
func (s *Service) InternalRoutes(fiber.Router) {}

// Checks are what must work for the service to be ready.
func (s *Service) Checks() []httpapi.Check {
	if s.deps.Objects == nil {
		return nil
	}
	return []httpapi.Check{{Name: "s3", Check: s.deps.Objects.Ready}}
}

// Run looks after the bucket until ctx is done.
func (s *Service) Run(ctx context.Context) error {
	s.deps.Telemetry.Log.InfoContext(ctx, "media has no API in this version")
	if s.deps.Objects == nil {
		<-ctx.Done()
		return nil
	}
	return s.deps.Objects.Run(ctx) //nolint:wrapcheck // it says itself what it was doing
}
