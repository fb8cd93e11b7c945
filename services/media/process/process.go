// Package process runs the media service as a deployable of its own, on an S3-compatible object store.
package process

import (
	"context"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/media"
	"github.com/ism-chat/ism/services/media/objects"
)

// Config is all that the deployable is configured with.
type Config struct {
	deployable.Config
	Media struct {
		media.Config
		S3 objects.Config
	}
}

// Run runs the deployable until ctx is done.
func Run(ctx context.Context) error {
	var cfg Config
	if err := deployable.Load(&cfg, &cfg.Config); err != nil {
		return err
	}
	host, err := deployable.New(ctx, "media", cfg.Config)
	if err != nil {
		return err
	}
	bucket, err := objects.New(cfg.Media.S3, host.Telemetry)
	if err != nil {
		return err
	}
	service, err := media.New(cfg.Media.Config, media.Deps{Objects: bucket, Telemetry: host.Telemetry})
	if err != nil {
		return err
	}
	return host.Run(ctx, []deployable.Service{service})
}
