package notifications

import (
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
)

// ProgramConfig is all that the service's own program is configured with.
type ProgramConfig struct {
	deployable.Config
	Notifications Config
}

// Validate says where settings do not go together.
func (c *ProgramConfig) Validate() []config.Fault { return c.Notifications.Within(c.HTTP) }

// Build makes the service as its own program runs it.
func Build(cfg *ProgramConfig, host *deployable.Host) (deployable.Service, error) {
	return New(cfg.Notifications, Deps{Bus: host.Bus, Verifier: host.Verifier, Telemetry: host.Telemetry})
}
