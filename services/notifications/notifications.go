// Package notifications is the service of inboxes, custom notifications, signed webhooks and the hand-off to push.
//
// In this version it is a deployable that has configuration, health and telemetry and no API: whatever is asked of it
// answers 404, so that nothing seems to work that does not.
package notifications

import (
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Deps is what the service is handed.
type Deps struct {
	Telemetry *telemetry.Telemetry
}

// Service is the notifications service.
type Service struct {
	deps Deps
}

var _ deployable.Service = (*Service)(nil)

// New makes the service. It connects to nothing: its parts do.
func New(_ Config, deps Deps) (*Service, error) {
	return &Service{deps: deps}, nil
}

// Checks implements [deployable.Service]: there are none yet.
func (s *Service) Checks() []httpapi.Check { return nil }

// Parts implements [deployable.Service]: there are none yet.
func (s *Service) Parts() []lifecycle.Part { return nil }
