package rooms

import (
	"fmt"

	"github.com/ism-chat/ism/libs/config"
)

// Config is the service's own configuration.
type Config struct {
	MaxMembers int   `envconfig:"MAX_MEMBERS" default:"1000" desc:"most users that a room may have, 2 to 10000"`
	Epoch      int32 `envconfig:"EPOCH" default:"0" desc:"epoch of the log ism.rooms; raise it, in messages too, when that topic had to be rebuilt"`
}

const (
	fewestMembers = 2
	mostMembers   = 10_000
)

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.MaxMembers < fewestMembers || c.MaxMembers > mostMembers {
		faults = append(faults, config.Fault{
			Variable: "MAX_MEMBERS", Problem: fmt.Sprintf("%d is out of range; allowed: %d to %d", c.MaxMembers, fewestMembers, mostMembers),
		})
	}
	if c.Epoch < 0 {
		faults = append(faults, config.Fault{Variable: "EPOCH", Problem: fmt.Sprintf("%d is out of range; allowed: 0 or above", c.Epoch)})
	}
	return faults
}
