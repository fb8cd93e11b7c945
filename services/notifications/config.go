package notifications

import (
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/httpapi"
)

// Config is the service's own configuration.
type Config struct {
	LogTimeout time.Duration `envconfig:"LOG_TIMEOUT" default:"4s" desc:"how long a notification waits for Kafka: shorter stalls are waited out; while it stands still for longer, notifications are refused at once, and nothing of them is written"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	if c.LogTimeout <= 0 {
		return []config.Fault{{Variable: "LOG_TIMEOUT", Problem: "must be above 0"}}
	}
	return nil
}

// Within says where the settings do not go with those of the listener: the largest request must fit, and be given the time that Kafka may take. Variables
// in the faults begin behind ISM_.
func (c Config) Within(listener httpapi.Config) []config.Fault {
	var faults []config.Fault
	if listener.BodyLimit < largestRequest {
		faults = append(faults, config.Fault{Variable: "HTTP_BODY_LIMIT", Problem: fmt.Sprintf(
			"%d is too small for a message of %d bytes to %d users; allowed: %d bytes or more", listener.BodyLimit, maxMessage, maxUsers, largestRequest)})
	}
	if c.LogTimeout >= listener.HandlerTimeout {
		faults = append(faults, config.Fault{Variable: "NOTIFICATIONS_LOG_TIMEOUT", Problem: fmt.Sprintf(
			"%s does not go with ISM_HTTP_HANDLER_TIMEOUT, %s: a notification would be given up before Kafka is", c.LogTimeout, listener.HandlerTimeout)})
	}
	return faults
}
