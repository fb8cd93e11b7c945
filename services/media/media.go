// Package media is the service of uploads to and downloads from S3, and the images of rooms.
//
// In this version it sees to its bucket, and has configuration, health and telemetry but no API: whatever is asked of it
// answers 404, so that nothing seems to work that does not.
package media

import (
	"context"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Objects is where media are kept.
type Objects interface {
	// Run sees to it that the store can be used, and returns when ctx is done.
	Run(ctx context.Context) error
	// Ready reports whether the store can be used.
	Ready(ctx context.Context) error
}

// Deps is what the service is handed.
type Deps struct {
	Objects   Objects // one of the service's parts; nil: it keeps none
	Telemetry *telemetry.Telemetry
}

// Service is the media service.
type Service struct {
	deps Deps
}

var _ deployable.Service = (*Service)(nil)

// New makes the service. It connects to nothing: its parts do.
func New(_ Config, deps Deps) (*Service, error) {
	return &Service{deps: deps}, nil
}

// Checks implements [deployable.Service].
func (s *Service) Checks() []httpapi.Check {
	if s.deps.Objects == nil {
		return nil
	}
	return []httpapi.Check{{Name: "s3", Check: s.deps.Objects.Ready}}
}

// Parts implements [deployable.Service].
func (s *Service) Parts() []lifecycle.Part {
	if s.deps.Objects == nil {
		return nil
	}
	return []lifecycle.Part{{Name: "media bucket", Run: s.deps.Objects.Run}}
}
