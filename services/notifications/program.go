package notifications

import "github.com/ism-chat/ism/libs/deployable"

// ProgramConfig is all that the service's own program is configured with.
type ProgramConfig struct {
	deployable.Config
	Notifications Config
}

// Build makes the service as its own program runs it.
func Build(cfg *ProgramConfig, host *deployable.Host) (deployable.Service, error) {
	return New(cfg.Notifications, Deps{Telemetry: host.Telemetry})
}
