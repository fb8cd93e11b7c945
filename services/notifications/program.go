package notifications

import (
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/lifecycle"
	libpostgres "github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/services/notifications/internal/tenants"
	"github.com/ism-chat/ism/services/notifications/store/postgres"
)

// ProgramConfig is all that the service's own program is configured with.
type ProgramConfig struct {
	deployable.Config
	Notifications struct {
		Config
		Rooms    tenants.Config
		Migrate  libpostgres.Migrate `envconfig:"MIGRATE" default:"auto" desc:"auto: bring Postgres's schema up to date at start; check: wait, not ready, until it is; off: do not look at it"`
		Postgres libpostgres.Config
	}
}

// Validate says where settings do not go together.
func (c *ProgramConfig) Validate() []config.Fault { return c.Notifications.Within(c.HTTP) }

// Build makes the service as its own program runs it: on Postgres, asking rooms over HTTP.
func Build(cfg *ProgramConfig, host *deployable.Host) (deployable.Service, error) {
	rows, err := postgres.New(cfg.Notifications.Postgres, cfg.Notifications.Migrate, host.Telemetry)
	if err != nil {
		return nil, err
	}
	rooms := tenants.NewClient(cfg.Notifications.Rooms, host.Credential, host.Telemetry)
	host.Add(lifecycle.Part{Name: "connections to rooms", Run: rooms.Run})
	return New(cfg.Notifications.Config, Deps{Store: rows, Bus: host.Bus, Rooms: rooms, Verifier: host.Verifier, Telemetry: host.Telemetry})
}
