package notifications

import (
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/httpapi"
)

// Config is the service's own configuration.
type Config struct {
	Retention  time.Duration `envconfig:"RETENTION" default:"2160h" desc:"how long inboxes keep what happened, in whole days; from 24h to 9600h"`
	LogTimeout time.Duration `envconfig:"LOG_TIMEOUT" default:"4s" desc:"how long a notification waits for Kafka: shorter stalls are waited out; while it stands still for longer, notifications are refused at once, and nothing of them is written"`
	Push       PushConfig
	VAPID      VAPIDConfig
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.LogTimeout <= 0 {
		faults = append(faults, config.Fault{Variable: "LOG_TIMEOUT", Problem: "must be above 0"})
	}
	if c.Retention < day || c.Retention > maxRetention || c.Retention%day != 0 {
		faults = append(faults, config.Fault{Variable: "RETENTION", Problem: fmt.Sprintf("%s is not possible; allowed: whole days from 24h to 9600h", c.Retention)})
	}
	return faults
}

const (
	day = 24 * time.Hour
	// maxRetention keeps an inbox within some 60 tables: one for each week.
	maxRetention = 400 * day
)

// Within says where the settings do not go with those of the listener: a request must be given the time that Kafka may take. Variables in the faults
// begin behind ISM_. A listener that takes smaller bodies than the largest request refuses what is larger, 413.
func (c Config) Within(listener httpapi.Config) []config.Fault {
	if c.LogTimeout < listener.HandlerTimeout {
		return nil
	}
	return []config.Fault{{Variable: "NOTIFICATIONS_LOG_TIMEOUT", Problem: fmt.Sprintf(
		"%s does not go with ISM_HTTP_HANDLER_TIMEOUT, %s: a notification would be given up before Kafka is", c.LogTimeout, listener.HandlerTimeout)}}
}
