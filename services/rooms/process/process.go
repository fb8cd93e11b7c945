// Package process runs the rooms service as a deployable of its own, on Postgres.
package process

import (
	"context"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/rooms"
	"github.com/ism-chat/ism/services/rooms/store/postgres"
)

// Config is all that the deployable is configured with.
type Config struct {
	deployable.Config
	Rooms struct {
		rooms.Config
		Postgres postgres.Config
	}
}

// Run runs the deployable until ctx is done.
func Run(ctx context.Context) error {
	var cfg Config
	if err := deployable.Load(&cfg, &cfg.Config); err != nil {
		return err
	}
	host, err := deployable.New(ctx, "rooms", cfg.Config)
	if err != nil {
		return err
	}
	rows, err := postgres.New(cfg.Rooms.Postgres, host.Telemetry)
	if err != nil {
		return err
	}
	service, err := rooms.New(cfg.Rooms.Config, rooms.Deps{
		Store: rows, Bus: host.Bus, Verifier: host.Verifier, Telemetry: host.Telemetry,
	})
	if err != nil {
		return err
	}
	return host.Run(ctx, []deployable.Service{service})
}
