package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/test/deployment"
)

// ofEachService is a path of each service that needs no more than a token.
var ofEachService = map[string]string{
	"rooms": "/api/rooms", "messages": "/api/rooms/0192d3a0-0000-7000-8000-000000000001/timeline", "realtime": "/api/poll?timeout=0",
	"notifications": "/api/notifications", "media": "/api/media/0192d3a0-0000-7000-8000-000000000001",
}

// ended reads a stream until its end, and gives the reason that its last event says.
func ended(t *testing.T, stream *client.Stream) (reason string) {
	t.Helper()
	timer := time.AfterFunc(time.Minute, stream.Close)
	defer timer.Stop()
	for {
		event, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return reason
		}
		if err != nil {
			t.Fatal(err)
		}
		var last struct {
			Type   string `json:"type"`
			Reason string `json:"reason"`
		}
		if json.Unmarshal(event.Data, &last) == nil && last.Type == "StreamEnded" {
			reason = last.Reason
		}
	}
}

// status is that of a request with a token.
func status(t *testing.T, d *deployment.Deployment, path, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.BaseURL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := d.HTTP().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// refusedEverywhere waits until no service takes a token any more. Each reads for itself who was signed out.
func refusedEverywhere(t *testing.T, d *deployment.Deployment, token string) {
	t.Helper()
	for service, path := range ofEachService {
		servicetest.AwaitSuccess(t, service+" to refuse the token", func() error {
			if got := status(t, d, path, token); got != http.StatusUnauthorized {
				return fmt.Errorf("%s: %d", path, got)
			}
			return nil
		})
	}
}

func backendSignsAUserOut(t *testing.T, d *deployment.Deployment) {
	alice, carol := d.SignIn(t, "alice"), d.SignIn(t, "carol")
	token := d.Token(t, "carol")
	stream, err := carol.Stream(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	ticket, err := carol.StreamTicket(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := alice.SignOutUser(t.Context(), carol.ID); !client.HasCode(err, "forbidden") {
		t.Errorf("as a user: %v", err)
	}
	begun := time.Now()
	if err := d.Backend(t).SignOutUser(t.Context(), carol.ID); err != nil {
		t.Fatal(err)
	}
	if reason := ended(t, stream); reason != "signed-out" {
		t.Errorf("the stream ended with %q", reason)
	}
	t.Logf("it ended after %v", time.Since(begun))
	refusedEverywhere(t, d, token)
	if _, err := carol.StreamByTicket(t.Context(), ticket.Ticket, ""); !client.HasCode(err, "invalid-ticket") {
		t.Errorf("a ticket from before: %v", err)
	}
	comesBack(t, d, "carol")
	if _, err := alice.Rooms(t.Context()); err != nil {
		t.Errorf("another user: %v", err)
	}
}

// comesBack signs a user in again: tokens of a second after the sign-out are good.
func comesBack(t *testing.T, d *deployment.Deployment, name string) {
	t.Helper()
	servicetest.AwaitSuccess(t, "a new token to be accepted", func() error {
		d.SignAnew(name)
		if got := status(t, d, "/api/rooms", d.Token(t, name)); got != http.StatusOK {
			return fmt.Errorf("%d", got)
		}
		return nil
	})
	again, err := d.SignIn(t, name).Stream(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// Keycloak tells when somebody signs out there (OpenID Connect Back-Channel Logout 1.0): the session's streams end and its tokens are refused, and no others.
func issuerSignsUsersOut(t *testing.T, d *deployment.Deployment) {
	const name = "u18"
	called := make(chan int, 10)
	keycloak := manage(t, d)
	url := forward(t, d.BaseURL, called)
	other := d.Token(t, name) // of another session of the same user
	for _, host := range hosts(t) {
		keycloak.logOutAt(t, fmt.Sprintf(url, host))
		session := passwordGrant(t, d, name)
		stream, err := client.New(d.BaseURL, d.HTTP(), client.Token(session.Access)).Stream(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		keycloak.signOut(t, d, session)
		select {
		case got := <-called:
			if got != http.StatusOK {
				t.Fatalf("the logout token was answered with %d", got)
			}
		case <-time.After(5 * time.Second):
			continue
		}
		begun := time.Now()
		if reason := ended(t, stream); reason != "signed-out" {
			t.Errorf("the stream ended with %q", reason)
		}
		t.Logf("it ended %v after the logout token", time.Since(begun))
		refusedEverywhere(t, d, session.Access)
		if got := status(t, d, "/api/rooms", other); got != http.StatusOK {
			t.Errorf("another session of the user: %d", got)
		}
		comesBack(t, d, name)
		return
	}
	t.Error("Keycloak has not called")
}

// hosts are the addresses of this machine: Keycloak runs on it, or in a container, from which one of the others leads here.
func hosts(t *testing.T) []string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, address := range addresses {
		if of, ok := address.(*net.IPNet); ok && of.IP.To4() != nil {
			all = append(all, of.IP.String())
		}
	}
	return all
}

// forward listens where containers of this machine come, too, and hands logout tokens on to the gateway. It gives the URL without its host.
func forward(t *testing.T, to string, called chan<- int) (urlWithoutHost string) {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error { called <- r.StatusCode; return nil },
	}
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return "http://%s:" + port + "/api/oidc/backchannel-logout"
}

type session struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// form posts a form to Keycloak, and reads the JSON of its answer, if there is any.
func form(t *testing.T, d *deployment.Deployment, at string, values url.Values, into any) {
	t.Helper()
	response, err := d.HTTP().PostForm(at, values)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && into != nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil || response.StatusCode > 299 {
		t.Fatalf("%s: %s: %s, %v", at, response.Status, body, err)
	}
}

func passwordGrant(t *testing.T, d *deployment.Deployment, name string) (got session) {
	t.Helper()
	form(t, d, d.Issuer+"/protocol/openid-connect/token", url.Values{
		"grant_type": {"password"}, "client_id": {"ism-demo"}, "username": {name}, "password": {name}, "scope": {"openid"},
	}, &got)
	return got
}

// management is what Keycloak's administrator does to the client of the tests.
type management struct {
	do     func(t testing.TB, method, path string, body any) []byte
	client string // its path
}

func manage(t *testing.T, d *deployment.Deployment) management {
	t.Helper()
	base := strings.TrimSuffix(d.Issuer, "/realms/ism")
	var administrator session
	form(t, d, base+"/realms/master/protocol/openid-connect/token", url.Values{
		"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {"admin"},
	}, &administrator)
	m := management{do: func(t testing.TB, method, path string, body any) []byte {
		t.Helper()
		content, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, method, base+"/admin/realms/ism"+path, bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+administrator.Access)
		request.Header.Set("Content-Type", "application/json")
		response, err := d.HTTP().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode > 299 {
			t.Fatalf("%s %s: %s: %s, %v", method, path, response.Status, answer, err)
		}
		return answer
	}}
	var found []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(m.do(t, http.MethodGet, "/clients?clientId=ism-demo", nil), &found); err != nil || len(found) != 1 {
		t.Fatalf("the client is %+v, %v", found, err)
	}
	m.client = "/clients/" + found[0].ID
	before := m.attributes(t)
	t.Cleanup(func() { m.set(t, before) })
	return m
}

func (m management) attributes(t testing.TB) map[string]string {
	t.Helper()
	var of struct {
		Attributes map[string]string `json:"attributes"`
	}
	if err := json.Unmarshal(m.do(t, http.MethodGet, m.client, nil), &of); err != nil {
		t.Fatal(err)
	}
	return of.Attributes
}

func (m management) set(t testing.TB, attributes map[string]string) {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(m.do(t, http.MethodGet, m.client, nil), &all); err != nil {
		t.Fatal(err)
	}
	all["attributes"] = attributes
	m.do(t, http.MethodPut, m.client, all)
}

// logOutAt says where Keycloak tells of logouts.
func (m management) logOutAt(t *testing.T, at string) {
	t.Helper()
	attributes := m.attributes(t)
	if attributes == nil {
		attributes = map[string]string{}
	}
	attributes["backchannel.logout.url"], attributes["backchannel.logout.session.required"] = at, "true"
	m.set(t, attributes)
}

// signOut ends a session at Keycloak, as its user does.
func (management) signOut(t *testing.T, d *deployment.Deployment, of session) {
	t.Helper()
	form(t, d, d.Issuer+"/protocol/openid-connect/logout", url.Values{"client_id": {"ism-demo"}, "refresh_token": {of.Refresh}}, nil)
}
