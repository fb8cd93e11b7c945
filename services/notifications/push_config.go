package notifications

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/services/notifications/internal/push/vapid"
	"github.com/ism-chat/ism/services/notifications/internal/push/webpush"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/guard"
	"github.com/ism-chat/ism/services/notifications/store"
)

// PushConfig is the configuration of push, which is off where nothing is set.
type PushConfig struct {
	Topic           string        `envconfig:"TOPIC" desc:"the Kafka topic, of this cluster, to which goes what users without a stream are to be told, for a sender of your own; it must be there; empty: none"`
	Webhooks        bool          `envconfig:"WEBHOOKS" default:"false" desc:"whether that goes to webhooks of type dev.ism.push.requested without a topic, too; with a topic it does in any case"`
	Grace           time.Duration `envconfig:"GRACE" default:"5s" desc:"how long push waits for a user to come back or to read, before it tells; from 0s to 8s"`
	TTL             time.Duration `envconfig:"TTL" default:"24h" desc:"how long push services try to reach a device; up to 672h"`
	Preview         string        `envconfig:"PREVIEW" default:"full" desc:"what Web Push says of a message: full: its sender and its text; sender; none: its room alone"`
	AllowHTTP       bool          `envconfig:"ALLOW_HTTP" default:"false" desc:"whether subscriptions may have endpoints of http, for development"`
	AllowedNetworks []string      `envconfig:"ALLOWED_NETWORKS" desc:"networks beside the public internet in which push services may be, for example 10.1.0.0/16, comma-separated; empty: none"`
}

// handsOff reports whether a sender of the operator's is told.
func (c PushConfig) handsOff() bool { return c.Topic != "" || c.Webhooks }

const (
	maxGrace = 8 * time.Second // as long as a consumer may take to end
	maxTTL   = 28 * 24 * time.Hour
)

// Validate implements [config.Validator].
func (c PushConfig) Validate() []config.Fault {
	var faults []config.Fault
	fault := func(wrong bool, variable, format string, args ...any) {
		if wrong {
			faults = append(faults, config.Fault{Variable: variable, Problem: fmt.Sprintf(format, args...)})
		}
	}
	fault(strings.HasPrefix(c.Topic, "ism."), "TOPIC", "%q is not possible: topics that begin with ism. are those of this suite", c.Topic)
	fault(c.Grace < 0 || c.Grace > maxGrace, "GRACE", "%s is not possible; allowed: 0s to %s", c.Grace, maxGrace)
	fault(c.TTL < 0 || c.TTL > maxTTL, "TTL", "%s is not possible; allowed: 0s to %s", c.TTL, maxTTL)
	fault(!slices.Contains(webpush.Previews(), webpush.Preview(c.Preview)), "PREVIEW", "%q is unknown; allowed: full, sender, none", c.Preview)
	_, err := c.policy()
	fault(err != nil, "ALLOWED_NETWORKS", "%v", err)
	return faults
}

func (c PushConfig) policy() (guard.Policy, error) {
	return guard.ParsePolicy(c.AllowHTTP, c.AllowedNetworks)
}

// VAPIDConfig says by what push services know this installation (RFC 8292).
type VAPIDConfig struct {
	Subject    string        `envconfig:"SUBJECT" desc:"whom push services tell of trouble, for example mailto:ops@example.com or https://example.com/contact; empty: there is no Web Push"`
	PublicKey  string        `envconfig:"PUBLIC_KEY" desc:"the public key, base64url; empty: a pair is made once and kept in the store"`
	PrivateKey config.Secret `envconfig:"PRIVATE_KEY" desc:"the private key to it, base64url"`
}

// Validate implements [config.Validator].
func (c VAPIDConfig) Validate() []config.Fault {
	var faults []config.Fault
	if c.Subject != "" && !validSubject(c.Subject) {
		faults = append(faults, config.Fault{Variable: "SUBJECT", Problem: fmt.Sprintf("%q is neither mailto: with an address nor an https URL", c.Subject)})
	}
	if c.PublicKey != "" || c.PrivateKey.Reveal() != "" {
		if err := vapid.Check(c.given()); err != nil {
			variable := "PUBLIC_KEY"
			if errors.Is(err, vapid.ErrPrivate) {
				variable = "PRIVATE_KEY"
			}
			faults = append(faults, config.Fault{Variable: variable, Problem: err.Error()})
		}
	}
	return faults
}

func (c VAPIDConfig) given() store.VAPIDKeys {
	return store.VAPIDKeys{Public: c.PublicKey, Private: c.PrivateKey.Reveal()}
}

func validSubject(subject string) bool {
	parsed, err := url.Parse(subject)
	switch {
	case err != nil:
		return false
	case parsed.Scheme == "mailto":
		_, domain, found := strings.Cut(parsed.Opaque, "@")
		return found && domain != ""
	default:
		return parsed.Scheme == "https" && parsed.Hostname() != ""
	}
}
