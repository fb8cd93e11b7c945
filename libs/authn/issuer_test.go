package authn_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/config"
)

// The issuer that tokens carry and the address at which it is reached may differ, as between containers.
func TestIssuerAtAnotherAddress(t *testing.T) {
	for name, jwksURI := range map[string]string{
		"keys under the issuer":         "https://id.example.com/realms/ism/protocol/openid-connect/certs",
		"keys elsewhere at its origin":  "https://id.example.com/realms/ism/protocol/openid-connect/certs",
		"keys already named as reached": "",
		"the issuer has a slash, too":   "https://id.example.com/realms/ism/protocol/openid-connect/certs",
		"the issuer is a server's root": "https://id.example.com/protocol/openid-connect/certs",
	} {
		t.Run(name, func(t *testing.T) {
			issuer := authntest.New(t)
			cfg := issuer.Config()
			cfg.Issuer, cfg.Address = "https://id.example.com/realms/ism", issuer.URL
			switch {
			case strings.HasSuffix(name, "too"):
				cfg.Issuer += "/"
			case strings.HasSuffix(name, "origin"):
				cfg.Issuer = "https://id.example.com/auth"
			case strings.HasSuffix(name, "root"):
				cfg.Issuer = "https://id.example.com"
			}
			if jwksURI == "" {
				jwksURI = issuer.URL + "/protocol/openid-connect/certs"
			}
			issuer.Announce(cfg.Issuer, jwksURI)
			verifier := authntest.Start(t, cfg, silent())
			if _, err := verifier.Verify(t.Context(), issuer.Token(t, uuid.New(), "alice")); err != nil {
				t.Error(err)
			}
			claims := issuer.Claims(uuid.New(), "alice")
			claims["iss"] = issuer.URL
			refuse(t, verifier, issuer.Sign(t, claims))
		})
	}
}

// A document that cannot be trusted leaves the verifier without keys, and says why.
func TestFaultyIssuers(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	rsaJWK := func(n *big.Int, more string) string {
		return fmt.Sprintf(`{"kty":"RSA","kid":"k","e":"AQAB","n":%q%s}`, base64.RawURLEncoding.EncodeToString(n.Bytes()), more)
	}
	good := rsaKey(t).N
	for name, test := range map[string]struct {
		discovery, keys, want string
	}{
		"another issuer":     {discovery: `{"issuer":"http://elsewhere/realms/ism","jwks_uri":"SELF/keys"}`, want: "speaks for the issuer"},
		"no issuer":          {discovery: `{"jwks_uri":"SELF/keys"}`, want: "speaks for the issuer"},
		"no key set":         {discovery: `{"issuer":"SELF"}`, want: "names the key set"},
		"key set in a file":  {discovery: `{"issuer":"SELF","jwks_uri":"file:///etc/passwd"}`, want: "not an http or https URL"},
		"no JSON":            {discovery: `<html>`, want: "other JSON than expected"},
		"a huge document":    {discovery: `{"issuer":"` + strings.Repeat("a", 2<<20) + `"}`, want: "more than 1048576 bytes"},
		"no keys":            {keys: `{"keys":[]}`, want: "none of the 0"},
		"a weak key":         {keys: `{"keys":[` + rsaJWK(weak.N, "") + `]}`, want: "none of the 1"},
		"an encryption key":  {keys: `{"keys":[` + rsaJWK(good, `,"use":"enc"`) + `]}`, want: "none of the 1"},
		"a key to sign only": {keys: `{"keys":[` + rsaJWK(good, `,"key_ops":["sign"]`) + `]}`, want: "none of the 1"},
		"a symmetric key":    {keys: `{"keys":[{"kty":"oct","kid":"k","k":"c2VjcmV0"}]}`, want: "none of the 1"},
		"a point off curve":  {keys: `{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":"AQ","y":"AQ"}]}`, want: "none of the 1"},
		"too many keys":      {keys: `{"keys":[` + strings.Repeat(rsaJWK(good, "")+",", 64) + rsaJWK(good, "") + `]}`, want: "more than 64"},
	} {
		t.Run(name, func(t *testing.T) {
			var self string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				document := test.keys
				if strings.HasSuffix(r.URL.Path, "openid-configuration") {
					if document = test.discovery; document == "" {
						document = `{"issuer":"SELF","jwks_uri":"SELF/keys"}`
					}
				}
				_, _ = w.Write([]byte(strings.ReplaceAll(document, "SELF", self)))
			}))
			defer server.Close()
			self = server.URL
			tel, journal := logged()
			verifier, err := authn.New(authn.Config{Issuer: self, Audience: []string{"any"}}, tel)
			if err != nil {
				t.Fatal(err)
			}
			ready := runUntil(t, verifier, func(err error) bool { return errors.Is(err, authn.ErrNoKeys) && err.Error() != authn.ErrNoKeys.Error() })
			if !strings.Contains(ready.Error(), test.want) {
				t.Errorf("not ready because of %q, want %q", ready, test.want)
			}
			if !strings.Contains(journal.String(), "level=WARN") || strings.Contains(journal.String(), "level=ERROR") {
				t.Error("the log does not warn")
			}
			if _, err := verifier.Verify(t.Context(), authntest.New(t).Token(t, uuid.New(), "alice")); !errors.Is(err, authn.ErrNoKeys) {
				t.Errorf("Verify says %v", err)
			}
		})
	}
}

// One key that cannot be used does not take the others with it.
func TestUnusableKeysAreLeftOut(t *testing.T) {
	issuer := authntest.New(t)
	response, err := http.Get(issuer.URL + "/protocol/openid-connect/certs")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	set.Keys = append([]json.RawMessage{
		json.RawMessage(`{"kty":"future","kid":"f"}`),
		json.RawMessage(`{"kty":"OKP","crv":"Ed448","x":"AA","kid":"g"}`),
		json.RawMessage(`{"kty":"RSA","kid":"h","n":"!","e":"AQAB"}`),
	}, set.Keys...)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(set)
	}))
	defer server.Close()
	issuer.Announce(issuer.URL, server.URL)
	verifier := issuer.Verifier(t, silent())
	if _, err := verifier.Verify(t.Context(), issuer.Token(t, uuid.New(), "alice")); err != nil {
		t.Error(err)
	}
}

// While the issuer is down, its tokens are verified with the keys that it had.
func TestAnOutageOfTheIssuer(t *testing.T) {
	issuer := authntest.New(t)
	verifier := issuer.Verifier(t, silent())
	issuer.SetDown(true)
	for range 2 {
		if _, err := verifier.Verify(t.Context(), issuer.Token(t, uuid.New(), "alice")); err != nil {
			t.Errorf("a genuine token is refused: %v", err)
		}
	}
	refuse(t, verifier, issuer.SignHeader(t, map[string]any{"kid": "unknown"}, issuer.Claims(uuid.New(), "mallory")))
	if err := verifier.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
}

func TestConfigurationFaults(t *testing.T) {
	issuer := "https://id.example.com/realms/ism"
	for name, test := range map[string]struct {
		cfg  authn.Config
		want []string
	}{
		"no issuer":            {authn.Config{}, []string{"ISM_OIDC_ISSUER"}},
		"no URL":               {authn.Config{Issuer: "keycloak"}, []string{"ISM_OIDC_ISSUER"}},
		"a file":               {authn.Config{Issuer: "file:///x"}, []string{"ISM_OIDC_ISSUER"}},
		"a query":              {authn.Config{Issuer: issuer + "?x=y"}, []string{"ISM_OIDC_ISSUER"}},
		"a user":               {authn.Config{Issuer: "https://me:secret@id.example.com"}, []string{"ISM_OIDC_ISSUER"}},
		"address":              {authn.Config{Issuer: issuer, Address: ":8080"}, []string{"ISM_OIDC_ADDRESS"}},
		"HS256":                {authn.Config{Issuer: issuer, Algorithms: []string{"RS256", "HS256"}}, []string{"ISM_OIDC_ALGORITHMS"}},
		"none":                 {authn.Config{Issuer: issuer, Algorithms: []string{"none"}}, []string{"ISM_OIDC_ALGORITHMS"}},
		"small letters":        {authn.Config{Issuer: issuer, Algorithms: []string{"rs256"}}, []string{"ISM_OIDC_ALGORITHMS"}},
		"leeway of an hour":    {authn.Config{Issuer: issuer, Leeway: 3600e9}, []string{"ISM_OIDC_LEEWAY"}},
		"negative leeway":      {authn.Config{Issuer: issuer, Leeway: -1}, []string{"ISM_OIDC_LEEWAY"}},
		"refresh every second": {authn.Config{Issuer: issuer, RefreshInterval: 1e9}, []string{"ISM_OIDC_REFRESH_INTERVAL"}},
		"all at once":          {authn.Config{Algorithms: []string{"HS384"}, Leeway: -1}, []string{"ISM_OIDC_ALGORITHMS", "ISM_OIDC_LEEWAY", "ISM_OIDC_ISSUER", "ISM_OIDC_AUDIENCE"}},
		"nobody's tokens":      {authn.Config{Issuer: issuer}, []string{"ISM_OIDC_AUDIENCE"}},
		"any, and others":      {authn.Config{Issuer: issuer, Audience: []string{"any"}}, []string{"ISM_OIDC_AUDIENCE"}},
		"any client, others":   {authn.Config{Issuer: issuer, Clients: []string{"a", "any"}}, []string{"ISM_OIDC_CLIENTS"}},
		"an empty client":      {authn.Config{Issuer: issuer, Clients: []string{""}}, []string{"ISM_OIDC_CLIENTS"}},
		"two scopes":           {authn.Config{Issuer: issuer, RequiredScope: "a b"}, []string{"ISM_OIDC_REQUIRED_SCOPE"}},
		"unknown subjects":     {authn.Config{Issuer: issuer, Subjects: "v4"}, []string{"ISM_OIDC_SUBJECTS"}},
		"iat as a name":        {authn.Config{Issuer: issuer, NameClaims: []string{"name", "iat"}}, []string{"ISM_OIDC_NAME_CLAIMS"}},
		"aud as a picture":     {authn.Config{Issuer: issuer, PictureClaim: "aud"}, []string{"ISM_OIDC_PICTURE_CLAIM"}},
		"tokens of a second":   {authn.Config{Issuer: issuer, MaxTokenLife: 1e9}, []string{"ISM_OIDC_MAX_TOKEN_LIFE"}},
		"tokens of a century":  {authn.Config{Issuer: issuer, MaxTokenLife: 100 * 365 * 24 * time.Hour}, []string{"ISM_OIDC_MAX_TOKEN_LIFE"}},
		"keys of five minutes": {authn.Config{Issuer: issuer, MaxKeyAge: 5 * time.Minute}, []string{"ISM_OIDC_MAX_KEY_AGE"}},
		"keys, rarely fetched": {authn.Config{Issuer: issuer, RefreshInterval: 13 * time.Hour}, []string{"ISM_OIDC_MAX_KEY_AGE"}},
		"no file of issuers":   {authn.Config{Issuer: issuer, IssuersFile: "/nowhere"}, []string{"ISM_OIDC_ISSUERS_FILE"}},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "all at once" && name != "nobody's tokens" {
				test.cfg.Audience = append(test.cfg.Audience, "ism")
			}
			_, err := authn.New(test.cfg, silent())
			var faults config.Faults
			if !errors.As(err, &faults) {
				t.Fatalf("got %T", err)
			}
			var got []string
			for _, fault := range faults {
				got = append(got, fault.Variable)
				if strings.Contains(fault.Problem, "secret") {
					t.Errorf("the fault shows a password: %s", fault.Problem)
				}
			}
			if strings.Join(got, " ") != strings.Join(test.want, " ") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Several verifiers may share a process and its registry.
func TestVerifiersShareMetrics(t *testing.T) {
	tel := silent()
	for range 2 {
		if _, err := authn.New(authn.Config{Issuer: "https://id.example.com", Audience: []string{"ism"}}, tel); err != nil {
			t.Fatal(err)
		}
	}
}

// runUntil runs a verifier until what Ready says satisfies the condition, and gives that.
func runUntil(t *testing.T, verifier *authn.Verifier, satisfied func(error) bool) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- verifier.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	return await(t, func() (error, bool) {
		err := verifier.Ready(ctx)
		return err, satisfied(err)
	})
}
