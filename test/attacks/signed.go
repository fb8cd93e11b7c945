package attacks

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// Signer is a second issuer that a deployment trusts, and whose key is a test's: what only its holder can sign can so be tried. The containers of the
// compose stack do not reach it.
type Signer struct {
	issuer *authntest.Issuer
	file   string
}

// NewSigner starts it. It lives as long as the test.
func NewSigner(t *testing.T) *Signer {
	t.Helper()
	s := &Signer{authntest.New(t), filepath.Join(t.TempDir(), "issuers.json")}
	text, err := json.Marshal([]map[string]any{{"issuer": s.issuer.URL, "audience": []string{authntest.Audience}, "clients": []string{"ism-web"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// Settings have a deployment trust it.
func (s *Signer) Settings() deployment.Settings {
	return deployment.Settings{"ISM_OIDC_ISSUERS_FILE": s.file}
}

// Run tries tokens that are rightly signed by it. Must be: each gets the same 401 but those that are whole, and those are of no user of another issuer.
// A logout token that is not whole gets the same 400, and ends nothing.
func (s *Signer) Run(t *testing.T, d *deployment.Deployment) {
	t.Run("what is wrong in them", func(t *testing.T) { s.wrongClaims(t, d) })
	t.Run("leeway", func(t *testing.T) { s.leeway(t, d) })
	t.Run("another issuer's user", func(t *testing.T) { s.impostor(t, d) })
	t.Run("logout tokens", func(t *testing.T) { s.logouts(t, d) })
	t.Run("a storm of key ids", func(t *testing.T) { s.storm(t, d) })
}

func (s *Signer) wrongClaims(t *testing.T, d *deployment.Deployment) {
	now := time.Now()
	token := func(changes jwt.MapClaims) string {
		claims := s.issuer.Claims(uuid.New(), "mallory")
		maps.Copy(claims, changes)
		maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
		return s.issuer.Sign(t, claims)
	}
	header := func(changes map[string]any) string {
		return s.issuer.SignHeader(t, changes, s.issuer.Claims(uuid.New(), "mallory"))
	}
	tokens := map[string]string{
		"another audience":       token(jwt.MapClaims{"aud": "shop"}),
		"no audience":            token(jwt.MapClaims{"aud": nil}),
		"the first issuer's":     token(jwt.MapClaims{"aud": "ism"}),
		"another client":         token(jwt.MapClaims{"azp": "shop"}),
		"no client":              token(jwt.MapClaims{"azp": nil}),
		"the first issuer's own": token(jwt.MapClaims{"iss": d.Issuer}),
		"no issuer":              token(jwt.MapClaims{"iss": nil}),
		"no sub":                 token(jwt.MapClaims{"sub": nil}),
		"a sub that is a number": token(jwt.MapClaims{"sub": 1}),
		"no end":                 token(jwt.MapClaims{"exp": nil}),
		"an end long ago":        token(jwt.MapClaims{"exp": 1}),
		"an end that is a text":  token(jwt.MapClaims{"exp": "4102444800"}),
		"a life of years":        token(jwt.MapClaims{"exp": now.Add(20 * 365 * 24 * time.Hour).Unix()}),
		"not yet":                token(jwt.MapClaims{"nbf": now.Add(5 * time.Minute).Unix()}),
		"an ID token":            token(jwt.MapClaims{"typ": "ID"}),
		"a refresh token":        token(jwt.MapClaims{"typ": "Refresh"}),
		"a logout token":         token(jwt.MapClaims{"typ": "Logout"}),
		"Cognito's ID token":     token(jwt.MapClaims{"typ": nil, "token_use": "id"}),
		"an at_hash":             token(jwt.MapClaims{"typ": nil, "at_hash": "x", "scope": "openid"}),
		"a nonce without scopes": token(jwt.MapClaims{"typ": nil, "nonce": "x"}),
		"bound to a key":         token(jwt.MapClaims{"cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}),
		"typ of a logout token":  header(map[string]any{"typ": "logout+jwt"}),
		"crit":                   header(map[string]any{"crit": []string{"b64"}, "b64": false}),
		"an unknown kid":         header(map[string]any{"kid": "mine"}),
		"a kid that is a path":   header(map[string]any{"kid": "../../../../dev/null"}),
		"a kid that is a number": header(map[string]any{"kid": 7}),
		"a kid of the other":     header(map[string]any{"kid": keyID(t, d.Token(t, "alice"))}),
	}
	same, _ := refusalOf(t, d, "x.y.z")
	for name, token := range tokens {
		problem, response := refusalOf(t, d, token)
		if response.StatusCode != http.StatusUnauthorized || !maps.Equal(problem, same) {
			t.Errorf("%s: %s %v, want what others get: %v", name, response.Status, problem, same)
		}
	}
	// A further issuer gives no power.
	mighty := token(jwt.MapClaims{"realm_access": map[string]any{"roles": []string{"ism-admin"}}, "roles": []string{"ism-admin"}, "scope": "ism-admin"})
	if response, body := ask(t, d, "/api/admin/rooms", http.Header{"Authorization": {"Bearer " + mighty}}); response.StatusCode != http.StatusForbidden {
		t.Errorf("an administrator of its own making: %s %s", response.Status, body)
	}
}

// leeway is 30 s: clocks differ, and nobody's by more.
func (s *Signer) leeway(t *testing.T, d *deployment.Deployment) {
	for name, c := range map[string]struct {
		claim  string
		at     time.Duration
		status int
	}{
		"ended a moment ago":        {"exp", -10 * time.Second, http.StatusOK},
		"ended longer ago":          {"exp", -35 * time.Second, http.StatusUnauthorized},
		"begins in a moment":        {"nbf", 10 * time.Second, http.StatusOK},
		"begins later than clocks":  {"nbf", 2 * time.Minute, http.StatusUnauthorized},
		"is whole, and long enough": {"exp", time.Hour, http.StatusOK},
	} {
		claims := s.issuer.Claims(uuid.New(), "zoe")
		claims[c.claim] = time.Now().Add(c.at).Unix()
		if status := statusOf(t, d, s.issuer.Sign(t, claims)); status != c.status {
			t.Errorf("%s: %d, want %d", name, status, c.status)
		}
	}
}

// impostor has the id that a user of the first issuer has.
func (s *Signer) impostor(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Hers", Invited: []uuid.UUID{alice.ID, bob.ID}})
	if err != nil {
		t.Fatal(err)
	}
	token := s.issuer.Token(t, alice.ID, "alice")
	for _, path := range []string{"/api/rooms/" + room.ID.String(), "/api/rooms/" + room.ID.String() + "/timeline"} {
		if response, body := ask(t, d, path, http.Header{"Authorization": {"Bearer " + token}}); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s %s", path, response.Status, body)
		}
	}
	if response, body := ask(t, d, "/api/rooms", http.Header{"Authorization": {"Bearer " + token}}); response.StatusCode != http.StatusOK || strings.Contains(string(body), room.ID.String()) {
		t.Errorf("their rooms: %s %.300s", response.Status, body)
	}
}

// storm has services ask the issuer for its keys no more often than every five seconds, however many key ids are made up.
func (s *Signer) storm(t *testing.T, d *deployment.Deployment) {
	const tokens = 200
	before, begun := s.issuer.KeyFetches(), time.Now()
	for range tokens {
		token := s.issuer.SignHeader(t, map[string]any{"kid": "storm-" + uuid.NewString()}, s.issuer.Claims(uuid.New(), "mallory"))
		if status := statusOf(t, d, token); status != http.StatusUnauthorized {
			t.Fatalf("an unknown key id is answered with %d", status)
		}
	}
	// One service is asked here. Others may fetch by their own clocks meanwhile.
	most := int(time.Since(begun)/(5*time.Second)) + 1 + len(d.Services())
	if fetched := s.issuer.KeyFetches() - before; fetched > most {
		t.Errorf("%d tokens had the keys fetched %d times, want at most %d", tokens, fetched, most)
	}
}

// keyID is the id of the key that a token is signed with.
func keyID(t *testing.T, token string) string {
	t.Helper()
	var header struct {
		KeyID string `json:"kid"`
	}
	head, _, _ := strings.Cut(token, ".")
	if err := json.Unmarshal(decoded(t, head), &header); err != nil {
		t.Fatal(err)
	}
	return header.KeyID
}
