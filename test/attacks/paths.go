package attacks

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/test/deployment"
)

// otherRealms asks for what Keycloak has beside the realm ism, in the ways that a path can be written.
func otherRealms(t *testing.T, d *deployment.Deployment) {
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {"admin"}}.Encode()
	const token = "/protocol/openid-connect/token"
	for _, path := range []string{
		"/realms/master" + token, "/realms/MASTER" + token, "/realms/%6daster" + token, "/realms/ismael" + token, "/realms//master" + token,
		"/realms/ism/../master" + token, "/realms/ism/%2e%2e/master" + token, "/realms/ism/.%2E/master" + token, "/realms/ism/%252e%252e/master" + token,
		"/realms/ism/..;/master" + token, "/realms/ism/..;a=b/master" + token, "/realms/ism/..%3b/master" + token, "/realms/ism;/../master" + token,
		"/realms/ism/..%2fmaster" + token, "/realms/ism%2f..%2fmaster" + token, `/realms/ism/..\master` + token, "/realms/ism/..%5cmaster" + token,
		"/realms/ism/..%00/master" + token, "/realms/ism/%u002e%u002e/master" + token, "/realms/ism/#/../master" + token,
		"/auth/realms/master" + token, "http://127.0.0.1/realms/master" + token,
		"/realms/master", "/realms", "/realms/", "/admin", "/admin/", "/admin/master/console/", "/admin/realms/ism/users", "/realms/..;/admin/realms", "/realms/ism/..;/..;/admin/realms",
		"/realms/ism/../../admin/realms", "/resources/../admin/realms", "/resources/x/admin/keycloak.v2/", "/resources/master/account/en", "/metrics", "/health/ready",
		"/realms/ism/clients-registrations/default", "/realms/ism/clients%2dregistrations/openid-connect",
	} {
		response, body := askRaw(t, d, fmt.Sprintf(
			"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", path, len(form), form))
		if response == nil {
			continue
		}
		refused := response.StatusCode == http.StatusBadRequest || response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusMethodNotAllowed
		if !refused || strings.Contains(body, "access_token") || !strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s is answered with %s: %.200s", path, response.Status, body)
		}
	}
}

// insideFromOutside asks the front door for what is only at internal listeners.
func insideFromOutside(t *testing.T, d *deployment.Deployment) {
	paths := []string{
		"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile?seconds=1", "/internal", "/internal/", "/%69nternal/users/x", "/INTERNAL/users/x", "//internal/users/x",
		"/api/../internal/users/x", "/api/rooms/../../internal/users/x", "/api/rooms/..;/..;/internal/users/x", "/api/rooms/%2e%2e/%2e%2e/metrics", "http://127.0.0.1:9403/metrics",
		"/-/problem", "/stub_status", "/nginx_status", "/.env", "/.git/config",
	}
	for _, o := range deployment.Operations(t) {
		if strings.HasPrefix(o.Path, "/internal/") {
			paths = append(paths, strings.NewReplacer("{", "", "}", "").Replace(o.Path))
		}
	}
	bearer := "Authorization: Bearer " + d.Token(t, "alice") + "\r\n"
	for _, path := range paths {
		response, body := askRaw(t, d, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n"+bearer+"Connection: close\r\n\r\n")
		if response == nil {
			continue
		}
		refused := response.StatusCode >= http.StatusBadRequest && response.StatusCode < http.StatusInternalServerError
		if !refused || strings.Contains(body, "goroutine") || strings.Contains(body, "ism_") {
			t.Errorf("%s is answered with %s: %.200s", path, response.Status, body)
		}
	}
}

// internalListeners asks them themselves, as who is beside the services could.
func internalListeners(t *testing.T, d *deployment.Deployment) {
	const room = "/internal/rooms/01a209b2-52e0-750b-b3dc-13d3366854b4/members"
	listeners, backend := d.InternalListeners(t), d.BackendToken(t)
	if len(listeners) == 0 {
		t.Fatal("no internal listener is known")
	}
	for service, address := range listeners {
		for _, path := range []string{room, "/internal/nothing", "/debug/pprof/heap", "/debug/pprof/profile?seconds=1"} {
			for _, shown := range []string{"", "Bearer " + strings.Repeat("x", 48), "Bearer " + backend} {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				if shown != "" {
					request.Header.Set("Authorization", shown)
				}
				response, err := d.HTTP().Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				if response.StatusCode != http.StatusUnauthorized && response.StatusCode != http.StatusNotFound {
					t.Errorf("%s of %s is answered with %s to %.20q", path, service, response.Status, shown)
				}
			}
		}
	}
}

// askRaw sends the bytes as they are and gives the answer. A connection that is closed without one gives nil.
func askRaw(t *testing.T, d *deployment.Deployment, raw string) (*http.Response, string) {
	t.Helper()
	connection := connect(t, d)
	if connection == nil {
		return nil, ""
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(connection, raw) // what is refused early cannot be written to its end
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		if isTimeout(err) {
			t.Errorf("no answer to %.80q", raw)
		}
		return nil, ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if isTimeout(err) {
		t.Errorf("half an answer to %.80q", raw)
	}
	return response, string(body)
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
