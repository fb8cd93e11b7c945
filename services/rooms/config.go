package rooms

import (
	"fmt"

	"github.com/ism-chat/ism/libs/config"
)

// Config is the service's own configuration.
type Config struct {
	MaxMembers int `envconfig:"MAX_MEMBERS" default:"1000" desc:"most users that a room may have, 2 to 10000"`
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
	return faults
}
