// Package process runs the media service as a deployable of its own.
package process

import (
	"context"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/media"
)

// Config is all that the deployable is configured with.
type Config struct {
	deployable.Config
	Media media.Config
}

// Run runs the deployable until ctx is done.
func Run(ctx context.Context) error {
	var cfg Config
	if err := config.Load(&cfg); err != nil {
		return err
	}
	host, err := deployable.New(ctx, "media", cfg.Config)
	if err != nil {
		return err
	}
	service, err := media.New(cfg.Media, media.Deps{Telemetry: host.Telemetry})
	if err != nil {
		return err
	}
	return host.Run(ctx, []deployable.Service{service})
}
