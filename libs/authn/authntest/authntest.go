// Package authntest is an OpenID Connect issuer for tests: it serves discovery and keys over HTTP and signs tokens shaped
// like Keycloak's.
package authntest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Issuer is an issuer that lives as long as its test.
type Issuer struct {
	// URL is the issuer's name in tokens and the address at which it is reached.
	URL string
	// Give gives the token to whoever asks for one: alice's, unless a test sets it.
	Give func() string

	mu         sync.Mutex
	keys       []signer // the last one signs
	announced  string
	jwksURI    string
	down       bool
	keyFetches int
}

type signer struct {
	id  string
	key crypto.Signer
}

// New starts an issuer with one ES256 key, key-1.
func New(tb testing.TB) *Issuer {
	tb.Helper()
	i := &Issuer{}
	server := httptest.NewServer(http.HandlerFunc(i.serve))
	tb.Cleanup(server.Close)
	i.URL = server.URL + "/realms/ism"
	i.announced = i.URL
	i.jwksURI = i.URL + "/protocol/openid-connect/certs"
	i.Give = func() string { return i.Token(tb, uuid.New(), "alice") }
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	i.AddKey("key-1", key)
	return i
}

// AddKey publishes a key, an RSA or P-256 one, and signs with it from now on.
func (i *Issuer) AddKey(id string, key crypto.Signer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, signer{id: id, key: key})
}

// DropKey no longer publishes a key.
func (i *Issuer) DropKey(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var kept []signer
	for _, s := range i.keys {
		if s.id != id {
			kept = append(kept, s)
		}
	}
	i.keys = kept
}

// Announce makes the discovery document speak for another issuer, with the key set at another URL. Tokens follow.
func (i *Issuer) Announce(issuer, jwksURI string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.announced, i.jwksURI = issuer, jwksURI
}

// SetDown makes the issuer answer every request with 503, or ends that.
func (i *Issuer) SetDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// KeyFetches is how often the key set has been asked for.
func (i *Issuer) KeyFetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keyFetches
}

// Audience is the one that the issuer gives its tokens, as Keycloak does.
const Audience = "account"

// Config is the configuration of a verifier that trusts the issuer.
func (i *Issuer) Config() authn.Config {
	return authn.Config{Issuer: i.URL, Audience: []string{Audience}, Leeway: 30 * time.Second}
}

// Verifier gives a running verifier that trusts the issuer and has its keys. The test stops it when it ends.
func (i *Issuer) Verifier(tb testing.TB, tel *telemetry.Telemetry) *authn.Verifier {
	tb.Helper()
	return Start(tb, i.Config(), tel)
}

// Start runs a verifier until the test ends, and waits until it has keys.
func Start(tb testing.TB, cfg authn.Config, tel *telemetry.Telemetry) *authn.Verifier {
	tb.Helper()
	verifier, err := authn.New(cfg, tel)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- verifier.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("run the verifier: %v", err)
		}
	})
	deadline, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for {
		err := verifier.Ready(deadline)
		if err == nil {
			return verifier
		}
		select {
		case <-poll.C:
		case <-deadline.Done():
			tb.Fatalf("the verifier did not become ready: %v", err)
		}
	}
}

// Claims are those of a genuine access token of a user, valid for an hour.
func (i *Issuer) Claims(user uuid.UUID, name string) jwt.MapClaims {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now()
	return jwt.MapClaims{
		"exp": now.Add(time.Hour).Unix(),
		"iat": now.Unix(),
		"jti": uuid.NewString(),
		"iss": i.announced,
		"aud": Audience,
		"sub": user.String(),
		"typ": "Bearer",
		"azp": "ism-web",

		"preferred_username": name,
		"email_verified":     true,
		"name":               name,
	}
}

// Token is a genuine access token of a user, valid for an hour.
func (i *Issuer) Token(tb testing.TB, user uuid.UUID, name string) string {
	tb.Helper()
	return i.Sign(tb, i.Claims(user, name))
}

// Sign makes a token of any claims, signed with the issuer's last key.
func (i *Issuer) Sign(tb testing.TB, claims jwt.Claims) string {
	tb.Helper()
	return i.SignHeader(tb, nil, claims)
}

// SignHeader is Sign with further header parameters.
func (i *Issuer) SignHeader(tb testing.TB, header map[string]any, claims jwt.Claims) string {
	tb.Helper()
	i.mu.Lock()
	s := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	method, err := methodOf(s.key)
	if err != nil {
		tb.Fatal(err)
	}
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = s.id
	for name, value := range header {
		token.Header[name] = value
	}
	signed, err := token.SignedString(s.key)
	if err != nil {
		tb.Fatal(err)
	}
	return signed
}

// SignRaw appends the signature to a header and a payload that are given as they appear in the token, right or wrong.
func (i *Issuer) SignRaw(tb testing.TB, unsigned string) string {
	tb.Helper()
	i.mu.Lock()
	s := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	method, err := methodOf(s.key)
	if err != nil {
		tb.Fatal(err)
	}
	signature, err := method.Sign(unsigned, s.key)
	if err != nil {
		tb.Fatal(err)
	}
	return unsigned + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func methodOf(key crypto.Signer) (jwt.SigningMethod, error) {
	switch key.(type) {
	case *rsa.PrivateKey:
		return jwt.SigningMethodRS256, nil
	case *ecdsa.PrivateKey:
		return jwt.SigningMethodES256, nil
	default:
		return nil, errors.New("neither an RSA nor an ECDSA key")
	}
}

// OtherAddress is where the issuer is reached, too, under another name than it gives itself.
func (i *Issuer) OtherAddress() string { return strings.Replace(i.URL, "127.0.0.1", "localhost", 1) }

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/realms/ism/protocol/openid-connect/token" {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": i.Give(), "expires_in": 60})
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/realms/ism/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.announced, "jwks_uri": i.jwksURI})
	case "/realms/ism/protocol/openid-connect/certs":
		i.keyFetches++
		document, err := i.published(r.Context())
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(document)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (i *Issuer) published(ctx context.Context) (json.RawMessage, error) {
	set := jwkset.NewMemoryStorage()
	for _, s := range i.keys {
		method, err := methodOf(s.key)
		if err != nil {
			return nil, err
		}
		key, err := jwkset.NewJWKFromKey(s.key.Public(), jwkset.JWKOptions{
			Metadata: jwkset.JWKMetadataOptions{KID: s.id, ALG: jwkset.ALG(method.Alg()), USE: jwkset.UseSig},
		})
		if err != nil {
			return nil, err
		}
		if err := set.KeyWrite(ctx, key); err != nil {
			return nil, err
		}
	}
	return set.JSONPublic(ctx)
}
