package checks

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/examine/examinetest"
	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

var (
	alice = User{Name: "alice", Token: passwordGrant("alice")}
	here  = examine.Target{URL: &url.URL{Scheme: "http", Host: "localhost:1"}}
)

// passwordGrant asks for alice's token (RFC 6749, section 4.3).
func passwordGrant(password string) func(ctx context.Context, client *http.Client, issuer string) (string, error) {
	return func(ctx context.Context, client *http.Client, issuer string) (string, error) {
		form := url.Values{"grant_type": {"password"}, "client_id": {"ism-web"}, "username": {"alice"}, "password": {password}, "scope": {"openid"}}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, issuer+"/protocol/openid-connect/token", strings.NewReader(form.Encode()))
		if err != nil {
			return "", err
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := client.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		var answer struct {
			Token string `json:"access_token"`
		}
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Token == "" {
			return "", fmt.Errorf("no token: status %d", response.StatusCode)
		}
		return answer.Token, nil
	}
}

// issuerFor gives the checks of a configured issuer.
func issuerFor(t *testing.T, user User, variables ...string) []examine.Check {
	t.Helper()
	var cfg struct{ OIDC authn.Config }
	found := examinetest.Survey(t, &cfg, variables...)
	return NewIssuer(cfg.OIDC, false, found, user, here, time.Now).Checks()
}

// onServer gives the checks of an issuer that is reached at another address than its name.
func onServer(t *testing.T, server *authntest.Issuer, variables ...string) []examine.Check {
	t.Helper()
	return issuerFor(t, alice, append(variables, "ISM_OIDC_ISSUER="+server.URL, "ISM_OIDC_ADDRESS="+server.OtherAddress())...)
}

func TestAGoodIssuer(t *testing.T) {
	issuer := authntest.New(t)
	for _, f := range examine.Run(t.Context(), onServer(t, issuer)) {
		examinetest.Expect(t, f, examine.OK)
	}
}

func TestAWrongIssuerIsNamed(t *testing.T) {
	issuer := authntest.New(t)
	issuer.Announce("http://keycloak:8080/realms/ism", issuer.URL+"/protocol/openid-connect/certs")
	checks := onServer(t, issuer)
	examinetest.Expect(t, examinetest.Find(t, checks, "issuer"), examine.Fault, "http://keycloak:8080/realms/ism", issuer.URL, "ISM_OIDC_ISSUER=http://keycloak:8080/realms/ism")
	examinetest.Expect(t, examinetest.Find(t, checks, "token"), examine.Fault, "http://keycloak:8080/realms/ism", "every one is refused")
}

func TestAnIssuerThatIsGuessedIsNoFault(t *testing.T) {
	var cfg authn.Config
	cfg.Issuer = "http://" + examinetest.ClosedPort(t) + "/realms/ism"
	checks := NewIssuer(cfg, true, config.Findings{}, alice, here, time.Now).Checks()
	examinetest.Expect(t, examinetest.Find(t, checks, "issuer"), examine.NotChecked, "-issuer")
	examinetest.Expect(t, examinetest.Find(t, checks, "token"), examine.NotChecked, "-user")
}

func TestAnIssuerThatIsNotReachedIsNamed(t *testing.T) {
	address := examinetest.ClosedPort(t)
	checks := issuerFor(t, alice, "ISM_OIDC_ISSUER=http://"+address+"/realms/ism")
	examinetest.Expect(t, examinetest.Find(t, checks, "issuer"), examine.Fault, address, "nothing listens", "ISM_OIDC_ADDRESS")
	issuer := authntest.New(t)
	issuer.SetDown(true)
	checks = issuerFor(t, alice, "ISM_OIDC_ISSUER="+issuer.URL)
	examinetest.Expect(t, examinetest.Find(t, checks, "issuer"), examine.Fault, "503")
	checks = issuerFor(t, alice, "ISM_OIDC_ISSUER=nonsense")
	examinetest.Expect(t, examinetest.Find(t, checks, "issuer"), examine.NotChecked, "see configuration")
}

func TestATokenWhoseKeyIsNoLongerPublishedIsNamed(t *testing.T) {
	issuer := authntest.New(t)
	old := issuer.Token(t, uuid.New(), "alice")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer.AddKey("key-2", key)
	issuer.DropKey("key-1")
	issuer.Give = func() string { return old }
	checks := onServer(t, issuer)
	examinetest.Expect(t, examinetest.Find(t, checks, "token"), examine.Fault, `"key-1"`, "key-2", "rotated")
	examinetest.Expect(t, examinetest.Find(t, checks, "keys"), examine.OK, "key-2")
}

func TestKeysThatCannotBeUsedAreNamed(t *testing.T) {
	issuer := authntest.New(t)
	checks := onServer(t, issuer, "ISM_OIDC_ALGORITHMS=RS256")
	examinetest.Expect(t, examinetest.Find(t, checks, "keys"), examine.Fault, "none of the 1 keys", "ES256", "ISM_OIDC_ALGORITHMS")
	examinetest.Expect(t, examinetest.Find(t, checks, "token"), examine.Fault, "ES256")
	old := issuer.Token(t, uuid.New(), "alice")
	issuer.Give = func() string { return old }
	issuer.DropKey("key-1")
	checks = onServer(t, issuer)
	examinetest.Expect(t, examinetest.Find(t, checks, "keys"), examine.Fault, "none of the 0 keys")
}

func TestAnAudienceThatTokensLackIsNamed(t *testing.T) {
	issuer := authntest.New(t)
	claims := issuer.Claims(uuid.New(), "alice")
	claims["aud"] = []string{"account", "ism"}
	issuer.Give = func() string { return issuer.Sign(t, claims) }
	checks := onServer(t, issuer, "ISM_OIDC_AUDIENCE=chat")
	examinetest.Expect(t, examinetest.Find(t, checks, "token"), examine.Fault, "account", "chat", "ISM_OIDC_AUDIENCE")
	checks = onServer(t, issuer, "ISM_OIDC_AUDIENCE=chat,ism")
	examinetest.Expect(t, examinetest.Find(t, checks, "token"), examine.OK)
}

func TestTokensThatAreNoneAreNamed(t *testing.T) {
	issuer := authntest.New(t)
	for name, token := range map[string]string{
		"opaque":      "2YotnFZFEjr1zCsicMWpAA",
		"no base64":   "a.%.c",
		"sub no UUID": issuer.Sign(t, jwt.MapClaims{"iss": issuer.URL, "sub": "alice"}),
	} {
		issuer.Give = func() string { return token }
		checks := onServer(t, issuer)
		t.Run(name, func(t *testing.T) { examinetest.Expect(t, examinetest.Find(t, checks, "token"), examine.Fault, "UUID") })
	}
}

func TestKeycloak(t *testing.T) {
	name := enginetest.Keycloak(t)
	checks := issuerFor(t, alice, "ISM_OIDC_ISSUER="+name)
	for _, check := range []string{"issuer", "keys", "token", "clock"} {
		examinetest.Expect(t, examinetest.Find(t, checks, check), examine.OK)
	}
	checks = issuerFor(t, alice, "ISM_OIDC_ISSUER=http://id.example.com/realms/ism", "ISM_OIDC_ADDRESS="+name)
	examinetest.Expect(t, examinetest.Find(t, checks, "issuer"), examine.Fault, name, "id.example.com")
	examinetest.Expect(t, examinetest.Find(t, checks, "token"), examine.Fault, name, "id.example.com")
	examinetest.Expect(t, examinetest.Find(t, checks, "public address"), examine.Warning, "id.example.com")

	checks = issuerFor(t, alice, "ISM_OIDC_ISSUER="+name+"-not")
	examinetest.Expect(t, examinetest.Find(t, checks, "issuer"), examine.Fault, "404")
	checks = issuerFor(t, User{Name: "alice", Given: true, Token: passwordGrant("wrong password")}, "ISM_OIDC_ISSUER="+name)
	examinetest.Expect(t, examinetest.Find(t, checks, "token"), examine.Fault, "-password")
}
