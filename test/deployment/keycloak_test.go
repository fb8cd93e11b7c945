package deployment

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/enginetest"
)

// The verifier and its challenge (RFC 7636, appendix B).
const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

const application = "http://localhost:4200/"

// A user signs in through the gateway, by Keycloak's own page with all that it loads, as a browser does. Who leaves PKCE out does not.
func TestGatewayLetsUsersSignIn(t *testing.T) {
	t.Parallel()
	keycloak := throughTheGateway(t)

	page := keycloak.get(t, "/realms/ism/protocol/openid-connect/auth?"+signIn(url.Values{"code_challenge": {challenge}, "code_challenge_method": {"S256"}}).Encode())
	loads := regexp.MustCompile(`"(/resources/[^"]+\.\w+)"`).FindAllStringSubmatch(page.body, -1)
	if page.status != http.StatusOK || len(loads) < 5 {
		t.Fatalf("the page of the sign-in: %d, and it loads %v\n%s", page.status, loads, page.body)
	}
	for _, load := range loads {
		if loaded := keycloak.get(t, load[1]); loaded.status != http.StatusOK {
			t.Errorf("%s, which the page loads: %d", load[1], loaded.status)
		}
	}
	action := regexp.MustCompile(`action="([^"]+)"`).FindStringSubmatch(page.body)
	if action == nil {
		t.Fatalf("the page has no form:\n%s", page.body)
	}
	form, err := url.Parse(html.UnescapeString(action[1]))
	if err != nil {
		t.Fatal(err)
	}
	signedIn := keycloak.post(t, form.RequestURI(), url.Values{"username": {"alice"}, "password": {"alice"}})
	back, err := url.Parse(signedIn.location)
	if err != nil || signedIn.status != http.StatusFound || !strings.HasPrefix(signedIn.location, application) || back.Query().Get("code") == "" {
		t.Fatalf("signed in: %d to %q: %v\n%s", signedIn.status, signedIn.location, err, signedIn.body)
	}
	exchange := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"ism-web"}, "redirect_uri": {application},
		"code": {back.Query().Get("code")}, "code_verifier": {verifier},
	}
	claims := keycloak.token(t, exchange)
	if claims.Client != "ism-web" || !slices.Contains(claims.Audience, "ism") {
		t.Errorf("the token is for %v, of %s", claims.Audience, claims.Client)
	}

	for name, given := range map[string]url.Values{
		"no challenge":    {},
		"a plain one":     {"code_challenge": {verifier}, "code_challenge_method": {"plain"}},
		"another address": {"code_challenge": {challenge}, "code_challenge_method": {"S256"}, "redirect_uri": {"http://localhost:3000.evil.example/"}},
	} {
		refused := keycloak.get(t, "/realms/ism/protocol/openid-connect/auth?"+signIn(given).Encode())
		if refused.status != http.StatusBadRequest && !strings.Contains(refused.location, "error=invalid_request") {
			t.Errorf("%s: %d to %q", name, refused.status, refused.location)
		}
	}
}

// Passwords are taken from the client for demos alone. All tokens are for ism.
func TestRealmTakesPasswordsFromTheDemoAlone(t *testing.T) {
	t.Parallel()
	keycloak := throughTheGateway(t)
	password := url.Values{"grant_type": {"password"}, "client_id": {"ism-demo"}, "username": {"bob"}, "password": {"bob"}, "scope": {"openid"}}
	backend := url.Values{"grant_type": {"client_credentials"}, "client_id": {"ism-backend"}, "client_secret": {"ism-backend-secret"}}
	for client, form := range map[string]url.Values{"ism-demo": password, "ism-backend": backend} {
		if claims := keycloak.token(t, form); claims.Client != client || !slices.Contains(claims.Audience, "ism") {
			t.Errorf("%s: the token is for %v, of %s", client, claims.Audience, claims.Client)
		}
	}
	for _, client := range []string{"ism-web", "account", "admin-cli"} { // two are Keycloak's own
		password.Set("client_id", client)
		refused := keycloak.post(t, "/realms/ism/protocol/openid-connect/token", password)
		if refused.status != http.StatusBadRequest && refused.status != http.StatusUnauthorized {
			t.Errorf("a password by %s: %d %s", client, refused.status, refused.body)
		}
	}
	admin := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {"admin"}}
	for _, path := range []string{"/realms/master/protocol/openid-connect/token", "/realms/ism/..;/master/protocol/openid-connect/token"} {
		if refused := keycloak.post(t, path, admin); refused.status != http.StatusNotFound && refused.status != http.StatusBadRequest {
			t.Errorf("the administrator at %s: %d %s", path, refused.status, refused.body)
		}
	}
}

// What a realm that is imported is set to, and cannot be asked for without its administrator.
func TestRealmIsProtected(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(root(t), "deploy", "compose", "keycloak", "realm-ism.json"))
	if err != nil {
		t.Fatal(err)
	}
	var realm struct {
		SSLRequired         string
		BruteForceProtected bool
		FailureFactor       int
		Clients             []struct {
			ClientID                                       string
			PublicClient                                   bool
			StandardFlowEnabled, DirectAccessGrantsEnabled bool
			RedirectURIs                                   []string
			RootURL                                        string
			Attributes                                     map[string]string
		}
	}
	if err := json.Unmarshal(raw, &realm); err != nil {
		t.Fatal(err)
	}
	if realm.SSLRequired != "external" || !realm.BruteForceProtected || realm.FailureFactor < 3 || realm.FailureFactor > 30 {
		t.Errorf("the realm is not protected: %+v", realm)
	}
	for _, client := range realm.Clients {
		if client.DirectAccessGrantsEnabled != (client.ClientID == "ism-demo") {
			t.Errorf("%s: password grant %v", client.ClientID, client.DirectAccessGrantsEnabled)
		}
		if client.ClientID == "ism-web" && (!slices.Contains(client.RedirectURIs, "/app/*") || client.Attributes["post.logout.redirect.uris"] != "+") {
			t.Errorf("the web client is not led back: %+v", client)
		}
		if client.PublicClient && client.StandardFlowEnabled && client.Attributes["pkce.code.challenge.method"] != "S256" {
			t.Errorf("%s is public and does without PKCE", client.ClientID)
		}
		for _, uri := range client.RedirectURIs {
			// The web client is where the realm is, by whatever address that is reached.
			if !regexp.MustCompile(`^http://localhost:[0-9]+/\*$`).MatchString(uri) && (uri != "/app/*" || client.RootURL != "${authBaseUrl}") {
				t.Errorf("%s is led to %s", client.ClientID, uri)
			}
		}
	}
}

func signIn(over url.Values) url.Values {
	query := url.Values{"client_id": {"ism-web"}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {application}}
	for name, values := range over {
		query[name] = values
	}
	return query
}

// keycloakBehind is Keycloak as it is reached through the gateway.
type keycloakBehind struct {
	base string
	http *http.Client
}

type answer struct {
	status         int
	location, body string
}

func throughTheGateway(t *testing.T) keycloakBehind {
	t.Helper()
	issuer, err := url.Parse(enginetest.Keycloak(t))
	if err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, map[string]string{"KEYCLOAK_UPSTREAM": issuer.Host})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return keycloakBehind{baseURL(g.address), &http.Client{
		Transport: transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (k keycloakBehind) get(t *testing.T, path string) answer {
	t.Helper()
	return k.do(t, http.MethodGet, path, nil)
}

func (k keycloakBehind) post(t *testing.T, path string, form url.Values) answer {
	t.Helper()
	return k.do(t, http.MethodPost, path, form)
}

func (k keycloakBehind) do(t *testing.T, method, path string, form url.Values) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, k.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := k.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header.Get("Location"), string(body)}
}

type claims struct {
	Audience []string
	Client   string `json:"azp"`
}

// token gives the claims of the access token that the realm gives for the form.
func (k keycloakBehind) token(t *testing.T, form url.Values) claims {
	t.Helper()
	got := k.post(t, "/realms/ism/protocol/openid-connect/token", form)
	var tokens struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(got.body), &tokens); err != nil || got.status != http.StatusOK {
		t.Fatalf("a token for %s: %d %s", form.Get("client_id"), got.status, got.body)
	}
	parts := strings.Split(tokens.Access, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no token", tokens.Access)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var decoded struct {
		claims
		Aud json.RawMessage `json:"aud"`
	}
	if err := json.Unmarshal(raw, &decoded); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(decoded.Aud, &decoded.Audience); err != nil { // a string alone, or a list (RFC 7519, section 4.1.3)
		decoded.Audience = []string{strings.Trim(string(decoded.Aud), `"`)}
	}
	return decoded.claims
}
