package notifications

import (
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/services/notifications/internal/tenants"
)

// ProgramConfig is all that the service's own program is configured with.
type ProgramConfig struct {
	deployable.Config
	Notifications struct {
		Config
		Rooms tenants.Config
	}
}

// Validate says where settings do not go together.
func (c *ProgramConfig) Validate() []config.Fault { return c.Notifications.Within(c.HTTP) }

// Build makes the service as its own program runs it, asking rooms over HTTP.
func Build(cfg *ProgramConfig, host *deployable.Host) (deployable.Service, error) {
	rooms := tenants.NewClient(cfg.Notifications.Rooms, host.Telemetry)
	host.Add(lifecycle.Part{Name: "connections to rooms", Run: rooms.Run})
	return New(cfg.Notifications.Config, Deps{Bus: host.Bus, Rooms: rooms, Verifier: host.Verifier, Telemetry: host.Telemetry})
}
