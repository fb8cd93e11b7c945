package messages

import (
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/services/messages/membership"
)

// Config is the service's own configuration.
type Config struct {
	LogTimeout          time.Duration     `envconfig:"LOG_TIMEOUT" default:"4s" desc:"how long a send waits for Kafka: shorter stalls are waited out; while a partition stands still for longer, sends to its rooms are refused at once, and nothing of them is written"`
	WriteThroughTimeout time.Duration     `envconfig:"WRITE_THROUGH_TIMEOUT" default:"500ms" desc:"how long a send waits for the timeline before it leaves the write to the consumer group"`
	Members             membership.Config `envconfig:"MEMBERS"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.LogTimeout <= 0 {
		faults = append(faults, config.Fault{Variable: "LOG_TIMEOUT", Problem: "must be above 0"})
	}
	if c.WriteThroughTimeout <= 0 {
		faults = append(faults, config.Fault{Variable: "WRITE_THROUGH_TIMEOUT", Problem: "must be above 0"})
	}
	return faults
}
