package realtime

import "github.com/ism-chat/ism/libs/deployable"

// ProgramConfig is all that the service's own program is configured with.
type ProgramConfig struct {
	deployable.Config
	Realtime Config
}

// Build makes the service as its own program runs it.
func Build(cfg *ProgramConfig, host *deployable.Host) (deployable.Service, error) {
	return New(cfg.Realtime, Deps{Telemetry: host.Telemetry, Verifier: host.Verifier, Bus: host.Bus, Draining: host.Draining()})
}
