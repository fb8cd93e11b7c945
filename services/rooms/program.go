package rooms

import (
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	libpostgres "github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/services/rooms/store/postgres"
)

// ProgramConfig is all that the service's own program is configured with.
type ProgramConfig struct {
	deployable.Config
	Rooms struct {
		Config
		Migrate  libpostgres.Migrate `envconfig:"MIGRATE" default:"auto" was:"ISM_ROOMS_POSTGRES_MIGRATE" desc:"auto: bring Postgres's schema up to date at start; check: wait, not ready, until it is; off: do not look at it; true and false are auto and check"`
		Postgres libpostgres.Config
	}
}

// Validate says where settings do not go together.
func (c *ProgramConfig) Validate() []config.Fault { return c.Rooms.Within(c.HTTP) }

// Build makes the service as its own program runs it: on Postgres.
func Build(cfg *ProgramConfig, host *deployable.Host) (deployable.Service, error) {
	rows, err := postgres.New(cfg.Rooms.Postgres, cfg.Rooms.Migrate, host.Telemetry)
	if err != nil {
		return nil, err
	}
	return New(cfg.Rooms.Config, Deps{Store: rows, Bus: host.Bus, Verifier: host.Verifier, Telemetry: host.Telemetry})
}
