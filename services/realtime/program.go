package realtime

import (
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
)

// ProgramConfig is all that the service's own program is configured with.
type ProgramConfig struct {
	deployable.Config
	Realtime Config
}

// Validate says where settings do not go together.
func (c *ProgramConfig) Validate() []config.Fault { return c.Realtime.Within(c.Lifecycle) }

// Build makes the service as its own program runs it.
func Build(cfg *ProgramConfig, host *deployable.Host) (deployable.Service, error) {
	return New(cfg.Realtime, Deps{Telemetry: host.Telemetry, Verifier: host.Verifier, Bus: host.Bus, SignOuts: host.SignOuts, Draining: host.Draining()})
}
