// Package deployment starts the messenger as its users run it, so that one suite of tests can be played against each way:
// all of it in one process, and five services on the real engines behind the gateway.
package deployment

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/test/tracing"
)

// running is one of a deployment's processes, started by the test itself or in a container.
type running interface {
	start(t testing.TB)
	awaitReady(t testing.TB, httpClient *http.Client)
	kill(t testing.TB)
	terminate(t testing.TB) (exitCode int)
	stop(t testing.TB) // at the end of a test
	log(t testing.TB) string
	ours() bool // one of the messenger's own, not of what it stands on
}

// Deployment is a running messenger.
type Deployment struct {
	Name    string
	BaseURL string
	Issuer  string // where tokens come from, by the password grant
	Spans   Spans
	// Internal are the host:port of the internal listeners, by process.
	Internal map[string]string

	edges     []string // base URLs of the edges, where streams are opened there; otherwise they pass the gateway
	nodes     []string // base URLs of the processes of messages, where users call them there; otherwise they pass the gateway
	processes map[string]running
	objects   func(t testing.TB) []string // see Objects; nil: of a deployment that does not say where they are
	master    func(t testing.TB) (issuer, password string)
	inside    func(t testing.TB) map[string]string // where internal listeners are, if not in Internal
	http      *http.Client

	mu     sync.Mutex
	tokens map[string]string
}

// Settings are variables (ISM_…) that all services of a deployment get, over what it sets itself.
type Settings map[string]string

// apply puts settings over a process's own variables. A setting of the issuer is also where the deployment's tokens come from.
func (d *Deployment) apply(variables map[string]string, settings []Settings) {
	for _, given := range settings {
		maps.Copy(variables, given)
	}
	if issuer, given := variables["ISM_OIDC_ISSUER"]; given {
		d.Issuer = issuer
	}
}

// mostMembers is how many users a room may have: the suites put all of theirs into one.
const mostMembers = "100"

// What is larger is uploaded in parts, and in parts of which size: the smallest that S3 takes.
const formBytes, partBytes = "1048576", "5242880"

// clientID is the OIDC client that may use the password grant: the demo realm's, and any at the development identity provider.
const clientID = "ism-demo"

// startTimeout is how long a process may take to become ready, on a slow machine that other things use too.
const startTimeout = 4 * time.Minute

// Spans are those that the deployment's processes have recorded.
type Spans interface {
	// Await waits until the check finds nothing wrong with the spans of a trace. It fails the test if that never is.
	Await(t testing.TB, trace string, check func(spans []tracing.Span) error)
	// Roots are the spans that began a trace.
	Roots(t testing.TB) []tracing.Span
}

func newDeployment(t testing.TB, name, baseURL, issuer string, spans Spans) *Deployment {
	t.Helper()
	return &Deployment{
		Name: name, BaseURL: baseURL, Issuer: issuer, Spans: spans,
		processes: map[string]running{},
		http: &http.Client{Transport: &http.Transport{
			MaxIdleConnsPerHost: 128,
			TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
		}},
		tokens: map[string]string{},
	}
}

// Start starts what is described by build, waits until it is ready and stops it at the end of the test.
func start(t testing.TB, d *Deployment) *Deployment {
	t.Helper()
	t.Cleanup(func() { d.http.CloseIdleConnections() })
	for _, p := range d.processes {
		p.start(t)
		t.Cleanup(func() { p.stop(t) })
	}
	for _, p := range d.processes {
		p.awaitReady(t, d.http)
	}
	return d
}

// Services are the names of the processes that Kill takes.
func (d *Deployment) Services() []string {
	var names []string
	for name, p := range d.processes {
		if p.ours() {
			names = append(names, name)
		}
	}
	return names
}

// PIDs are the ids of the running processes by name, the gateway's with those of the services.
func (d *Deployment) PIDs() map[string]int {
	pids := map[string]int{}
	for name, p := range d.processes {
		if own, ok := p.(*process); ok {
			pids[name] = own.cmd.Process.Pid
		}
	}
	return pids
}

// Kill ends a process as a crash would, by SIGKILL.
func (d *Deployment) Kill(t testing.TB, service string) {
	t.Helper()
	d.processes[service].kill(t)
}

// Freeze has a process stand still, as by SIGSTOP, until the function that it gives is called, or the test ends.
func (d *Deployment) Freeze(t testing.TB, service string) (thaw func()) {
	t.Helper()
	return freeze(t, d.own(t, service))
}

// Restart starts a process that was killed and waits until it is ready.
func (d *Deployment) Restart(t testing.TB, service string) {
	t.Helper()
	d.processes[service].start(t)
	d.processes[service].awaitReady(t, d.http)
}

// Stop ends a process as an operator would, by SIGTERM, and gives how long it took and its exit code.
func (d *Deployment) Stop(t testing.TB, service string) (time.Duration, int) {
	t.Helper()
	begun := time.Now()
	code := d.processes[service].terminate(t)
	return time.Since(begun), code
}

// RestartAll ends all of the messenger's own processes as an operator would, and starts them again once none is left.
func (d *Deployment) RestartAll(t testing.TB) {
	t.Helper()
	services := d.Services()
	for _, service := range services {
		if _, code := d.Stop(t, service); code != 0 {
			t.Errorf("%s ended with code %d", service, code)
		}
	}
	for _, service := range services {
		d.processes[service].start(t)
	}
	for _, service := range services {
		d.processes[service].awaitReady(t, d.http)
	}
}

// Log is what a process has logged so far.
func (d *Deployment) Log(t testing.TB, service string) string {
	t.Helper()
	return d.processes[service].log(t)
}

// AwaitLog waits until a process has logged a text and gives all that it has logged.
func (d *Deployment) AwaitLog(t testing.TB, service, text string) string {
	t.Helper()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(time.Minute)
	for {
		if log := d.Log(t, service); strings.Contains(log, text) {
			return log
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("%s did not log %q", service, text)
		}
	}
}

// User is somebody who is signed in.
type User struct {
	*client.Client
	ID   uuid.UUID
	Name string // which the user signs in with

	DisplayName string // which others see

	doors []*client.Client // where streams are opened
	nodes []*client.Client // where messages are sent and read
}

// At is the user's client at one of the processes of messages, counted round and round.
func (u *User) At(node int) *client.Client { return u.nodes[node%len(u.nodes)] }

// SignIn signs a user in and lets the messenger meet them, as every client does by listing its rooms.
func (d *Deployment) SignIn(t testing.TB, name string) *User {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	token := d.Token(t, name)
	id, err := client.Subject(token)
	if err != nil {
		t.Fatalf("sign %s in: %v", name, err)
	}
	user := &User{Client: client.New(d.BaseURL, d.http, client.Token(token)), ID: id, Name: name, DisplayName: displayName(t, token)}
	clients := func(addresses []string) []*client.Client {
		if len(addresses) == 0 {
			return []*client.Client{user.Client}
		}
		var all []*client.Client
		for _, address := range addresses {
			all = append(all, client.New(address, d.http, client.Token(token)))
		}
		return all
	}
	user.doors, user.nodes = clients(d.edges), clients(d.nodes)
	if _, err := user.Rooms(ctx); err != nil {
		t.Fatalf("list the rooms of %s: %v", name, err)
	}
	return user
}

// displayName is the claim that the messenger shows by default.
func displayName(t testing.TB, token string) string {
	t.Helper()
	var claims struct {
		Name string `json:"name"`
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1]) // client.Subject has read it
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil || claims.Name == "" {
		t.Fatalf("the token names nobody: %q, %v", claims.Name, err)
	}
	return claims.Name
}

// Backend is a client of the backend that runs beside the messenger, whose token has the role of administrators.
func (d *Deployment) Backend(t testing.TB) *client.Client {
	t.Helper()
	return client.New(d.BaseURL, d.http, client.Token(d.BackendToken(t)))
}

// BackendToken is an access token of the backend.
func (d *Deployment) BackendToken(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	token, _, err := client.BackendToken(ctx, d.http, d.Issuer, "ism-backend", "ism-backend-secret")
	if err != nil {
		t.Fatalf("sign the backend in: %v", err)
	}
	return token
}

// Token is an access token of the user.
func (d *Deployment) Token(t testing.TB, name string) string {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if token, ok := d.tokens[name]; ok {
		return token
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	token, _, err := client.PasswordToken(ctx, d.http, d.Issuer, clientID, name, name)
	if err != nil {
		t.Fatalf("sign %s in: %v", name, err)
	}
	d.tokens[name] = token
	return token
}

// SignAnew has the user's next token be a new one: those from before are refused once the user was signed out.
func (d *Deployment) SignAnew(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.tokens, name)
}

// MasterRealm is the realm of Keycloak's administrators, asked past the gateway, and the password of the one called admin. A deployment without Keycloak
// has neither.
func (d *Deployment) MasterRealm(t testing.TB) (issuer, password string) {
	t.Helper()
	if d.master == nil {
		return "", ""
	}
	return d.master(t)
}

// InternalListeners are the host:port of the internal listeners, as they are now.
func (d *Deployment) InternalListeners(t testing.TB) map[string]string {
	t.Helper()
	if d.inside == nil {
		return d.Internal
	}
	return d.inside(t)
}

// HTTP is for requests that no client would make.
func (d *Deployment) HTTP() *http.Client { return d.http }

// binary is the path of a program of the suite: built by make, or else now.
func binary(t testing.TB, name string) string {
	t.Helper()
	if dir := os.Getenv("ISM_TEST_BIN_DIR"); dir != "" {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("find program %s: %v", name, err)
		}
		return path
	}
	return build(t, name)
}

func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
	}
	t.Fatal("the root of the workspace is not above the test")
	return ""
}

func baseURL(address string) string { return fmt.Sprintf("http://%s", address) }

// Launch starts a process that has ended, and does not wait until it is ready.
func (d *Deployment) Launch(t testing.TB, service string) {
	t.Helper()
	d.processes[service].start(t)
}

// Ready asks a process of this machine whether it is ready, and gives the status, 0 where it does not answer, and the answer.
func (d *Deployment) Ready(t testing.TB, service string) (status int, answer string) {
	t.Helper()
	response, err := d.http.Get(d.own(t, service).readyURL)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil {
		return 0, ""
	}
	return response.StatusCode, string(body)
}
