// Package process runs the realtime service as a deployable of its own.
package process

import (
	"context"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/realtime"
)

// Config is all that the deployable is configured with.
type Config struct {
	deployable.Config
	Realtime realtime.Config
}

// Run runs the deployable until ctx is done.
func Run(ctx context.Context) error {
	var cfg Config
	if err := deployable.Load(&cfg, &cfg.Config); err != nil {
		return err
	}
	host, err := deployable.New(ctx, "realtime", cfg.Config)
	if err != nil {
		return err
	}
	service, err := realtime.New(cfg.Realtime, realtime.Deps{
		Telemetry: host.Telemetry, Verifier: host.Verifier, Bus: host.Bus,
	})
	if err != nil {
		return err
	}
	return host.Run(ctx, []deployable.Service{service})
}
