package attacks

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ism-chat/ism/test/deployment"
)

const evil = "evil.example.com"

// forwardedHeaders writes what proxies write, and asks for what names the front door's own address.
func forwardedHeaders(t *testing.T, d *deployment.Deployment) {
	forged := http.Header{
		"X-Forwarded-For": {"192.0.2.1, 127.0.0.1"}, "X-Real-Ip": {"127.0.0.1"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {evil}, "X-Forwarded-Port": {"1"},
		"X-Forwarded-Prefix": {"/" + evil}, "Forwarded": {"for=127.0.0.1;proto=https;host=" + evil}, "X-Original-Url": {"/internal/users/x"}, "X-Rewrite-Url": {"/internal/users/x"},
		"X-Http-Method-Override": {"DELETE"}, "True-Client-Ip": {"127.0.0.1"}, "X-Forwarded-User": {"alice"}, "X-Client-Cert": {evil},
	}
	paths := []string{"/health", "/api/rooms"}
	issuersOwn := strings.HasPrefix(d.Issuer, d.BaseURL)
	if issuersOwn {
		paths = append(paths, "/realms/ism/.well-known/openid-configuration")
	}
	for _, path := range paths {
		plain, want := ask(t, d, path, nil)
		response, body := ask(t, d, path, forged)
		refused := response.StatusCode >= http.StatusBadRequest && response.StatusCode < http.StatusInternalServerError
		if path != "/api/rooms" && !refused && (response.StatusCode != plain.StatusCode || !bytes.Equal(body, want)) {
			t.Errorf("%s: %s %.300s, and without the headers %s", path, response.Status, body, plain.Status)
		}
		if path == "/api/rooms" && response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", path, response.Status)
		}
		namesNobody(t, path, response, body)
	}
	if !issuersOwn {
		return // the tests' own Keycloak has no name of its own
	}
	for _, path := range []string{"/realms/ism/.well-known/openid-configuration", "/realms/ism/account/", "/realms/ism/protocol/openid-connect/auth?client_id=ism-web&response_type=code"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.BaseURL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = evil
		response, err := d.HTTP().Transport.RoundTrip(request) // which follows no redirect
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode < http.StatusBadRequest { // who is refused may be told by which name
			namesNobody(t, path, response, body)
		}
	}
}

// namesNobody expects that an answer does not repeat whom a stranger has named.
func namesNobody(t *testing.T, path string, response *http.Response, body []byte) {
	t.Helper()
	for name, values := range response.Header {
		if strings.Contains(strings.Join(values, " "), evil) {
			t.Errorf("%s: %s names %s: %q", path, name, evil, values)
		}
	}
	if bytes.Contains(body, []byte(evil)) {
		t.Errorf("%s: the answer names %s: %.300s", path, evil, body)
	}
}
