// Package authn verifies the access tokens of OpenID Connect issuers: of one, or of several at once.
//
// A token is a JWT (RFC 7519) in the form of RFC 9068 or of Keycloak. It is verified with the keys that its issuer publishes
// (OpenID Connect Discovery 1.0, RFC 7517) and by nothing that the token itself points to: jku, x5u, jwk and x5c in its
// header have no meaning here.
package authn

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Principal is the user or client that a token speaks for.
type Principal struct {
	UserID    uuid.UUID // made of sub, see [subject.UserID]
	Username  string    // the first of [Config.NameClaims] that has a text, or ""; at most 255 characters, none of them a control character
	Picture   string    // the claim [Config.PictureClaim], an http or https URL, or ""
	ClientID  string    // azp, else client_id, else ""
	Tenant    string    // the configured claim, see [Config.TenantClaim], or the issuer's; at most 64 characters, or ""
	Issuer    string    // iss
	SessionID string    // sid, at most 255 bytes, or ""
	IssuedAt  time.Time // iat, to the microsecond, or zero: it is not known
	ExpiresAt time.Time // exp
	Admin     bool      // has the configured role or scope, see [Config.AdminRole]
	Backend   bool      // speaks for the backend: is an administrator's, or a client's of [Config.BackendClients]
}

// DisplayName is the name that others see: the username or, without one, the beginning of the id.
func (p Principal) DisplayName() string { return cmp.Or(p.Username, p.UserID.String()[:8]) }

// ErrNoKeys means that the token could not be verified: none of its issuer's keys have been fetched yet.
var ErrNoKeys = errors.New("no keys of the issuer have been fetched yet")

// ErrOldKeys means that the token could not be verified: its issuer has not been reached for longer than [Config.MaxKeyAge].
var ErrOldKeys = errors.New("the issuer has not been reached for too long for its keys to be trusted")

// ErrScope means that the token is valid, but lacks [Config.RequiredScope].
var ErrScope = errors.New("the token lacks the scope or role that is required")

// Verifier checks tokens against the keys of the issuers that are trusted.
type Verifier struct {
	then     fiber.Handler // behind Require; nil: none
	log      *slog.Logger
	trusted  []*trust
	accepted *acceptedTokens
	signOuts SignOuts // nil: nobody is signed out
	tokens   *prometheus.CounterVec
}

// New makes a verifier. It reaches for nothing but the file of further issuers: Run does. The error is a [config.Faults].
func New(cfg Config, tel *telemetry.Telemetry) (*Verifier, error) {
	if faults := Faults(cfg); len(faults) > 0 {
		return nil, faults
	}
	issuers, err := cfg.withDefaults().Issuers()
	if err != nil {
		return nil, err
	}
	accepted, err := newAcceptedTokens(cfg.Leeway)
	if err != nil {
		return nil, err
	}
	metrics := newMetrics(tel.Metrics)
	v := &Verifier{log: tel.Log, accepted: accepted, tokens: metrics.tokens}
	for _, issuer := range issuers {
		t, err := newTrust(issuer, tel.Log, metrics)
		if err != nil {
			return nil, err
		}
		v.trusted = append(v.trusted, t)
	}
	return v, nil
}

// Faults are all that keeps a configuration from being used, under the variables' whole names.
func Faults(cfg Config) config.Faults {
	var faults config.Faults
	for _, fault := range cfg.Validate() {
		fault.Variable = "ISM_OIDC_" + fault.Variable
		faults = append(faults, fault)
	}
	return append(faults, Missing(cfg)...)
}

// Missing are the faults of what a service cannot do without, which [Config.Validate] leaves to it.
func Missing(cfg Config) config.Faults {
	var faults config.Faults
	if cfg.Issuer == "" {
		faults = append(faults, MissingIssuer())
	}
	if !cfg.settled() {
		faults = append(faults, MissingAudience())
	}
	return faults
}

// Run fetches the issuers' keys, again and again, until ctx is done. It is a lifecycle part.
func (v *Verifier) Run(ctx context.Context) error {
	var fetching sync.WaitGroup
	for _, t := range v.trusted {
		t.warn(ctx)
		fetching.Go(func() { t.run(ctx) })
	}
	fetching.Wait()
	return nil
}

// Ready reports whether there are keys to verify tokens with, of one issuer at least: an outage of one must not be an outage of all. It
// stays nil through an outage until the keys are too old.
func (v *Verifier) Ready(context.Context) error {
	var faults []error
	for _, t := range v.trusted {
		err := t.keys.ready()
		if err == nil {
			return nil
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}
