package deployment

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// composeTimeout is how long the whole stack may take to be healthy, on two slow cores that other things use too.
const composeTimeout = 10 * time.Minute

// ComposeServices are the deployables of ours in the compose stack.
func ComposeServices() []string {
	return []string{"rooms", "messages", "realtime", "notifications", "media"}
}

// Stack is the compose stack, which test/compose/run has started.
type Stack struct {
	*Deployment

	Prometheus string // base URL

	file string
}

// Compose is the running compose stack.
func Compose(t testing.TB) *Stack {
	t.Helper()
	public := setting(t, "PUBLIC_URL")
	s := &Stack{
		Deployment: newDeployment(t, "compose", public, public+"/realms/ism", jaeger{"http://127.0.0.1:" + setting(t, "JAEGER_PORT")}),
		Prometheus: "http://127.0.0.1:" + setting(t, "PROMETHEUS_PORT"),
		file:       filepath.Join(root(t), "deploy", "compose", "compose.yaml"),
	}
	t.Cleanup(func() { s.http.CloseIdleConnections() })
	for _, name := range ComposeServices() {
		s.processes[name] = &container{stack: s, name: name, probe: name, own: true}
	}
	for _, name := range []string{"gateway", "postgres", "scylla", "kafka", "keycloak"} {
		s.processes[name] = &container{stack: s, name: name, probe: name}
	}
	s.processes["s3"] = &container{stack: s, name: "s3", probe: "s3-probe"}
	s.master = func(t testing.TB) (string, string) {
		return "http://127.0.0.1:" + setting(t, "KEYCLOAK_PORT") + "/realms/master", s.made(t, "KEYCLOAK_ADMIN_PASSWORD")
	}
	s.inside = func(t testing.TB) map[string]string {
		listeners := map[string]string{}
		for _, name := range ComposeServices() {
			for i, host := range s.Addresses(t, name) {
				listeners[fmt.Sprintf("%s %d", name, i+1)] = host + ":9403"
			}
		}
		return listeners
	}
	return s
}

// setting is what test/compose/run has configured the stack with.
func setting(t testing.TB, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		t.Fatalf("%s is not set: run make test-compose", variable)
	}
	return value
}

// made is a password that deploy/compose/up has made.
func (s *Stack) made(t testing.TB, variable string) string {
	t.Helper()
	raw, err := os.ReadFile(setting(t, "COMPOSE_ENV_FILES"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if name, value, is := strings.Cut(strings.TrimSpace(line), "="); is && name == variable {
			return value
		}
	}
	t.Fatalf("deploy/compose/up has made no %s", variable)
	return ""
}

// Run runs docker compose on the stack and gives what it prints. It fails the test if the command fails.
func (s *Stack) Run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := s.Try(t, args...)
	if err != nil {
		t.Fatalf("docker compose %s: %v\n%s", strings.Join(args, " "), err, last(out))
	}
	return out
}

// Try is Run for a command that may fail: the error is an [exec.ExitError] then.
func (s *Stack) Try(t testing.TB, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), composeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", append([]string{"compose", "--progress", "quiet", "-f", s.file}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err != nil {
		return out.String(), fmt.Errorf("run: %w", err)
	}
	return out.String(), nil
}

// Up brings the stack to what the arguments say, for example --scale rooms=2, and waits until the messenger and its engines are
// healthy. Jaeger, Prometheus and Grafana, which are of a profile, stay as they are.
func (s *Stack) Up(t testing.TB, args ...string) {
	t.Helper()
	s.Run(t, append([]string{"--profile", "", "up", "-d", "--wait", "--wait-timeout", strconv.Itoa(int(composeTimeout.Seconds()))}, args...)...)
}

// RestartContainer restarts a service's container as an operator would, and waits until it is healthy.
func (s *Stack) RestartContainer(t testing.TB, service string) {
	t.Helper()
	s.Run(t, "restart", service)
	s.processes[service].awaitReady(t, s.http)
}

// Pause has a service's processes stand still for a while, as SIGSTOP does, and waits until Docker counts it as healthy again: what depends on it
// cannot be started before. It says whether they stood still for no longer: a try to stop them that fails may have stopped some of them.
func (s *Stack) Pause(t testing.TB, service string, length time.Duration) (asLongAsAsked bool) {
	t.Helper()
	resume := sync.OnceFunc(func() { s.thaw(t, service) })
	t.Cleanup(resume)
	asLongAsAsked = s.freeze(t, service)
	<-time.After(length)
	resume()
	s.awaitHealthy(t, service)
	return asLongAsAsked
}

// freeze pauses a service, and says whether that was done at once. The freezer of cgroup v1 gives up on a container that starts threads faster than they are
// stopped, so it is tried again.
func (s *Stack) freeze(t testing.TB, service string) (atOnce bool) {
	t.Helper()
	const attempts, rest = 5, 2 * time.Second
	for attempt := 1; ; attempt++ {
		out, err := s.Try(t, "pause", service)
		if err == nil {
			return attempt == 1
		}
		s.thaw(t, service)
		if attempt == attempts {
			t.Fatalf("docker compose pause %s has failed %d times: %v\n%s", service, attempts, err, last(out))
		}
		t.Logf("docker compose pause %s: %v; trying again\n%s", service, err, last(out))
		<-time.After(rest)
	}
}

// thaw has those of a service's containers go on that are paused: after a pause that has failed that may be some.
func (s *Stack) thaw(t testing.TB, service string) {
	t.Helper()
	for id := range strings.FieldsSeq(s.Run(t, "ps", "-q", service)) {
		if strings.TrimSpace(inspect(t, id, "{{.State.Paused}}")) != "true" {
			continue
		}
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "docker", "unpause", id).CombinedOutput(); err != nil {
			t.Errorf("docker unpause %s: %v\n%s", id, err, out)
		}
	}
}

func (s *Stack) awaitHealthy(t testing.TB, service string) {
	t.Helper()
	for id := range strings.FieldsSeq(s.Run(t, "ps", "-q", service)) {
		healthy := func() bool { return strings.TrimSpace(inspect(t, id, "{{.State.Health.Status}}")) == "healthy" }
		for end := time.Now().Add(startTimeout); !healthy(); <-time.After(250 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s is not healthy again", service)
			}
		}
	}
}

// ReadOnly has Postgres refuse all writes, or take them again.
func (s *Stack) ReadOnly(t testing.TB, on bool) {
	t.Helper()
	for _, statement := range []string{fmt.Sprintf("ALTER SYSTEM SET default_transaction_read_only = %t", on), "SELECT pg_reload_conf()"} {
		s.Run(t, "exec", "-T", "-e", "PGOPTIONS=-c default_transaction_read_only=off", "postgres", "psql", "-U", "postgres", "-c", statement)
	}
}

// Replace has a service run as the environment of this process configures it now, from an image that is there, and waits until it
// is ready. The others stay as they are.
func (s *Stack) Replace(t testing.TB, service string) {
	t.Helper()
	s.Run(t, "up", "-d", "--no-deps", "--no-build", service)
	s.processes[service].awaitReady(t, s.http)
}

// Image is the image that a service runs as.
func (s *Stack) Image(t testing.TB, service string) string {
	t.Helper()
	return strings.TrimSpace(inspect(t, strings.TrimSpace(s.Run(t, "ps", "-q", service)), "{{.Config.Image}}"))
}

// Addresses are the hosts of a service's replicas, as seen from this machine.
func (s *Stack) Addresses(t testing.TB, service string) []string {
	t.Helper()
	var addresses []string
	for id := range strings.FieldsSeq(s.Run(t, "ps", "-q", service)) {
		addresses = append(addresses, address(t, id, "front"))
	}
	return addresses
}

// Address is where a service's container is in one of the stack's networks.
func (s *Stack) Address(t testing.TB, service, network string) string {
	t.Helper()
	return address(t, strings.TrimSpace(s.Run(t, "ps", "-q", service)), network)
}

// RunAside starts another container of a service beside the stack, as the environment of this process configures it now, and
// gives it. Nothing is passed to it but by that. It is removed at the end of the test.
func (s *Stack) RunAside(t testing.TB, service string) Aside {
	t.Helper()
	name := "aside-" + uuid.NewString()
	s.Run(t, "run", "-d", "--no-deps", "--name", name, service)
	t.Cleanup(func() { _ = exec.CommandContext(context.WithoutCancel(t.Context()), "docker", "rm", "-f", name).Run() })
	return Aside(name)
}

// Aside is a container beside those of the stack, by its name.
type Aside string

// Address is its host in one of the stack's networks.
func (a Aside) Address(t testing.TB, network string) string {
	t.Helper()
	return address(t, string(a), network)
}

// address is a container's host in one of the stack's networks.
func address(t testing.TB, id, network string) string {
	t.Helper()
	var networks map[string]struct{ IPAddress string }
	if err := json.Unmarshal([]byte(inspect(t, id, "{{json .NetworkSettings.Networks}}")), &networks); err != nil {
		t.Fatalf("read the networks of the container %s: %v", id, err)
	}
	for name, in := range networks {
		if strings.HasSuffix(name, "_"+network) {
			return in.IPAddress
		}
	}
	t.Fatalf("the container %s is not in the network %s", id, network)
	return ""
}

func inspect(t testing.TB, id, format string) string {
	t.Helper()
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "docker", "inspect", "-f", format, id).Output()
	if err != nil {
		t.Fatalf("inspect the container %s: %v", id, err)
	}
	return string(out)
}

// container is a service of the stack. test/compose/run started it, and ends it.
type container struct {
	stack *Stack
	name  string
	probe string // the service whose container has the health check
	own   bool
}

func (c *container) start(t testing.TB) { t.Helper(); c.stack.Run(t, "start", c.name) }

// awaitReady asks a deployable itself and runs the health check of the others, since Docker does so seldom.
func (c *container) awaitReady(t testing.TB, httpClient *http.Client) {
	t.Helper()
	for id := range strings.FieldsSeq(c.stack.Run(t, "ps", "-q", c.probe)) {
		ready := func() bool { return answersReady(httpClient, address(t, id, "front")) }
		if !c.own {
			var test []string
			if err := json.Unmarshal([]byte(inspect(t, id, "{{json .Config.Healthcheck.Test}}")), &test); err != nil {
				t.Fatalf("read the health check of %s: %v", c.name, err)
			}
			ready = func() bool { return passes(t, id, test) }
		}
		poll := time.NewTicker(250 * time.Millisecond)
		defer poll.Stop()
		for end := time.Now().Add(startTimeout); !ready(); <-poll.C {
			if time.Now().After(end) {
				t.Fatalf("%s is not ready again:\n%s", c.name, last(c.log(t)))
			}
		}
	}
}

// passes runs a health check, in the form of the container's configuration.
func passes(t testing.TB, id string, test []string) bool {
	t.Helper()
	command := test[1:]
	if test[0] == "CMD-SHELL" {
		command = append([]string{"sh", "-c"}, command...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, "docker", append([]string{"exec", id}, command...)...).Run() == nil
}

func answersReady(httpClient *http.Client, host string) bool {
	response, err := httpClient.Get("http://" + host + ":5403/ready")
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (c *container) kill(t testing.TB) { t.Helper(); c.stack.Run(t, "kill", c.name) }

func (c *container) terminate(t testing.TB) int {
	t.Helper()
	c.stack.Run(t, "stop", c.name)
	code, err := strconv.Atoi(strings.TrimSpace(c.stack.Run(t, "ps", "-a", "--format", "{{.ExitCode}}", c.name)))
	if err != nil {
		t.Fatalf("read the exit code of %s: %v", c.name, err)
	}
	return code
}

func (*container) stop(testing.TB) {}

func (c *container) log(t testing.TB) string {
	t.Helper()
	return c.stack.Run(t, "logs", "--no-color", "--no-log-prefix", c.name)
}

func (c *container) ours() bool { return c.own }

func last(out string) string {
	const most = 6 << 10
	return out[max(0, len(out)-most):]
}
