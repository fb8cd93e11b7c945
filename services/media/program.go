package media

import (
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/media/objects"
)

// ProgramConfig is all that the service's own program is configured with.
type ProgramConfig struct {
	deployable.Config
	Media struct {
		Config
		S3 objects.Config
	}
}

// Build makes the service as its own program runs it: on an S3-compatible object store.
func Build(cfg *ProgramConfig, host *deployable.Host) (deployable.Service, error) {
	bucket, err := objects.New(cfg.Media.S3, host.Telemetry)
	if err != nil {
		return nil, err
	}
	return New(cfg.Media.Config, Deps{Objects: bucket, Telemetry: host.Telemetry})
}
