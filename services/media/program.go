package media

import (
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/lifecycle"
	libpostgres "github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/services/media/access"
	"github.com/ism-chat/ism/services/media/objects/s3"
	"github.com/ism-chat/ism/services/media/store/postgres"
)

// ProgramConfig is all that the service's own program is configured with.
type ProgramConfig struct {
	deployable.Config
	Media struct {
		Config
		S3       s3.Config
		Rooms    access.RoomsConfig
		Messages access.MessagesConfig
		Migrate  libpostgres.Migrate `envconfig:"MIGRATE" default:"auto" desc:"auto: bring Postgres's schema up to date at start; check: wait, not ready, until it is; off: do not look at it"`
		Postgres libpostgres.Config
	}
}

// Build makes the service as its own program runs it: on Postgres and an S3-compatible object store.
func Build(cfg *ProgramConfig, host *deployable.Host) (deployable.Service, error) {
	bucket, err := s3.New(cfg.Media.S3, host.Telemetry)
	if err != nil {
		return nil, err
	}
	rows, err := postgres.New(cfg.Media.Postgres, cfg.Media.Migrate, host.Telemetry)
	if err != nil {
		return nil, err
	}
	rooms, messages := access.NewRoomsClient(cfg.Media.Rooms, host.Credential, host.Telemetry), access.NewMessagesClient(cfg.Media.Messages, host.Credential, host.Telemetry)
	host.Add(lifecycle.Part{Name: "connections to rooms", Run: rooms.Run})
	host.Add(lifecycle.Part{Name: "connections to messages", Run: messages.Run})
	return New(cfg.Media.Config, Deps{
		Objects: bucket, Rows: rows, Rooms: rooms, Messages: messages, Bus: host.Bus, Verifier: host.Verifier, Telemetry: host.Telemetry,
	})
}
