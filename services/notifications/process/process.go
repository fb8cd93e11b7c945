// Package process runs the notifications service as a deployable of its own.
package process

import (
	"context"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/notifications"
)

// Config is all that the deployable is configured with.
type Config struct {
	deployable.Config
	Notifications notifications.Config
}

// Run runs the deployable until ctx is done.
func Run(ctx context.Context) error {
	var cfg Config
	if err := deployable.Load(&cfg, &cfg.Config); err != nil {
		return err
	}
	host, err := deployable.New(ctx, "notifications", cfg.Config)
	if err != nil {
		return err
	}
	service, err := notifications.New(cfg.Notifications, notifications.Deps{Telemetry: host.Telemetry})
	if err != nil {
		return err
	}
	return host.Run(ctx, []deployable.Service{service})
}
