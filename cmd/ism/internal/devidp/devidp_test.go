package devidp_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ism-chat/ism/cmd/ism/internal/devidp"
	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// aKey are the files of a signing key, which takes a while to make: for all tests to which it is the same.
var aKey = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "devidp")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if _, err = devidp.New(devidp.Config{Dir: dir, Issuer: "http://localhost" + devidp.Path, Log: slog.New(slog.DiscardHandler)}); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		if files[entry.Name()], err = os.ReadFile(filepath.Join(dir, entry.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
})

// withKey is a directory with a signing key.
func withKey(t *testing.T) string {
	t.Helper()
	files, err := aKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// serve runs a provider with its key in dir until the test ends, and gives its issuer.
func serve(t *testing.T, dir string, settings devidp.Settings) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + listener.Addr().String() + devidp.Path
	provider, err := devidp.New(devidp.Config{Settings: settings, Dir: dir, Issuer: issuer, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ErrorHandler: func(c *fiber.Ctx, err error) error {
		var problem *httpapi.Problem
		if !errors.As(err, &problem) {
			return fiber.DefaultErrorHandler(c, err)
		}
		return c.Status(problem.Status).SendString(problem.Detail)
	}})
	provider.Routes(app)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := app.Listener(listener); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := app.Shutdown(); err != nil {
			t.Errorf("shut down: %v", err)
		}
		serving.Wait()
	})
	return issuer
}

func verifier(t *testing.T, issuer string) *authn.Verifier {
	t.Helper()
	return authntest.Start(t, authn.Config{Issuer: issuer, Audience: []string{"account"}, Algorithms: []string{"RS256"}}, telemetry.Discard(nil))
}

type answer struct {
	Token       string `json:"access_token"`
	Type        string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// ask posts a form to the token endpoint.
func ask(t *testing.T, issuer, form string, change func(r *http.Request)) (*http.Response, answer) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/protocol/openid-connect/token", strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(request)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var a answer
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	return response, a
}

func password(name, password string) string {
	return url.Values{"grant_type": {"password"}, "client_id": {"ism-web"}, "username": {name}, "password": {password}}.Encode()
}

func TestUsersTokensPass(t *testing.T) {
	issuer := serve(t, t.TempDir(), devidp.Settings{})
	v := verifier(t, issuer)
	for _, name := range []string{"alice", "bob", "a", "b.c_d@example.com", "007", strings.Repeat("n", 64)} {
		response, a := ask(t, issuer, password(name, name), nil)
		if response.StatusCode != http.StatusOK || a.Type != "Bearer" || a.ExpiresIn != 3600 {
			t.Fatalf("%s: got %s %+v", name, response.Status, a)
		}
		principal, err := v.Verify(t.Context(), a.Token)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if principal.UserID != devidp.UserID(name) || principal.Username != name || principal.ClientID != "ism-web" {
			t.Errorf("%s: got %+v", name, principal)
		}
		if left := time.Until(principal.ExpiresAt); left < 59*time.Minute || left > time.Hour {
			t.Errorf("%s: the token is valid for %s", name, left)
		}
	}
	_, a := ask(t, issuer, password("Alice", "Alice"), nil)
	if principal, err := v.Verify(t.Context(), a.Token); err != nil || principal.UserID != devidp.UserID("alice") {
		t.Errorf("Alice is not alice: %+v, %v", principal, err)
	}
}

// The ids of users are part of what clients and data on disk know: they never change.
func TestUserIDs(t *testing.T) {
	for name, want := range map[string]string{
		"alice": "48d6d825-1362-56af-8fb4-d9a61e4c8502",
		"bob":   "45d08974-8c1c-5db0-b788-20b8efa3c8fa",
	} {
		id := devidp.UserID(name)
		if id.String() != want || id.Version() != 5 {
			t.Errorf("%s is %s, want %s", name, id, want)
		}
	}
}

func TestClaimsAreShapedLikeKeycloaks(t *testing.T) {
	issuer := serve(t, t.TempDir(), devidp.Settings{})
	_, a := ask(t, issuer, password("alice", "alice"), nil)
	claims := jwt.MapClaims{}
	token, _, err := jwt.NewParser().ParseUnverified(a.Token, claims)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"exp", "iat", "jti", "iss", "sub", "typ", "azp", "aud", "preferred_username", "email_verified", "name"} {
		if _, ok := claims[name]; !ok {
			t.Errorf("the claim %s is missing", name)
		}
	}
	if claims["typ"] != "Bearer" || claims["aud"] != "account" || claims["iss"] != issuer {
		t.Errorf("got %v", claims)
	}
	if token.Header["typ"] != "JWT" || token.Header["alg"] != "RS256" || token.Header["kid"] == "" {
		t.Errorf("got the header %v", token.Header)
	}
}

func TestBackendClientsTokensPass(t *testing.T) {
	issuer := serve(t, t.TempDir(), devidp.Settings{BackendSecret: "a:secret &?"})
	v := verifier(t, issuer)
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"ism-backend"}, "client_secret": {"a:secret &?"}}.Encode()
	for name, change := range map[string]func(r *http.Request){
		"in the form": nil,
		"by Basic": func(r *http.Request) {
			r.SetBasicAuth("ism-backend", url.QueryEscape("a:secret &?"))
			setBody(r, "grant_type=client_credentials")
		},
		"by Basic, with its id in the form": func(r *http.Request) {
			r.SetBasicAuth("ism-backend", url.QueryEscape("a:secret &?"))
			setBody(r, "grant_type=client_credentials&client_id=ism-backend")
		},
	} {
		t.Run(name, func(t *testing.T) {
			response, a := ask(t, issuer, form, change)
			if response.StatusCode != http.StatusOK {
				t.Fatalf("got %s %+v", response.Status, a)
			}
			principal, err := v.Verify(t.Context(), a.Token)
			if err != nil {
				t.Fatal(err)
			}
			if principal.ClientID != "ism-backend" || principal.Username != "service-account-ism-backend" {
				t.Errorf("got %+v", principal)
			}
			if principal.UserID == devidp.UserID("ism-backend") || principal.UserID == devidp.UserID("service-account-ism-backend") {
				t.Error("a user has the client's id")
			}
		})
	}
}

func setBody(r *http.Request, form string) {
	r.Body, r.ContentLength = http.NoBody, 0
	if form != "" {
		fresh, err := http.NewRequest(r.Method, r.URL.String(), strings.NewReader(form))
		if err == nil {
			r.Body, r.ContentLength, r.GetBody = fresh.Body, fresh.ContentLength, fresh.GetBody
		}
	}
}

func TestDiscovery(t *testing.T) {
	issuer := serve(t, t.TempDir(), devidp.Settings{})
	response, err := http.Get(issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var document map[string]any
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	if document["issuer"] != issuer || document["token_endpoint"] != issuer+"/protocol/openid-connect/token" || document["jwks_uri"] != issuer+"/protocol/openid-connect/certs" {
		t.Errorf("got %v", document)
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("Content-Type is %q", kind)
	}
}

func TestTokenLife(t *testing.T) {
	issuer := serve(t, t.TempDir(), devidp.Settings{TokenLife: 90 * time.Second})
	_, a := ask(t, issuer, password("alice", "alice"), nil)
	if a.ExpiresIn != 90 {
		t.Errorf("expires in %d s", a.ExpiresIn)
	}
	for life, faults := range map[time.Duration]int{0: 0, time.Second: 0, 24 * time.Hour: 0, -1: 1, 999 * time.Millisecond: 1, 25 * time.Hour: 1} {
		if got := (devidp.Settings{TokenLife: life}).Validate(); len(got) != faults {
			t.Errorf("%s: got %v", life, got)
		}
	}
}
