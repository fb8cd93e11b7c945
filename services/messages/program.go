package messages

import (
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/services/messages/attachments"
	"github.com/ism-chat/ism/services/messages/membership"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
)

// ProgramConfig is all that the service's own program is configured with.
type ProgramConfig struct {
	deployable.Config
	Messages struct {
		Config
		Migrate   cassandra.Migrate `envconfig:"MIGRATE" default:"auto" was:"ISM_MESSAGES_CASSANDRA_MIGRATE" desc:"auto: make the keyspace, and bring its schema up to date at start; check: wait, not ready, until it is; off: do not look at it; true and false are auto and check"`
		Rooms     membership.ClientConfig
		Media     attachments.ClientConfig
		Cassandra cassandra.Config
	}
}

// Validate says where settings do not go together.
func (c *ProgramConfig) Validate() []config.Fault { return c.Messages.Within(c.HTTP) }

// Build makes the service as its own program runs it: on Cassandra or ScyllaDB, asking rooms over HTTP.
func Build(cfg *ProgramConfig, host *deployable.Host) (deployable.Service, error) {
	timelines, err := cassandra.New(cfg.Messages.Cassandra, cfg.Messages.Migrate, host.Telemetry)
	if err != nil {
		return nil, err
	}
	rooms := membership.NewClient(cfg.Messages.Rooms, host.Credential, host.Telemetry)
	host.Add(lifecycle.Part{Name: "connections to rooms", Run: rooms.Run})
	media := attachments.NewClient(cfg.Messages.Media, host.Credential, host.Telemetry)
	host.Add(lifecycle.Part{Name: "connections to media", Run: media.Run})
	return New(cfg.Messages.Config, Deps{
		Store: timelines, Rooms: rooms, Media: media, Bus: host.Bus, Verifier: host.Verifier, Telemetry: host.Telemetry,
	})
}
