package notifications

import (
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/notifications/internal/hooks"
	"github.com/ism-chat/ism/services/notifications/internal/intake"
	"github.com/ism-chat/ism/services/notifications/internal/kafkain"
)

// Config is the service's own configuration.
type Config struct {
	Retention    time.Duration     `envconfig:"RETENTION" default:"2160h" desc:"how long inboxes keep what happened, in whole days; from 24h to 9600h"`
	LogTimeout   time.Duration     `envconfig:"LOG_TIMEOUT" default:"4s" desc:"how long a notification waits for Kafka: shorter stalls are waited out; while it stands still for longer, notifications are refused at once, and nothing of them is written"`
	UnknownUsers string            `envconfig:"UNKNOWN_USERS" default:"keep" desc:"what becomes of notifications for users whom rooms does not know: keep, for when they come for the first time; refuse, which asks rooms about each. A backend of a tenant is refused all but the users of its tenant in any case"`
	Hooks        config.Secret     `envconfig:"HOOKS" desc:"who may send webhooks to /hooks/SOURCE, and how each signs: source=whsec_…, comma-separated; while a secret is replaced a source is there twice"`
	HooksFile    config.SecretFile `of:"HOOKS"`
	KafkaIn      bool              `envconfig:"KAFKA_IN" default:"false" desc:"whether notifications are read from a Kafka topic, too, see KAFKA_IN_TOPIC and what follows it"`
	KafkaInFrom  kafkain.Config    `envconfig:"KAFKA_IN"`
	Webhooks     WebhooksConfig
	Push         PushConfig
	VAPID        VAPIDConfig
}

// What becomes of notifications for unknown users.
const (
	keepUnknown   = "keep"
	refuseUnknown = "refuse"
)

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.LogTimeout <= 0 {
		faults = append(faults, config.Fault{Variable: "LOG_TIMEOUT", Problem: "must be above 0"})
	}
	if c.Retention < day || c.Retention > maxRetention || c.Retention%day != 0 {
		faults = append(faults, config.Fault{Variable: "RETENTION", Problem: fmt.Sprintf("%s is not possible; allowed: whole days from 24h to 9600h", c.Retention)})
	}
	if c.UnknownUsers != keepUnknown && c.UnknownUsers != refuseUnknown {
		faults = append(faults, config.Fault{Variable: "UNKNOWN_USERS", Problem: fmt.Sprintf("%q is unknown; allowed: keep, refuse", c.UnknownUsers)})
	}
	if _, err := hooks.Parse(c.Hooks.Reveal()); err != nil {
		faults = append(faults, config.Fault{Variable: "HOOKS", Problem: err.Error()})
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
	if c.LogTimeout+intake.RoomsTimeout <= listener.HandlerTimeout {
		return nil
	}
	return []config.Fault{{Variable: "NOTIFICATIONS_LOG_TIMEOUT", Problem: fmt.Sprintf(
		"%s does not go with ISM_HTTP_HANDLER_TIMEOUT, %s, and %s for rooms: a notification would be given up before Kafka is", c.LogTimeout,
		listener.HandlerTimeout, intake.RoomsTimeout)}}
}
