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
	"os"
	"path/filepath"
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
		form := url.Values{"grant_type": {"password"}, "client_id": {"ism-demo"}, "username": {"alice"}, "password": {password}, "scope": {"openid"}}
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
	found := examinetest.Survey(t, &cfg, append([]string{"ISM_OIDC_AUDIENCE=" + authntest.Audience}, variables...)...)
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
		"opaque":    "2YotnFZFEjr1zCsicMWpAA",
		"no base64": "a.%.c",
		"no sub":    issuer.Sign(t, jwt.MapClaims{"iss": issuer.URL}),
	} {
		issuer.Give = func() string { return token }
		checks := onServer(t, issuer)
		t.Run(name, func(t *testing.T) { examinetest.Expect(t, examinetest.Find(t, checks, "token"), examine.Fault, "JWT") })
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

func TestWhoseTokensAreAcceptedIsSaid(t *testing.T) {
	issuer := authntest.New(t)
	for name, c := range map[string]struct {
		variables []string
		result    examine.Result
		words     []string
	}{
		"an audience":       {[]string{"ISM_OIDC_AUDIENCE=chat,ism"}, examine.OK, []string{"audience chat or ism"}},
		"clients":           {[]string{"ISM_OIDC_AUDIENCE=", "ISM_OIDC_CLIENTS=web", "ISM_OIDC_REQUIRED_SCOPE=chat"}, examine.OK, []string{"client web", "scope or role chat"}},
		"any":               {[]string{"ISM_OIDC_AUDIENCE=any"}, examine.Warning, []string{"every application", "ISM_OIDC_AUDIENCE"}},
		"any client":        {[]string{"ISM_OIDC_AUDIENCE=", "ISM_OIDC_CLIENTS=any"}, examine.Warning, []string{"every application"}},
		"any, of a client":  {[]string{"ISM_OIDC_AUDIENCE=any", "ISM_OIDC_CLIENTS=web"}, examine.OK, []string{"client web"}},
		"nothing":           {[]string{"ISM_OIDC_AUDIENCE="}, examine.Fault, []string{"ISM_OIDC_AUDIENCE", "ISM_OIDC_CLIENTS", "do not start"}},
		"nothing, no scope": {[]string{"ISM_OIDC_AUDIENCE=", "ISM_OIDC_REQUIRED_SCOPE=chat"}, examine.Fault, []string{"do not start"}},
	} {
		t.Run(name, func(t *testing.T) {
			examinetest.Expect(t, examinetest.Find(t, onServer(t, issuer, c.variables...), "whose tokens"), c.result, c.words...)
		})
	}
	var cfg authn.Config
	cfg.Issuer = issuer.URL
	checks := NewIssuer(cfg, false, config.Findings{}, alice, here, time.Now).Checks() // as with -issuer, from outside
	examinetest.Expect(t, examinetest.Find(t, checks, "whose tokens"), examine.NotChecked, "seen from inside")
}

func TestAnIssuerWithoutTLSIsWarnedAbout(t *testing.T) {
	issuer := authntest.New(t)
	issuer.Announce("http://id.example.com/realms/ism", issuer.URL+"/protocol/openid-connect/certs")
	checks := issuerFor(t, alice, "ISM_OIDC_ISSUER=http://id.example.com/realms/ism", "ISM_OIDC_ADDRESS="+issuer.URL)
	examinetest.Expect(t, examinetest.Find(t, checks, "transport"), examine.Warning, "without TLS", "https")
	examinetest.Expect(t, examinetest.Find(t, onServer(t, authntest.New(t)), "transport"), examine.OK)
}

func TestTokensThatTheServicesRefuseAreNamed(t *testing.T) {
	issuer := authntest.New(t)
	expect := func(change func(claims jwt.MapClaims), word string, variables ...string) {
		t.Helper()
		claims := issuer.Claims(uuid.New(), "alice")
		change(claims)
		issuer.Give = func() string { return issuer.Sign(t, claims) }
		examinetest.Expect(t, examinetest.Find(t, onServer(t, issuer, variables...), "token"), examine.Fault, word)
	}
	expect(func(claims jwt.MapClaims) { claims["azp"] = "crm" }, "ISM_OIDC_CLIENTS", "ISM_OIDC_CLIENTS=web")
	expect(func(claims jwt.MapClaims) { claims["exp"] = time.Now().Add(1000 * time.Hour).Unix() }, "ISM_OIDC_MAX_TOKEN_LIFE")
	expect(func(claims jwt.MapClaims) { claims["sub"] = "alice" }, "ISM_OIDC_SUBJECTS", "ISM_OIDC_SUBJECTS=uuid")
	issuer.Give = func() string {
		return issuer.Sign(t, jwt.MapClaims{"iss": issuer.URL, "sub": "auth0|1", "aud": "account"})
	}
	if got := examinetest.Find(t, onServer(t, issuer), "token"); strings.Contains(got.Found, "sub") {
		t.Errorf("a sub that is no UUID is found wrong: %s", got.Found)
	}
}

func TestFurtherIssuersAreLookedAt(t *testing.T) {
	good, down, open := authntest.New(t), authntest.New(t), authntest.New(t)
	down.SetDown(true)
	path := filepath.Join(t.TempDir(), "issuers.json")
	content := fmt.Sprintf(`[{"issuer":%q,"audience":["ism"]},{"issuer":%q,"audience":["ism"]},{"issuer":%q,"clients":["any"]}]`, good.URL, down.URL, open.URL)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	checks := onServer(t, authntest.New(t), "ISM_OIDC_ISSUERS_FILE="+path)
	examinetest.Expect(t, examinetest.Find(t, checks, "issuer "+good.URL), examine.OK, "1 of 1 keys")
	examinetest.Expect(t, examinetest.Find(t, checks, "issuer "+down.URL), examine.Fault, "503", "ISM_OIDC_ISSUERS_FILE")
	examinetest.Expect(t, examinetest.Find(t, checks, "issuer "+open.URL), examine.Warning, "any is said")
}
