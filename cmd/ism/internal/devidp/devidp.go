// Package devidp is a development identity provider: it gives a token to anybody who knows a user's name.
//
// It is there so that a first look, development and tests need no Keycloak. It speaks as much of OpenID Connect as that
// takes: discovery and keys; the code flow with PKCE for browsers, where the sign-in asks for a name alone, with refresh tokens and signing out; the password grant,
// where the password is the user name; and the client credentials grant for the one backend client. Never expose it. It runs only where that is asked for ([Settings]); [Validate] refuses every listen
// address but loopback, and refuses to run beside a real issuer; and no page of it answers what was not asked on this machine.
package devidp

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/config"
)

const (
	// Path is where the provider is mounted, and the path of its issuer URL.
	Path = "/realms/ism"
	// Audience is that of its tokens, as of Keycloak's.
	Audience = "account"
	// BackendClient is the confidential client that may use the client credentials grant.
	BackendClient = "ism-backend"

	defaultSecret    = "ism-backend-secret" //nolint:gosec // known to everybody, as its package says
	defaultTokenLife = time.Hour
)

// Settings is the part of the configuration that an environment may set.
type Settings struct {
	Enabled       bool          `envconfig:"ENABLED" default:"false" desc:"run the development identity provider, which gives a token to anybody who knows a user's name, in place of ISM_OIDC_ISSUER: on loopback only, and for requests of this machine only"`
	BackendSecret config.Secret `envconfig:"BACKEND_SECRET" default:"ism-backend-secret" desc:"secret of the client ism-backend at the development identity provider"`
	TokenLife     time.Duration `envconfig:"TOKEN_LIFE" default:"1h" desc:"how long the development identity provider's tokens are valid, 1s to 24h"`
}

// Validate is part of loading the configuration.
func (s Settings) Validate() []config.Fault {
	if s.TokenLife != 0 && (s.TokenLife < time.Second || s.TokenLife > 24*time.Hour) {
		return []config.Fault{{Variable: "TOKEN_LIFE", Problem: fmt.Sprintf("%s is out of range; allowed: 1s to 24h", s.TokenLife)}}
	}
	return nil
}

// Config is what a provider is made of. Settings that are zero have their defaults.
type Config struct {
	Settings
	// Dir is the directory in which the signing key is kept.
	Dir string
	// Issuer is the URL of the provider as its clients reach it; its path is [Path].
	Issuer string
	// Log gets the warning that the provider is running. Nil: slog's default, because it has to be seen.
	Log *slog.Logger
}

// Provider is a running development identity provider.
type Provider struct {
	issuer    string
	secret    config.Secret
	tokenLife time.Duration
	log       *slog.Logger
	key       *rsa.PrivateKey
	keyID     string
	keys      json.RawMessage
	discovery json.RawMessage
	pages     *template.Template
	codes     codes
	sessions  sessions
}

// New makes a provider, with the key in the configured directory or, the first time, a new one.
func New(cfg Config) (*Provider, error) {
	if u, err := url.Parse(cfg.Issuer); err != nil || u.Host == "" || u.Path != Path || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("start the development identity provider: the issuer %q is no URL with the path %s", cfg.Issuer, Path)
	}
	if cfg.Dir == "" {
		return nil, errors.New("start the development identity provider: no directory for its key")
	}
	if cfg.BackendSecret == "" {
		cfg.BackendSecret = defaultSecret
	}
	if cfg.TokenLife == 0 {
		cfg.TokenLife = defaultTokenLife
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	key, err := loadKey(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("start the development identity provider: %w", err)
	}
	id := thumbprint(&key.PublicKey)
	keys, err := publish(&key.PublicKey, id)
	if err != nil {
		return nil, fmt.Errorf("start the development identity provider: publish its key: %w", err)
	}
	discovery, err := describe(cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("start the development identity provider: describe it: %w", err)
	}
	pages, err := template.New("page").Parse(formHTML)
	if err != nil {
		return nil, fmt.Errorf("start the development identity provider: read its page: %w", err)
	}
	cfg.Log.Warn("DEVELOPMENT IDENTITY PROVIDER IS RUNNING: anybody who reaches this port can be any user, the password is the user name. "+
		"Never use it in production: configure an issuer (ISM_OIDC_ISSUER) instead of ISM_DEV_IDP_ENABLED", "issuer", cfg.Issuer)
	return &Provider{
		issuer:    cfg.Issuer,
		secret:    cfg.BackendSecret,
		tokenLife: cfg.TokenLife,
		log:       cfg.Log,
		key:       key,
		keyID:     id,
		keys:      keys,
		discovery: discovery,
		pages:     pages,
	}, nil
}

// UserID is the sub of the user with the given name in this provider's tokens: the same everywhere and always.
func UserID(name string) uuid.UUID { return subject(canonical(name)) }

// subject is a name's UUIDv5. Clients share the namespace with users, under a name that no user can have.
func subject(name string) uuid.UUID {
	namespace := uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:ism:development-identity-provider"))
	return uuid.NewSHA1(namespace, []byte(name))
}

// Routes mounts the provider under [Path].
func (p *Provider) Routes(router fiber.Router) {
	realm := router.Group(Path, localOnly)
	realm.Get("/.well-known/openid-configuration", document(p.discovery))
	realm.Get("/protocol/openid-connect/certs", document(p.keys))
	realm.Post("/protocol/openid-connect/token", p.token)
	realm.Get("/protocol/openid-connect/auth", p.authorize)
	realm.Post("/protocol/openid-connect/auth", p.authorize)
	realm.Get("/protocol/openid-connect/logout", p.signOut)
	realm.Post("/protocol/openid-connect/logout", p.signOut)
}

func document(body json.RawMessage) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Status(http.StatusOK).Send(body)
	}
}

// describe makes the discovery document (OpenID Connect Discovery 1.0, section 3).
func describe(issuer string) (json.RawMessage, error) {
	endpoints := issuer + "/protocol/openid-connect"
	return json.Marshal(map[string]any{
		"issuer":                           issuer,
		"jwks_uri":                         endpoints + "/certs",
		"token_endpoint":                   endpoints + "/token",
		"authorization_endpoint":           endpoints + "/auth",
		"end_session_endpoint":             endpoints + "/logout",
		"grant_types_supported":            grants(),
		"response_types_supported":         []string{"code"},
		"response_modes_supported":         []string{"query"},
		"code_challenge_methods_supported": []string{"S256"},
		"scopes_supported":                 strings.Fields(mayBeAsked),
		"authorization_response_iss_parameter_supported": true,
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{string(jwkset.AlgRS256)},
		"token_endpoint_auth_methods_supported":          []string{"none", "client_secret_basic", "client_secret_post"},
		"claims_supported":                               []string{"aud", "azp", "email_verified", "exp", "iat", "iss", "jti", "name", "preferred_username", "sub", "typ"},
	})
}
