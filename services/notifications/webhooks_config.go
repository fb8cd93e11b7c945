package notifications

import (
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/guard"
)

// WebhooksConfig is the configuration of webhooks.
type WebhooksConfig struct {
	Timeout         time.Duration `envconfig:"TIMEOUT" default:"15s" desc:"how long a receiver may take, from resolving its name to the end of its answer; up to 30s"`
	AtOnce          int           `envconfig:"AT_ONCE" default:"500" desc:"webhooks that a process sends at once; no fewer than all endpoints take together, so that none waits for the answers of others"`
	MaxEndpoints    int           `envconfig:"MAX_ENDPOINTS" default:"100" desc:"endpoints that there can be"`
	DisableAfter    time.Duration `envconfig:"DISABLE_AFTER" default:"120h" desc:"after how long an endpoint is disabled that takes nothing; from 1h"`
	Retention       time.Duration `envconfig:"RETENTION" default:"168h" desc:"how long deliveries are kept once they are settled; what waits for so long, as its endpoint is paused or down, is given up; from 96h"`
	AllowHTTP       bool          `envconfig:"ALLOW_HTTP" default:"false" desc:"whether endpoints may have URLs of http, for development"`
	AllowedNetworks []string      `envconfig:"ALLOWED_NETWORKS" desc:"networks beside the public internet to which webhooks are sent, for example 10.1.0.0/16, comma-separated; empty: none"`
}

// leastRetention is longer than a webhook is tried.
const leastRetention = 96 * time.Hour

// Validate implements [config.Validator].
func (c WebhooksConfig) Validate() []config.Fault {
	var faults []config.Fault
	fault := func(wrong bool, variable, format string, args ...any) {
		if wrong {
			faults = append(faults, config.Fault{Variable: variable, Problem: fmt.Sprintf(format, args...)})
		}
	}
	fault(c.Timeout < time.Millisecond || c.Timeout > 30*time.Second, "TIMEOUT", "%s is not possible; allowed: up to 30s", c.Timeout)
	fault(c.AtOnce < 1 || c.AtOnce > 10_000, "AT_ONCE", "%d is not possible; allowed: 1 to 10000", c.AtOnce)
	fault(c.MaxEndpoints < 0, "MAX_ENDPOINTS", "%d is below 0", c.MaxEndpoints)
	fault(c.DisableAfter < time.Hour, "DISABLE_AFTER", "%s is too short; allowed: 1h or longer", c.DisableAfter)
	fault(c.Retention < leastRetention, "RETENTION", "%s is too short; allowed: 96h or longer, as webhooks are tried for so long", c.Retention)
	_, err := c.policy()
	fault(err != nil, "ALLOWED_NETWORKS", "%v", err)
	return faults
}

func (c WebhooksConfig) policy() (guard.Policy, error) {
	return guard.ParsePolicy(c.AllowHTTP, c.AllowedNetworks)
}
