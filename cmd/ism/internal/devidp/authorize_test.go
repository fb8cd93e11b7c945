package devidp_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ism-chat/ism/cmd/ism/internal/devidp"
)

// The verifier and its challenge (RFC 7636, appendix B), and where the client is.
const (
	proof     = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	home      = "http://localhost:5403/app/"
)

// asked is an authorization request with some of its parameters changed; one without values is left out.
func asked(change url.Values) url.Values {
	query := url.Values{
		"response_type": {"code"}, "client_id": {"ism-web"}, "redirect_uri": {home}, "scope": {"openid profile"},
		"state": {"st&te \"<x>"}, "nonce": {"n-1"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for name, values := range change {
		if query[name] = values; len(values) == 0 {
			query.Del(name)
		}
	}
	return query
}

// browse is what a browser gets that follows no redirect.
func browse(t *testing.T, method, address, form string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := stay.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// signIn fills in the form and gives the query that the client is led back with.
func signIn(t *testing.T, issuer, user string, change url.Values) url.Values {
	t.Helper()
	response, body := browse(t, http.MethodPost, issuer+"/protocol/openid-connect/auth?"+asked(change).Encode(), url.Values{"user": {user}}.Encode())
	to, err := url.Parse(response.Header.Get("Location"))
	if err != nil || response.StatusCode != http.StatusSeeOther {
		t.Fatalf("signed in: %d to %q, %v\n%s", response.StatusCode, response.Header.Get("Location"), err, body)
	}
	return to.Query()
}

// exchange is the form by which a code becomes tokens.
func exchange(code string, change url.Values) string {
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {"ism-web"}, "redirect_uri": {home}, "code": {code}, "code_verifier": {proof}}
	for name, values := range change {
		form[name] = values
	}
	return form.Encode()
}

type session struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Scope   string `json:"scope"`
	Error   string `json:"error"`
}

func tokens(t *testing.T, issuer, form string) (int, session) {
	t.Helper()
	response, body := browse(t, http.MethodPost, issuer+"/protocol/openid-connect/token", form)
	var s session
	if err := json.Unmarshal([]byte(body), &s); err != nil || response.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%v: %s", err, body)
	}
	return response.StatusCode, s
}

func refreshed(t *testing.T, issuer, token, client string) (int, session) {
	t.Helper()
	return tokens(t, issuer, url.Values{"grant_type": {"refresh_token"}, "client_id": {client}, "refresh_token": {token}}.Encode())
}

func claimsOf(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestABrowserSignsInAndStaysSignedIn(t *testing.T) {
	issuer := serve(t, withKey(t), devidp.Settings{})
	v := verifier(t, issuer)
	back := signIn(t, issuer, " Alice ", nil)
	if back.Get("state") != "st&te \"<x>" || back.Get("iss") != issuer || len(back.Get("code")) < 20 {
		t.Fatalf("led back with %v", back)
	}
	status, first := tokens(t, issuer, exchange(back.Get("code"), nil))
	if status != http.StatusOK || first.Refresh == "" || !strings.Contains(first.Scope, "openid") {
		t.Fatalf("%d %+v", status, first)
	}
	principal, err := v.Verify(t.Context(), first.Access)
	if err != nil || principal.UserID != devidp.UserID("alice") || principal.ClientID != "ism-web" {
		t.Errorf("%+v, %v", principal, err)
	}
	id := claimsOf(t, first.ID)
	if id["nonce"] != "n-1" || id["sub"] != devidp.UserID("alice").String() || id["iss"] != issuer || id["preferred_username"] != "alice" {
		t.Errorf("the ID token says %v", id)
	}
	for name, token := range map[string]string{"ID": first.ID, "refresh": first.Refresh} {
		if _, err := v.Verify(t.Context(), token); err == nil {
			t.Errorf("the %s token passes for an access token", name)
		}
	}
	status, second := refreshed(t, issuer, first.Refresh, "ism-web")
	if principal, err := v.Verify(t.Context(), second.Access); status != http.StatusOK || err != nil || principal.Username != "alice" || second.Refresh == "" {
		t.Errorf("refreshed: %d, %+v, %v", status, principal, err)
	}
	if again := claimsOf(t, second.ID); again["nonce"] != nil || again["auth_time"] != id["auth_time"] || again["sid"] != id["sid"] {
		t.Errorf("the new ID token says %v", again)
	}
}

// Who restarts the messenger signs nobody out: its key and its issuer stay.
func TestRefreshTokensOutliveAProcess(t *testing.T) {
	dir := withKey(t)
	const issuer = "http://localhost:5403" + devidp.Path
	start := func() *fiber.App {
		provider, err := devidp.New(devidp.Config{Dir: dir, Issuer: issuer, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		app := fiber.New()
		provider.Routes(app)
		return app
	}
	post := func(app *fiber.App, path, form string) (*http.Response, session) {
		t.Helper()
		request := httptest.NewRequest(http.MethodPost, issuer+path, strings.NewReader(form))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := app.Test(request, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var s session
		_ = json.NewDecoder(response.Body).Decode(&s) // a redirect has none
		return response, s
	}
	before := start()
	led, _ := post(before, "/protocol/openid-connect/auth?"+asked(nil).Encode(), "user=alice")
	to, err := url.Parse(led.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	_, first := post(before, "/protocol/openid-connect/token", exchange(to.Query().Get("code"), nil))
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"ism-web"}, "refresh_token": {first.Refresh}}.Encode()
	if response, second := post(start(), "/protocol/openid-connect/token", form); response.StatusCode != http.StatusOK || second.Access == "" {
		t.Errorf("after a restart: %d, %+v", response.StatusCode, second)
	}
}

func TestACodeIsForOneClientOnce(t *testing.T) {
	issuer := serve(t, withKey(t), devidp.Settings{})
	for name, change := range map[string]url.Values{
		"another verifier":     {"code_verifier": {strings.Repeat("x", 43)}},
		"the challenge itself": {"code_verifier": {challenge}},
		"another client":       {"client_id": {"other"}},
		"another address":      {"redirect_uri": {"http://localhost:5403/app/other"}},
		"no address":           {"redirect_uri": {""}},
	} {
		code := signIn(t, issuer, "alice", nil).Get("code")
		if status, refused := tokens(t, issuer, exchange(code, change)); status != http.StatusBadRequest || refused.Error != "invalid_grant" || refused.Access != "" {
			t.Errorf("%s: %d %+v", name, status, refused)
		}
		if status, _ := tokens(t, issuer, exchange(code, nil)); status != http.StatusBadRequest {
			t.Errorf("%s: the code is good afterwards: %d", name, status)
		}
	}
	for name, change := range map[string]url.Values{"no verifier": {"code_verifier": {""}}, "a short one": {"code_verifier": {"abc"}}, "no code": {"code": {""}}} {
		if status, refused := tokens(t, issuer, exchange("x", change)); status != http.StatusBadRequest || refused.Error != "invalid_request" {
			t.Errorf("%s: %d %+v", name, status, refused)
		}
	}
}

// A code that is shown twice has been stolen: what it was exchanged for is ended.
func TestAStolenCodeEndsTheSession(t *testing.T) {
	issuer := serve(t, withKey(t), devidp.Settings{})
	code := signIn(t, issuer, "alice", nil).Get("code")
	_, s := tokens(t, issuer, exchange(code, nil))
	if status, _ := refreshed(t, issuer, s.Refresh, "ism-web"); status != http.StatusOK {
		t.Fatalf("refreshed: %d", status)
	}
	if status, refused := tokens(t, issuer, exchange(code, nil)); status != http.StatusBadRequest || refused.Error != "invalid_grant" {
		t.Errorf("the code is taken twice: %d", status)
	}
	if status, refused := refreshed(t, issuer, s.Refresh, "ism-web"); status != http.StatusBadRequest || refused.Error != "invalid_grant" {
		t.Errorf("the session goes on: %d", status)
	}
}

func TestRefreshTokensAreHeldToTheirClient(t *testing.T) {
	issuer := serve(t, withKey(t), devidp.Settings{})
	_, s := tokens(t, issuer, exchange(signIn(t, issuer, "alice", nil).Get("code"), nil))
	for name, c := range map[string]struct{ token, client string }{
		"another client": {s.Refresh, "other"}, "an access token": {s.Access, "ism-web"}, "an ID token": {s.ID, "ism-web"}, "nothing": {"", "ism-web"}, "rubbish": {"a.b.c", "ism-web"},
		"without its signature": {s.Refresh[:strings.LastIndex(s.Refresh, ".")+1], "ism-web"},
	} {
		if status, refused := refreshed(t, issuer, c.token, c.client); status != http.StatusBadRequest || refused.Error != "invalid_grant" || refused.Access != "" {
			t.Errorf("%s: %d %+v", name, status, refused)
		}
	}
}

func TestSigningOut(t *testing.T) {
	issuer := serve(t, withKey(t), devidp.Settings{})
	_, s := tokens(t, issuer, exchange(signIn(t, issuer, "alice", nil).Get("code"), nil))
	_, other := tokens(t, issuer, exchange(signIn(t, issuer, "alice", nil).Get("code"), nil))
	end := issuer + "/protocol/openid-connect/logout?"
	led, _ := browse(t, http.MethodGet, end+url.Values{"id_token_hint": {s.ID}, "post_logout_redirect_uri": {home}, "state": {"a b"}}.Encode(), "")
	if led.StatusCode != http.StatusSeeOther || led.Header.Get("Location") != home+"?state=a+b" {
		t.Errorf("led to %d %q", led.StatusCode, led.Header.Get("Location"))
	}
	if status, _ := refreshed(t, issuer, s.Refresh, "ism-web"); status != http.StatusBadRequest {
		t.Errorf("the session goes on: %d", status)
	}
	if status, _ := refreshed(t, issuer, other.Refresh, "ism-web"); status != http.StatusOK {
		t.Errorf("another session has ended: %d", status)
	}
	if shown, body := browse(t, http.MethodGet, end, ""); shown.StatusCode != http.StatusOK || !strings.Contains(body, "signed out") {
		t.Errorf("without an address: %d %s", shown.StatusCode, body)
	}
	for name, query := range map[string]url.Values{
		"an address of elsewhere": {"post_logout_redirect_uri": {"https://evil.example.com/"}},
		"another token":           {"id_token_hint": {s.Access}, "post_logout_redirect_uri": {home}},
		"a forged token":          {"id_token_hint": {s.ID[:len(s.ID)-8] + "AAAAAAAA"}},
	} {
		if refused, _ := browse(t, http.MethodGet, end+query.Encode(), ""); refused.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d to %q", name, refused.StatusCode, refused.Header.Get("Location"))
		}
	}
}

// Nobody is led to where the request must not lead, and where it may, the fault is told there.
func TestWhatASignInRefuses(t *testing.T) {
	issuer := serve(t, withKey(t), devidp.Settings{})
	for name, c := range map[string]struct {
		change url.Values
		code   string // at the client; none: the browser is not led there
	}{
		"elsewhere":                {url.Values{"redirect_uri": {"https://evil.example.com/"}}, ""},
		"a name that looks local":  {url.Values{"redirect_uri": {"http://localhost.evil.example.com/"}}, ""},
		"a user in the address":    {url.Values{"redirect_uri": {"http://localhost@evil.example.com/"}}, ""},
		"a user at this machine":   {url.Values{"redirect_uri": {"http://evil@localhost/"}}, ""},
		"a backslash":              {url.Values{"redirect_uri": {`http://localhost\@evil.example.com/`}}, ""},
		"a script":                 {url.Values{"redirect_uri": {"javascript:alert(1)//localhost"}}, ""},
		"a fragment":               {url.Values{"redirect_uri": {home + "#x"}}, ""},
		"a line break":             {url.Values{"redirect_uri": {home + "\r\nSet-Cookie: x"}}, ""},
		"a relative address":       {url.Values{"redirect_uri": {"/app/"}}, ""},
		"no address":               {url.Values{"redirect_uri": {}}, ""},
		"two addresses":            {url.Values{"redirect_uri": {home, home}}, ""},
		"no client":                {url.Values{"client_id": {}}, ""},
		"a client that is markup":  {url.Values{"client_id": {"<script>"}}, ""},
		"the backend":              {url.Values{"client_id": {"ism-backend"}}, ""},
		"no challenge":             {url.Values{"code_challenge": {}}, "invalid_request"},
		"a plain challenge":        {url.Values{"code_challenge_method": {"plain"}}, "invalid_request"},
		"no method":                {url.Values{"code_challenge_method": {}}, "invalid_request"},
		"a short challenge":        {url.Values{"code_challenge": {"abc"}}, "invalid_request"},
		"a token":                  {url.Values{"response_type": {"token"}}, "unsupported_response_type"},
		"code in the fragment":     {url.Values{"response_mode": {"fragment"}}, "invalid_request"},
		"silently":                 {url.Values{"prompt": {"none"}}, "login_required"},
		"a request object":         {url.Values{"request": {"x"}}, "request_not_supported"},
		"a long nonce":             {url.Values{"nonce": {strings.Repeat("n", 1025)}}, "invalid_request"},
		"the loopback address":     {url.Values{"redirect_uri": {"http://127.0.0.1:3000/cb?x=1"}, "code_challenge": {}}, "invalid_request"},
		"the loopback address, v6": {url.Values{"redirect_uri": {"http://[::1]:3000/cb"}, "code_challenge": {}}, "invalid_request"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			response, body := browse(t, method, issuer+"/protocol/openid-connect/auth?"+asked(c.change).Encode(), "user=alice")
			location := response.Header.Get("Location")
			if c.code == "" {
				if location != "" || response.StatusCode != http.StatusBadRequest || strings.Contains(body, "<script>") {
					t.Errorf("%s: %d to %q: %s", name, response.StatusCode, location, body)
				}
				continue
			}
			to, err := url.Parse(location)
			if err != nil || to.Query().Get("error") != c.code || to.Query().Get("state") != "st&te \"<x>" || to.Query().Get("code") != "" {
				t.Errorf("%s: %d to %q: %v", name, response.StatusCode, location, err)
			}
		}
	}
}

func TestTheFormIsShownToNobodyElse(t *testing.T) {
	issuer := serve(t, withKey(t), devidp.Settings{})
	address := issuer + "/protocol/openid-connect/auth?" + asked(url.Values{"login_hint": {"bob"}}).Encode()
	response, body := browse(t, http.MethodGet, address, "")
	policy := response.Header.Get("Content-Security-Policy")
	if response.StatusCode != http.StatusOK || !strings.Contains(body, `name="user" value="bob"`) || !strings.Contains(policy, "default-src 'none'") ||
		!strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "form-action 'self' http://localhost:5403;") || response.Header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("%d, %v\n%s", response.StatusCode, response.Header, body)
	}
	if regexp.MustCompile(`(?i)<script|onload|st&|code_challenge`).MatchString(body) {
		t.Errorf("the page has what the request said:\n%s", body)
	}
	for _, user := range []string{"", "al ice", "<script>alert(1)</script>", strings.Repeat("n", 65), "client:ism-backend"} {
		refused, body := browse(t, http.MethodPost, address, url.Values{"user": {user}}.Encode())
		if refused.StatusCode != http.StatusBadRequest || refused.Header.Get("Location") != "" || strings.Contains(body, "<script") || !strings.Contains(body, `role="alert"`) {
			t.Errorf("%q: %d\n%s", user, refused.StatusCode, body)
		}
	}
	for _, origin := range []string{"https://evil.example.com", "null"} {
		if refused, _ := browse(t, http.MethodPost, address, "user=alice", "Origin", origin); refused.StatusCode != http.StatusForbidden {
			t.Errorf("a page of %s fills in the form: %d", origin, refused.StatusCode)
		}
	}
}

func TestDiscoveryDescribesTheCodeFlow(t *testing.T) {
	issuer := serve(t, withKey(t), devidp.Settings{})
	_, body := browse(t, http.MethodGet, issuer+"/.well-known/openid-configuration", "")
	var document struct {
		Authorization string   `json:"authorization_endpoint"`
		End           string   `json:"end_session_endpoint"`
		Grants        []string `json:"grant_types_supported"`
		Methods       []string `json:"code_challenge_methods_supported"`
	}
	if err := json.Unmarshal([]byte(body), &document); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(document.Authorization, issuer+"/") || !strings.HasPrefix(document.End, issuer+"/") || len(document.Grants) != 4 || len(document.Methods) != 1 || document.Methods[0] != "S256" {
		t.Errorf("it says %s", body)
	}
	for _, address := range []string{document.Authorization + "?" + asked(nil).Encode(), document.End} {
		if response, _ := browse(t, http.MethodGet, address, ""); response.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", address, response.StatusCode)
		}
	}
}
