package attacks

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/authn/subject"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/test/deployment"
)

// forgedLogouts are logout tokens that whoever has not the issuer's key can make, and what the issuer has signed for something else.
func forgedLogouts(t *testing.T, d *deployment.Deployment) {
	alice := d.SignIn(t, "alice")
	given := tokensOf(t, d, d.Issuer, url.Values{
		"grant_type": {"password"}, "client_id": {"ism-demo"}, "username": {"alice"}, "password": {"alice"}, "scope": {"openid"},
	})
	open := watch(t, d, alice.Client, alice.ID)
	parts := strings.Split(given["access_token"], ".")
	var header, claims map[string]any
	if json.Unmarshal(decoded(t, parts[0]), &header) != nil || json.Unmarshal(decoded(t, parts[1]), &claims) != nil {
		t.Fatal("the token cannot be read")
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	part := func(of map[string]any) string {
		text, err := json.Marshal(of)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	// As Keycloak makes it, for the session of the real token.
	logout := map[string]any{
		"iss": claims["iss"], "aud": "ism-demo", "sub": claims["sub"], "sid": claims["sid"], "iat": time.Now().Unix(), "exp": time.Now().Add(2 * time.Minute).Unix(),
		"jti": uuid.NewString(), "typ": "Logout", "events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	elsewhere := maps.Clone(logout)
	elsewhere["iss"] = "https://evil.example.com/realms/ism"
	tokens := map[string]string{
		"alg none":             part(map[string]any{"alg": "none"}) + "." + part(logout) + ".",
		"alg nOnE":             part(map[string]any{"alg": "nOnE", "kid": header["kid"]}) + "." + part(logout) + "." + parts[2],
		"no signature":         parts[0] + "." + part(logout) + ".",
		"another's signature":  parts[0] + "." + part(logout) + "." + parts[2],
		"an own key":           signed(t, key, part(map[string]any{"alg": "RS256", "typ": "logout+jwt", "kid": header["kid"]})+"."+part(logout)),
		"an unknown kid":       signed(t, key, part(map[string]any{"alg": "RS256", "kid": "mine"})+"."+part(logout)),
		"a jku":                signed(t, key, part(map[string]any{"alg": "RS256", "kid": "mine", "jku": "http://127.0.0.1:9/keys"})+"."+part(logout)),
		"HS256 with nothing":   mac(part(map[string]any{"alg": "HS256", "kid": header["kid"]})+"."+part(logout), nil),
		"another issuer":       signed(t, key, parts[0]+"."+part(elsewhere)),
		"no claims":            signed(t, key, parts[0]+"."+part(nil)),
		"no token":             "",
		"text":                 "x.y.z",
		"two tokens in a row":  given["access_token"] + "." + given["access_token"],
		"a token of 20 000":    strings.Repeat("a", 20_000),
		"an access token":      given["access_token"],
		"an ID token":          given["id_token"],
		"a refresh token":      given["refresh_token"],
		"a backend's token":    d.BackendToken(t),
		"what is no token 127": strings.Repeat(".", 127),
	}
	refuseLogouts(t, d, tokens)
	// Nor does a credential make it count, or another way to hand it in.
	for name, c := range map[string]struct{ method, path, kind, body string }{
		"in the query":   {http.MethodPost, "?logout_token=" + tokens["an own key"], "application/x-www-form-urlencoded", ""},
		"in JSON":        {http.MethodPost, "", "application/json", `{"logout_token":"` + tokens["an own key"] + `"}`},
		"twice":          {http.MethodPost, "", "application/x-www-form-urlencoded", "logout_token=x.y.z&logout_token=" + tokens["an own key"]},
		"by another way": {http.MethodGet, "?logout_token=" + tokens["an own key"], "", ""},
	} {
		if status, body := handIn(t, d, c.method, logoutPath+c.path, c.kind, c.body); status < http.StatusBadRequest || status >= http.StatusInternalServerError {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	open.still(t)
	if status := statusOf(t, d, given["access_token"]); status != http.StatusOK {
		t.Errorf("the token of the session is answered with %d", status)
	}
}

const logoutPath = "/api/oidc/backchannel-logout"

// refuseLogouts hands tokens in, all of which get the same refusal.
func refuseLogouts(t *testing.T, d *deployment.Deployment, tokens map[string]string) {
	t.Helper()
	var same string
	for name, token := range tokens {
		status, body := logOut(t, d, token)
		var problem map[string]any
		if err := json.Unmarshal([]byte(body), &problem); err != nil || status != http.StatusBadRequest || problem["code"] != "invalid-logout-token" {
			t.Errorf("%s: %d %s", name, status, body)
			continue
		}
		for _, own := range []string{"traceId", "timestamp"} { // each answer has its own
			delete(problem, own)
		}
		text, err := json.Marshal(problem)
		if err != nil {
			t.Fatal(err)
		}
		if same == "" {
			same = string(text)
		}
		if string(text) != same {
			t.Errorf("%s is told from others: %s, not %s", name, text, same)
		}
	}
}

// logOut hands a logout token in as issuers do.
func logOut(t *testing.T, d *deployment.Deployment, token string) (status int, body string) {
	t.Helper()
	return handIn(t, d, http.MethodPost, logoutPath, "application/x-www-form-urlencoded", url.Values{"logout_token": {token}}.Encode())
}

func handIn(t *testing.T, d *deployment.Deployment, method, path, kind, content string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, d.BaseURL+path, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	response, err := d.HTTP().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// watched is an open stream.
type watched struct {
	d      *deployment.Deployment
	user   uuid.UUID
	stream *client.Stream
}

// watch opens a stream of a user.
func watch(t *testing.T, d *deployment.Deployment, as *client.Client, user uuid.UUID) watched {
	t.Helper()
	stream, err := as.Stream(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stream.Close)
	return watched{d, user, stream}
}

// still sends the user something, which the stream has to have. An end comes before it.
func (w watched) still(t *testing.T) {
	t.Helper()
	mark := uuid.NewString()
	backend := w.d.Backend(t)
	servicetest.AwaitSuccess(t, "the user to be told something", func() error { // once the user is known everywhere
		_, err := backend.Notify(t.Context(), client.Notification{To: []uuid.UUID{w.user}, Message: map[string]string{"still": mark}, Key: mark})
		return err
	})
	timer := time.AfterFunc(time.Minute, w.stream.Close)
	defer timer.Stop()
	for {
		event, err := w.stream.Next()
		if err != nil {
			t.Fatalf("the stream has ended, or does not have what was sent: %v", err)
		}
		if strings.Contains(string(event.Data), mark) {
			return
		}
	}
}

// logouts are rightly signed, by an issuer that is trusted. Only whole ones count, for its own users, and for what was opened before.
func (s *Signer) logouts(t *testing.T, d *deployment.Deployment) {
	now, subjects := time.Now(), uuid.New()
	zoe, err := subject.UserID(subject.Derived, s.issuer.URL, subjects.String())
	if err != nil {
		t.Fatal(err)
	}
	token := func(age time.Duration) string {
		claims := s.issuer.Claims(subjects, "zoe")
		claims["iat"], claims["sid"] = now.Add(-age).Unix(), "session-1"
		return s.issuer.Sign(t, claims)
	}
	logout := func(changes jwt.MapClaims) string {
		claims := s.issuer.LogoutClaims(subjects, "session-1")
		claims["iat"] = now.Add(-time.Minute).Unix()
		maps.Copy(claims, changes)
		maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
		return s.issuer.Sign(t, claims)
	}
	before := token(2 * time.Minute)
	as := func(token string) *client.Client { return client.New(d.BaseURL, d.HTTP(), client.Token(token)) }
	if _, err := as(before).Rooms(t.Context()); err != nil {
		t.Fatal(err)
	}
	open := watch(t, d, as(before), zoe)
	whole := s.issuer.LogoutClaims(subjects, "session-1")
	refuseLogouts(t, d, map[string]string{
		"no events":               logout(jwt.MapClaims{"events": nil}),
		"another event":           logout(jwt.MapClaims{"events": map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}}),
		"an event that is a text": logout(jwt.MapClaims{"events": "http://schemas.openid.net/event/backchannel-logout"}),
		"a nonce":                 logout(jwt.MapClaims{"nonce": "x"}),
		"another client":          logout(jwt.MapClaims{"aud": "shop"}),
		"no client":               logout(jwt.MapClaims{"aud": nil}),
		"no jti":                  logout(jwt.MapClaims{"jti": nil}),
		"nobody":                  logout(jwt.MapClaims{"sub": nil, "sid": nil}),
		"no iat":                  logout(jwt.MapClaims{"iat": nil}),
		"of long ago":             logout(jwt.MapClaims{"iat": now.Add(-time.Hour).Unix()}),
		"of later":                logout(jwt.MapClaims{"iat": now.Add(10 * time.Minute).Unix()}),
		"over":                    logout(jwt.MapClaims{"exp": now.Add(-5 * time.Minute).Unix()}),
		"an ID token by its typ":  logout(jwt.MapClaims{"typ": "ID"}),
		"the first issuer's":      logout(jwt.MapClaims{"iss": d.Issuer}),
		"no issuer":               logout(jwt.MapClaims{"iss": nil}),
		"an access token's typ":   s.issuer.SignHeader(t, map[string]any{"typ": "at+jwt"}, whole),
		"an unknown kid":          s.issuer.SignHeader(t, map[string]any{"kid": "mine"}, whole),
		"crit":                    s.issuer.SignHeader(t, map[string]any{"crit": []string{"b64"}, "b64": false}, whole),
		"an access token":         before,
	})
	open.still(t)

	// It is nobody's business who is a user of the first issuer.
	alice := d.SignIn(t, "alice")
	if _, err := alice.Rooms(t.Context()); err != nil {
		t.Fatal(err)
	}
	hers := watch(t, d, alice.Client, alice.ID)
	var claims struct {
		Session string `json:"sid"`
	}
	if err := json.Unmarshal(decoded(t, strings.Split(d.Token(t, "alice"), ".")[1]), &claims); err != nil {
		t.Fatal(err)
	}
	for _, session := range []any{nil, "session-2", claims.Session} {
		if session == "" { // the development identity provider has none
			continue
		}
		if status, body := logOut(t, d, logout(jwt.MapClaims{"sub": alice.ID.String(), "sid": session, "iat": time.Now().Unix()})); status != http.StatusOK {
			t.Errorf("%d %s", status, body)
		}
	}
	hers.still(t)

	genuine := logout(jwt.MapClaims{"sid": nil})
	if status, body := logOut(t, d, genuine); status != http.StatusOK {
		t.Fatalf("a whole one: %d %s", status, body)
	}
	servicetest.Await(t, "the token from before to be refused", func() bool { return statusOf(t, d, before) == http.StatusUnauthorized })
	after := watch(t, d, as(token(0)), zoe)
	if status, body := logOut(t, d, genuine); status != http.StatusOK {
		t.Errorf("once more: %d %s", status, body)
	}
	after.still(t)
	if status := statusOf(t, d, token(0)); status != http.StatusOK {
		t.Errorf("who has signed in since is answered with %d once the logout token comes again", status)
	}
}
