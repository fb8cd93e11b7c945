// Package authn verifies the access tokens of an OpenID Connect issuer.
package authn

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
)

// Config is part of a deployable's configuration, under OIDC.
type Config struct {
	Issuer     string        `envconfig:"ISSUER" desc:"the issuer that tokens carry, for example https://id.example.com/realms/ism"`
	Address    string        `envconfig:"ADDRESS" desc:"where the issuer is reached, if not at its own URL, for example http://keycloak:8080/realms/ism"`
	Audience   []string      `envconfig:"AUDIENCE" desc:"a token must carry at least one of these in aud; empty: aud is not checked"`
	Algorithms []string      `envconfig:"ALGORITHMS" default:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA" desc:"signature algorithms that are accepted, asymmetric ones only"`
	Leeway     time.Duration `envconfig:"LEEWAY" default:"30s" desc:"tolerance for exp and nbf"`
}

// Principal is the user or client that a token speaks for.
type Principal struct {
	UserID    uuid.UUID // sub
	Username  string    // preferred_username, else name, else ""
	Picture   string    // picture, or ""
	ClientID  string    // azp, or ""
	ExpiresAt time.Time // exp
}

// Verifier checks tokens against an issuer's keys.
type Verifier struct{}

// New makes a verifier. It reaches for nothing: Run does.
func New(cfg Config, tel *telemetry.Telemetry) (*Verifier, error) { panic("skeleton") }

// Run fetches the issuer's keys, again and again, until ctx is done. It is a lifecycle part.
func (v *Verifier) Run(ctx context.Context) error { panic("skeleton") }

// Ready reports whether keys have been fetched.
func (v *Verifier) Ready(ctx context.Context) error { panic("skeleton") }

// Verify checks a token. Every error means the same 401; its text is for the log.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) { panic("skeleton") }

// Require is the middleware that lets only requests with a valid bearer token through.
func (v *Verifier) Require() fiber.Handler { panic("skeleton") }

// Caller is the principal of a request that has passed Require. It panics where Require is missing: a wiring fault.
func Caller(c *fiber.Ctx) Principal { panic("skeleton") }
