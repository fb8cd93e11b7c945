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

// Within says where the settings do not go with those of the listener: a request must be given the time that Kafka may take. Variables in the faults
// begin behind ISM_. A listener that takes smaller bodies than the largest request refuses what is larger, 413.
func (c Config) Within(listener httpapi.Config) []config.Fault {
	if c.LogTimeout < listener.HandlerTimeout {
		return nil
	}
	return []config.Fault{{Variable: "NOTIFICATIONS_LOG_TIMEOUT", Problem: fmt.Sprintf(
		"%s does not go with ISM_HTTP_HANDLER_TIMEOUT, %s: a notification would be given up before Kafka is", c.LogTimeout, listener.HandlerTimeout)}}
}
