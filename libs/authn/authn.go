// Package authn verifies the access tokens of an OpenID Connect issuer.
//
// A token is a JWT (RFC 7519) in the form of RFC 9068 or of Keycloak. It is verified with the keys that the issuer publishes
// (OpenID Connect Discovery 1.0, RFC 7517) and by nothing that the token itself points to: jku, x5u, jwk and x5c in its
// header have no meaning here.
package authn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Config is part of a deployable's configuration, under OIDC.
type Config struct {
	Issuer          string        `envconfig:"ISSUER" desc:"the issuer that tokens carry, for example https://id.example.com/realms/ism"`
	Address         string        `envconfig:"ADDRESS" desc:"where the issuer is reached, if not at its own URL, for example http://keycloak:8080/realms/ism"`
	Audience        []string      `envconfig:"AUDIENCE" desc:"a token must carry at least one of these in aud; empty: aud is not checked"`
	Algorithms      []string      `envconfig:"ALGORITHMS" default:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA" desc:"signature algorithms that are accepted, asymmetric ones only"`
	Leeway          time.Duration `envconfig:"LEEWAY" default:"30s" desc:"tolerance for exp and nbf, at most 5m"`
	AdminRole       string        `envconfig:"ADMIN_ROLE" default:"ism-admin" desc:"tokens with this role or scope may call /api/admin: in roles, realm_access.roles or scope; empty: none may"`
	BackendClients  []string      `envconfig:"BACKEND_CLIENTS" desc:"tokens of these clients (azp, else client_id) speak for the backend, as those with the admin role do: they may manage users; list only clients that get tokens for themselves, as the tokens that users get through a client name it too"`
	TenantClaim     string        `envconfig:"TENANT_CLAIM" desc:"the claim that says which tenant a token belongs to, for an installation that serves many apart; a token without it is of the tenant without a name; empty: there is that one alone"`
	RefreshInterval time.Duration `envconfig:"REFRESH_INTERVAL" default:"5m" desc:"how often the issuer's keys are fetched, at least 5s; a token with an unknown key id makes it happen sooner"`
}

const (
	maxLeeway      = 5 * time.Minute
	defaultRefresh = 5 * time.Minute
)

// asymmetric are the algorithms that may be configured. With a symmetric one, whoever can verify a token can forge one.
func asymmetric() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// MissingIssuer is the fault of a configuration without an issuer. Validate does not report it: the one process may do without an issuer.
func MissingIssuer() config.Fault {
	return config.Fault{Variable: "ISM_OIDC_ISSUER", Problem: "is required: the issuer that tokens carry, for example https://id.example.com/realms/ism"}
}

// Validate is part of loading the configuration. An empty issuer is not a fault here, because the one-process deployable
// supplies its own; [New] insists on one.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	for _, u := range []struct{ variable, value string }{{"ISSUER", c.Issuer}, {"ADDRESS", c.Address}} {
		if u.value == "" {
			continue
		}
		if err := checkURL(u.value); err != nil {
			faults = append(faults, config.Fault{Variable: u.variable, Problem: err.Error()})
		}
	}
	for _, alg := range c.Algorithms {
		if !slices.Contains(asymmetric(), alg) {
			faults = append(faults, config.Fault{
				Variable: "ALGORITHMS",
				Problem:  fmt.Sprintf("%q is not allowed; allowed: %s", alg, strings.Join(asymmetric(), ", ")),
			})
		}
	}
	if slices.Contains(c.BackendClients, "") {
		faults = append(faults, config.Fault{Variable: "BACKEND_CLIENTS", Problem: "has an empty name; allowed: names of clients with commas between them"})
	}
	if slices.Contains(registeredClaims(), c.TenantClaim) {
		faults = append(faults, config.Fault{Variable: "TENANT_CLAIM", Problem: fmt.Sprintf("%q has another meaning; allowed: the name of a claim of its own", c.TenantClaim)})
	}
	if c.Leeway < 0 || c.Leeway > maxLeeway {
		faults = append(faults, config.Fault{Variable: "LEEWAY", Problem: fmt.Sprintf("%s is out of range; allowed: 0s to %s", c.Leeway, maxLeeway)})
	}
	if c.RefreshInterval != 0 && c.RefreshInterval < fetchGap {
		faults = append(faults, config.Fault{Variable: "REFRESH_INTERVAL", Problem: fmt.Sprintf("%s is too short; allowed: %s or longer", c.RefreshInterval, fetchGap)})
	}
	return faults
}

// registeredClaims are those that say something else than a tenant, and differ from token to token (RFC 7519 section 4.1).
func registeredClaims() []string { return []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"} }

func checkURL(value string) error {
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("is no issuer URL; allowed: http or https with a host, without user, query and fragment")
	}
	return nil
}

// Principal is the user or client that a token speaks for.
type Principal struct {
	UserID    uuid.UUID // sub
	Username  string    // preferred_username, else name, else ""; at most 255 characters, none of them a control character
	Picture   string    // picture, an http or https URL, or ""
	ClientID  string    // azp, else client_id, else ""
	Tenant    string    // the configured claim, see [Config.TenantClaim]; at most 64 characters, or ""
	IssuedAt  time.Time // iat, to the microsecond, or zero: it is not known
	ExpiresAt time.Time // exp
	Admin     bool      // has the configured role or scope, see [Config.AdminRole]
	Backend   bool      // speaks for the backend: is an administrator's, or a client's of [Config.BackendClients]
}

// DisplayName is the name that others see: the username or, without one, the beginning of the id.
func (p Principal) DisplayName() string { return cmp.Or(p.Username, p.UserID.String()[:8]) }

// ErrNoKeys means that the token could not be verified, because no keys of the issuer have been fetched yet.
var ErrNoKeys = errors.New("no keys of the issuer have been fetched yet")

// Verifier checks tokens against an issuer's keys.
type Verifier struct {
	then     fiber.Handler // behind Require; nil: none
	log      *slog.Logger
	issuer   *issuer
	keys     *keySet
	keyOf    func(ctx context.Context) jwt.Keyfunc
	parser   *jwt.Parser
	accepted *acceptedTokens
	admin    string // role or scope of administrators; "": there are none
	backends []string
	tenant   string // name of the claim; "": there are no tenants
	tokens   *prometheus.CounterVec
}

// New makes a verifier. It reaches for nothing: Run does. The error is a [config.Faults].
func New(cfg Config, tel *telemetry.Telemetry) (*Verifier, error) {
	var faults config.Faults
	for _, fault := range cfg.Validate() {
		fault.Variable = "ISM_OIDC_" + fault.Variable
		faults = append(faults, fault)
	}
	if cfg.Issuer == "" {
		faults = append(faults, MissingIssuer())
	}
	if len(faults) > 0 {
		return nil, faults
	}
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = asymmetric()
	}
	if cfg.RefreshInterval == 0 {
		cfg.RefreshInterval = defaultRefresh
	}
	metrics := newMetrics(tel.Metrics)
	source := newIssuer(cfg.Issuer, cfg.Address, tel.Log)
	keys := newKeySet(source.keys, cfg.RefreshInterval, tel.Log, metrics.fetches)
	lookup, err := keyfunc.New(keyfunc.Options{Storage: keys})
	if err != nil {
		return nil, fmt.Errorf("prepare the key lookup: %w", err)
	}
	accepted, err := newAcceptedTokens(cfg.Leeway)
	if err != nil {
		return nil, err
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(cfg.Algorithms),
		jwt.WithIssuer(cfg.Issuer),
		jwt.WithLeeway(cfg.Leeway),
		jwt.WithExpirationRequired(),
		jwt.WithStrictDecoding(),
	}
	if len(cfg.Audience) > 0 {
		options = append(options, jwt.WithAudience(cfg.Audience...))
	}
	return &Verifier{
		log:      tel.Log,
		issuer:   source,
		keys:     keys,
		keyOf:    lookup.KeyfuncCtx,
		parser:   jwt.NewParser(options...),
		accepted: accepted,
		admin:    cfg.AdminRole,
		backends: cfg.BackendClients,
		tenant:   cfg.TenantClaim,
		tokens:   metrics.tokens,
	}, nil
}

// Run fetches the issuer's keys, again and again, until ctx is done. It is a lifecycle part.
func (v *Verifier) Run(ctx context.Context) error {
	defer v.issuer.client.CloseIdleConnections()
	v.keys.run(ctx)
	return nil
}

// Ready reports whether keys have been fetched. It stays nil through an outage of the issuer: the last keys serve on.
func (v *Verifier) Ready(context.Context) error { return v.keys.ready() }
