package kafkain

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
)

// Config says where notifications come from.
type Config struct {
	Topic string `envconfig:"TOPIC" default:"user-notification-events" desc:"topic that notifications are read from; it is the backends', and neither made nor altered here"`
	Group string `envconfig:"GROUP" default:"ism.notifications.in" desc:"consumer group that reads it; one that is new begins with the first record that the topic has"`
	// Brokers are whose topic it is. Without them the suite's are, and nothing of what follows is used.
	Brokers          []string `envconfig:"BROKERS" desc:"bootstrap brokers that have the topic, host:port, comma-separated; empty: those of ISM_KAFKA_BROKERS, with all that goes with them"`
	ClientID         string   `envconfig:"CLIENT_ID" default:"ism" desc:"name that these brokers log"`
	SecurityProtocol string   `envconfig:"SECURITY_PROTOCOL" default:"plaintext" desc:"of these brokers: plaintext, ssl, sasl_plaintext or sasl_ssl"`
	bus.Security
}

// DefaultGroup is the group unless another one is configured.
const DefaultGroup = "ism.notifications.in"

// ofSuite is what the names of the suite's own topics and groups begin with.
const ofSuite = "ism."

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	fault := func(variable, format string, args ...any) {
		faults = append(faults, config.Fault{Variable: variable, Problem: fmt.Sprintf(format, args...)})
	}
	switch {
	case !topicName.MatchString(c.Topic):
		fault("TOPIC", "%q is no name of a topic", c.Topic)
	case strings.HasPrefix(c.Topic, ofSuite):
		fault("TOPIC", "%q is one of the suite's own, which begin with %s", c.Topic, ofSuite)
	}
	if c.Group == "" || strings.HasPrefix(c.Group, ofSuite) && c.Group != DefaultGroup {
		fault("GROUP", "%q is not possible: it must have a name that does not begin with %s, or be %s", c.Group, ofSuite, DefaultGroup)
	}
	if len(c.Brokers) > 0 {
		return append(faults, c.bus().Validate()...)
	}
	set := c.Set()
	if c.SecurityProtocol != "plaintext" && c.SecurityProtocol != "" {
		set = append(set, "SECURITY_PROTOCOL")
	}
	for _, variable := range set {
		fault(variable, "is not used without BROKERS beside it: the brokers are then those of ISM_KAFKA_BROKERS")
	}
	return faults
}

// bus is the configuration of a bus to the brokers.
func (c Config) bus() bus.Config {
	return bus.Config{Brokers: c.Brokers, ClientID: c.ClientID, SecurityProtocol: c.SecurityProtocol, Security: c.Security, Replication: 1}
}
