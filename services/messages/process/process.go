// Package process runs the messages service as a deployable of its own.
package process

import (
	"context"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/messages/membership"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
)

// Config is all that the deployable is configured with.
type Config struct {
	deployable.Config
	Messages struct {
		messages.Config
		Rooms     membership.ClientConfig
		Cassandra cassandra.Config
	}
}

// Run runs the deployable until ctx is done.
func Run(ctx context.Context) error {
	var cfg Config
	if err := deployable.Load(&cfg, &cfg.Config); err != nil {
		return err
	}
	host, err := deployable.New(ctx, "messages", cfg.Config)
	if err != nil {
		return err
	}
	timelines, err := cassandra.New(cfg.Messages.Cassandra, host.Telemetry)
	if err != nil {
		return err
	}
	rooms := membership.NewClient(cfg.Messages.Rooms, host.Telemetry)
	defer rooms.Close()
	service, err := messages.New(cfg.Messages.Config, messages.Deps{
		Store:     timelines,
		Rooms:     rooms,
		Bus:       host.Bus,
		Verifier:  host.Verifier,
		Telemetry: host.Telemetry,
	})
	if err != nil {
		return err
	}
	return host.Run(ctx, []deployable.Service{service})
}
