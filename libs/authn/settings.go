package authn

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ism-chat/ism/libs/authn/subject"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/loopback"
)

// Config is part of a deployable's configuration, under OIDC: which issuer's tokens are accepted, and which of them. What is said of the
// one issuer here is said of further ones in a file, see [Config.Issuers].
type Config struct {
	Issuer  string `envconfig:"ISSUER" desc:"the issuer that tokens carry, for example https://id.example.com/realms/ism"`
	Address string `envconfig:"ADDRESS" desc:"where the issuer is reached, if not at its own URL, for example http://keycloak:8080/realms/ism"`

	Audience      []string `envconfig:"AUDIENCE" desc:"a token must carry at least one of these in aud; any: aud is not checked. This or ISM_OIDC_CLIENTS is required beside an issuer, as an issuer has other applications, too; where both are set, both count"`
	Clients       []string `envconfig:"CLIENTS" desc:"a token must be of one of these clients (azp, else client_id), or of ISM_OIDC_BACKEND_CLIENTS; any: it is not checked"`
	LogoutClients []string `envconfig:"LOGOUT_CLIENTS" desc:"the clients whose logout tokens count (aud), where the issuer calls /api/oidc/backchannel-logout when somebody signs out; empty: those of ISM_OIDC_CLIENTS and ISM_OIDC_AUDIENCE; any: it is not checked"`
	RequiredScope string   `envconfig:"REQUIRED_SCOPE" desc:"a scope or a role without which a token may do nothing at all: in scope, scp, roles or realm_access.roles; that of a backend needs it, too; empty: none is needed"`

	Subjects     subject.How `envconfig:"SUBJECTS" default:"as-is" desc:"how a user's id is made of sub: as-is (a UUID is the id, of another text the UUIDv5 in the issuer's namespace), derived (always the UUIDv5: for an issuer whose users choose their sub), or uuid (a UUID is the id, another text is refused). Choose it before the first user: another way makes other users of all"`
	NameClaims   []string    `envconfig:"NAME_CLAIMS" default:"name,preferred_username" desc:"the claims that a user's display name is in, the first that has a text counts; names are exact: a dot or a slash is part of one"`
	PictureClaim string      `envconfig:"PICTURE_CLAIM" default:"picture" desc:"the claim that the address of a user's picture is in"`
	TenantClaim  string      `envconfig:"TENANT_CLAIM" desc:"the claim that says which tenant a token belongs to, for an installation that serves many apart; a token without it is of the tenant without a name; empty: there is that one alone"`
	Tenant       string      `ignored:"true"` // of all tokens of an issuer in the file that names one; TenantClaim is empty then

	AdminRole      string   `envconfig:"ADMIN_ROLE" default:"ism-admin" desc:"tokens with this role or scope may call /api/admin: in roles, realm_access.roles, scope or scp; empty: none may"`
	BackendClients []string `envconfig:"BACKEND_CLIENTS" desc:"tokens of these clients (azp, else client_id) speak for the backend, as those with the admin role do: they may manage users; list only clients that get tokens for themselves, as the tokens that users get through a client name it too"`

	IssuersFile string `envconfig:"ISSUERS_FILE" desc:"a file that names further issuers whose tokens are accepted, as JSON, see docs/identity.md; it is read at the start"`

	Algorithms      []string      `envconfig:"ALGORITHMS" default:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA" desc:"signature algorithms that are accepted, asymmetric ones only"`
	Leeway          time.Duration `envconfig:"LEEWAY" default:"30s" desc:"tolerance for exp and nbf, at most 5m"`
	MaxTokenLife    time.Duration `envconfig:"MAX_TOKEN_LIFE" default:"168h" desc:"how long a token may be valid, from iat, or from now where it has none, to exp: one of a longer life is refused; 1m to 87600h"`
	RefreshInterval time.Duration `envconfig:"REFRESH_INTERVAL" default:"5m" desc:"how often the issuer's keys are fetched, at least 5s; a token with an unknown key id makes it happen sooner"`
	MaxKeyAge       time.Duration `envconfig:"MAX_KEY_AGE" default:"24h" desc:"how long the issuer's keys are trusted after it last answered: requests are answered with 503 from then on, until it answers again; at least twice ISM_OIDC_REFRESH_INTERVAL"`
}

const (
	maxLeeway       = 5 * time.Minute
	defaultRefresh  = 5 * time.Minute
	defaultTokenAge = 7 * 24 * time.Hour
	defaultKeyAge   = 24 * time.Hour
	minTokenLife    = time.Minute
	maxTokenLife    = 10 * 365 * 24 * time.Hour

	// anyone in place of audiences or clients says aloud that they are not checked.
	anyone = "any"
)

// asymmetric are the algorithms that may be configured. With a symmetric one, whoever can verify a token can forge one.
func asymmetric() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// MissingIssuer is the fault of a configuration without an issuer. Validate does not report it: the one process may do without an issuer.
func MissingIssuer() config.Fault {
	return config.Fault{Variable: "ISM_OIDC_ISSUER", Problem: "is required: the issuer that tokens carry, for example https://id.example.com/realms/ism"}
}

// MissingAudience is the fault of a configuration that does not say which of an issuer's tokens are meant. Validate does not report it, as
// without an issuer there is nothing to say; [New] does.
func MissingAudience() config.Fault {
	return config.Fault{
		Variable: "ISM_OIDC_AUDIENCE",
		Problem: "is required, or ISM_OIDC_CLIENTS: the audience that the issuer gives tokens for ISM, or the clients that may get them. " +
			"Without either the token of every other application of the issuer would do, too: where that is meant, say any",
	}
}

// ForAnyone reports whether the tokens of every application of the issuer are accepted.
func (c Config) ForAnyone() bool { return len(c.audiences())+len(c.clients()) == 0 }

// settled reports whether it is said whose tokens are accepted, be it everyone's.
func (c Config) settled() bool { return len(c.Audience)+len(c.Clients) > 0 }

// audiences are those of which a token must have one; none: that is not checked.
func (c Config) audiences() []string { return unlessAnyone(c.Audience) }

// clients are those of which a token must be; none: that is not checked.
func (c Config) clients() []string {
	listed := unlessAnyone(c.Clients)
	if len(listed) == 0 {
		return nil
	}
	return slices.Concat(listed, c.BackendClients)
}

func unlessAnyone(names []string) []string {
	if slices.Contains(names, anyone) {
		return nil
	}
	return names
}

// Refusal says why a token of such audiences and such a client is not accepted; nil: it is.
func (c Config) Refusal(audience []string, client string) error {
	wanted := c.audiences()
	if len(wanted) > 0 && !slices.ContainsFunc(wanted, func(name string) bool { return slices.Contains(audience, name) }) {
		return fmt.Errorf("the token is for the audience %q, not for one of %q", clipAll(audience), wanted)
	}
	if listed := c.clients(); len(listed) > 0 && (client == "" || !slices.Contains(listed, client)) {
		return fmt.Errorf("the token is of the client %q, not of one of %q", clip(client), listed)
	}
	return nil
}

// clipAll cuts foreign texts for the log.
func clipAll(texts []string) string { return clip(strings.Join(texts, " ")) }

// LongestLife is how long after it was issued a token may be accepted, at most: leeway counts for its life and for its end.
func (c Config) LongestLife() time.Duration {
	return cmp.Or(c.MaxTokenLife, defaultTokenAge) + 2*c.Leeway
}

// Plain reports whether the issuer is reached without TLS by a name that is not of this machine: who is on the way can take tokens.
func (c Config) Plain() bool {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Scheme != "http" {
		return false
	}
	return !loopback.Named(u.Hostname())
}

// Validate is part of loading the configuration. An empty issuer is not a fault here, because the one-process deployable
// supplies its own; [New] insists on one.
func (c Config) Validate() []config.Fault {
	faults := c.validate()
	if c.IssuersFile != "" {
		if _, err := c.further(); err != nil {
			faults = append(faults, config.Fault{Variable: "ISSUERS_FILE", Problem: err.Error()})
		}
	}
	return faults
}

// validate looks at what is said of one issuer.
func (c Config) validate() []config.Fault {
	return slices.Concat(c.addressFaults(), c.choiceFaults(), c.claimFaults(), c.durationFaults())
}

func (c Config) addressFaults() []config.Fault {
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
	return faults
}

// choiceFaults are those of the settings that say whose tokens are accepted, and for what.
func (c Config) choiceFaults() []config.Fault {
	var faults []config.Fault
	for _, list := range []struct {
		variable string
		names    []string
	}{{"AUDIENCE", c.Audience}, {"CLIENTS", c.Clients}, {"LOGOUT_CLIENTS", c.LogoutClients}} {
		if slices.Contains(list.names, anyone) && len(list.names) > 1 {
			faults = append(faults, config.Fault{Variable: list.variable, Problem: fmt.Sprintf("says %s and %d more; allowed: %s alone, or names alone", anyone, len(list.names)-1, anyone)})
		}
		if slices.Contains(list.names, "") {
			faults = append(faults, config.Fault{Variable: list.variable, Problem: "has an empty name; allowed: names with commas between them"})
		}
	}
	if strings.ContainsFunc(c.RequiredScope, isSpace) {
		faults = append(faults, config.Fault{Variable: "REQUIRED_SCOPE", Problem: fmt.Sprintf("%q is several; allowed: one scope or role", c.RequiredScope)})
	}
	if slices.Contains(c.BackendClients, "") {
		faults = append(faults, config.Fault{Variable: "BACKEND_CLIENTS", Problem: "has an empty name; allowed: names of clients with commas between them"})
	}
	return faults
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }

// claimFaults are those of the settings that name claims.
func (c Config) claimFaults() []config.Fault {
	var faults []config.Fault
	if c.Subjects != "" && !slices.Contains(subject.Hows(), c.Subjects) {
		faults = append(faults, config.Fault{Variable: "SUBJECTS", Problem: fmt.Sprintf("%q is none of them; allowed: as-is, derived, uuid", c.Subjects)})
	}
	if slices.Contains(registeredClaims(), c.TenantClaim) {
		faults = append(faults, config.Fault{Variable: "TENANT_CLAIM", Problem: fmt.Sprintf("%q has another meaning; allowed: the name of a claim of its own", c.TenantClaim)})
	}
	for _, name := range c.NameClaims {
		if name == "" || slices.Contains(registeredClaims(), name) {
			faults = append(faults, config.Fault{Variable: "NAME_CLAIMS", Problem: fmt.Sprintf("%q is no name; allowed: names of claims that have one", name)})
		}
	}
	if slices.Contains(registeredClaims(), c.PictureClaim) {
		faults = append(faults, config.Fault{Variable: "PICTURE_CLAIM", Problem: fmt.Sprintf("%q has another meaning; allowed: the name of a claim of its own", c.PictureClaim)})
	}
	return faults
}

func (c Config) durationFaults() []config.Fault {
	var faults []config.Fault
	if c.Leeway < 0 || c.Leeway > maxLeeway {
		faults = append(faults, config.Fault{Variable: "LEEWAY", Problem: fmt.Sprintf("%s is out of range; allowed: 0s to %s", c.Leeway, maxLeeway)})
	}
	if c.MaxTokenLife != 0 && (c.MaxTokenLife < minTokenLife || c.MaxTokenLife > maxTokenLife) {
		faults = append(faults, config.Fault{Variable: "MAX_TOKEN_LIFE", Problem: fmt.Sprintf("%s is out of range; allowed: %s to %s", c.MaxTokenLife, minTokenLife, maxTokenLife)})
	}
	refresh := cmp.Or(c.RefreshInterval, defaultRefresh)
	if refresh < fetchGap {
		faults = append(faults, config.Fault{Variable: "REFRESH_INTERVAL", Problem: fmt.Sprintf("%s is too short; allowed: %s or longer", c.RefreshInterval, fetchGap)})
	} else if cmp.Or(c.MaxKeyAge, defaultKeyAge) < 2*refresh {
		faults = append(faults, config.Fault{Variable: "MAX_KEY_AGE", Problem: fmt.Sprintf(
			"%s does not go with ISM_OIDC_REFRESH_INTERVAL, %s: one fetch that fails would refuse every token; allowed: twice that or longer", cmp.Or(c.MaxKeyAge, defaultKeyAge), refresh)})
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

// withDefaults fills what is empty where a configuration was not read from an environment.
func (c Config) withDefaults() Config {
	if len(c.Algorithms) == 0 {
		c.Algorithms = asymmetric()
	}
	if len(c.NameClaims) == 0 {
		c.NameClaims = []string{"name", "preferred_username"}
	}
	c.PictureClaim = cmp.Or(c.PictureClaim, "picture")
	c.Subjects = cmp.Or(c.Subjects, subject.AsIs)
	c.RefreshInterval = cmp.Or(c.RefreshInterval, defaultRefresh)
	c.MaxTokenLife = cmp.Or(c.MaxTokenLife, defaultTokenAge)
	c.MaxKeyAge = cmp.Or(c.MaxKeyAge, defaultKeyAge)
	return c
}
