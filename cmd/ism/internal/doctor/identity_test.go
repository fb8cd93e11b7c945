package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/enginetest"
)

func TestAGoodIssuer(t *testing.T) {
	issuer := newTokenServer(t)
	for _, f := range runAll(t.Context(), doctorFor(t, "http://localhost:1", issuer.variables()...).identity.checks()) {
		expect(t, f, OK)
	}
}

func TestAWrongIssuerIsNamed(t *testing.T) {
	issuer := newTokenServer(t)
	issuer.Announce("http://keycloak:8080/realms/ism", issuer.URL+"/protocol/openid-connect/certs")
	d := doctorFor(t, "http://localhost:1", issuer.variables()...)
	expect(t, find(t, d.identity.checks(), "issuer"), Fault, "http://keycloak:8080/realms/ism", issuer.URL, "ISM_OIDC_ISSUER=http://keycloak:8080/realms/ism")
	expect(t, find(t, d.identity.checks(), "token"), Fault, "http://keycloak:8080/realms/ism", "every one is refused")
}

func TestAnIssuerThatIsGuessedIsNoFault(t *testing.T) {
	d := doctorFor(t, "http://"+closedPort(t))
	expect(t, find(t, d.identity.checks(), "issuer"), NotChecked, "-issuer")
	expect(t, find(t, d.identity.checks(), "token"), NotChecked, "-user")
}

func TestAnIssuerThatIsNotReachedIsNamed(t *testing.T) {
	address := closedPort(t)
	d := doctorFor(t, "http://localhost:1", "ISM_OIDC_ISSUER=http://"+address+"/realms/ism")
	expect(t, find(t, d.identity.checks(), "issuer"), Fault, address, "nothing listens", "ISM_OIDC_ADDRESS")
	issuer := newTokenServer(t)
	issuer.SetDown(true)
	d = doctorFor(t, "http://localhost:1", "ISM_OIDC_ISSUER="+issuer.URL)
	expect(t, find(t, d.identity.checks(), "issuer"), Fault, "503")
	d = doctorFor(t, "http://localhost:1", "ISM_OIDC_ISSUER=nonsense")
	expect(t, find(t, d.identity.checks(), "issuer"), NotChecked, "see configuration")
}

func TestATokenWhoseKeyIsNoLongerPublishedIsNamed(t *testing.T) {
	issuer := newTokenServer(t)
	old := issuer.Token(t, uuid.New(), "alice")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer.AddKey("key-2", key)
	issuer.DropKey("key-1")
	issuer.token = func() string { return old }
	d := doctorFor(t, "http://localhost:1", issuer.variables()...)
	expect(t, find(t, d.identity.checks(), "token"), Fault, `"key-1"`, "key-2", "rotated")
	expect(t, find(t, d.identity.checks(), "keys"), OK, "key-2")
}

func TestKeysThatCannotBeUsedAreNamed(t *testing.T) {
	issuer := newTokenServer(t)
	d := doctorFor(t, "http://localhost:1", issuer.variables("ISM_OIDC_ALGORITHMS=RS256")...)
	expect(t, find(t, d.identity.checks(), "keys"), Fault, "none of the 1 keys", "ES256", "ISM_OIDC_ALGORITHMS")
	expect(t, find(t, d.identity.checks(), "token"), Fault, "ES256")
	old := issuer.Token(t, uuid.New(), "alice")
	issuer.token = func() string { return old }
	issuer.DropKey("key-1")
	d = doctorFor(t, "http://localhost:1", issuer.variables()...)
	expect(t, find(t, d.identity.checks(), "keys"), Fault, "none of the 0 keys")
}

func TestAnAudienceThatTokensLackIsNamed(t *testing.T) {
	issuer := newTokenServer(t)
	claims := issuer.Claims(uuid.New(), "alice")
	claims["aud"] = []string{"account", "ism"}
	issuer.token = func() string { return issuer.Sign(t, claims) }
	d := doctorFor(t, "http://localhost:1", issuer.variables("ISM_OIDC_AUDIENCE=chat")...)
	expect(t, find(t, d.identity.checks(), "token"), Fault, "account", "chat", "ISM_OIDC_AUDIENCE")
	d = doctorFor(t, "http://localhost:1", issuer.variables("ISM_OIDC_AUDIENCE=chat,ism")...)
	expect(t, find(t, d.identity.checks(), "token"), OK)
}

func TestTokensThatAreNoneAreNamed(t *testing.T) {
	issuer := newTokenServer(t)
	for name, token := range map[string]string{
		"opaque":      "2YotnFZFEjr1zCsicMWpAA",
		"no base64":   "a.%.c",
		"sub no UUID": issuer.Sign(t, jwt.MapClaims{"iss": issuer.URL, "sub": "alice"}),
	} {
		issuer.token = func() string { return token }
		d := doctorFor(t, "http://localhost:1", issuer.variables()...)
		t.Run(name, func(t *testing.T) { expect(t, find(t, d.identity.checks(), "token"), Fault, "UUID") })
	}
}

func TestKeycloak(t *testing.T) {
	name := enginetest.Keycloak(t)
	d := doctorFor(t, "http://localhost:1", "ISM_OIDC_ISSUER="+name)
	for _, check := range []string{"issuer", "keys", "token", "clock"} {
		expect(t, find(t, d.identity.checks(), check), OK)
	}
	d = doctorFor(t, "http://localhost:1", "ISM_OIDC_ISSUER=http://id.example.com/realms/ism", "ISM_OIDC_ADDRESS="+name)
	expect(t, find(t, d.identity.checks(), "issuer"), Fault, name, "id.example.com")
	expect(t, find(t, d.identity.checks(), "token"), Fault, name, "id.example.com")
	expect(t, find(t, d.identity.checks(), "public address"), Warning, "id.example.com")

	d = doctorFor(t, "http://localhost:1", "ISM_OIDC_ISSUER="+name+"-not")
	expect(t, find(t, d.identity.checks(), "issuer"), Fault, "404")
	d = doctorFor(t, "http://localhost:1", "ISM_OIDC_ISSUER="+name)
	d.password, d.userGiven = "wrong password", true
	expect(t, find(t, d.identity.checks(), "token"), Fault, "-password")
}
