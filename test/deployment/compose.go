package deployment

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// composePatience is how long the whole stack may take to be healthy, on two cores that other things use too.
const composePatience = 5 * time.Minute

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
		s.processes[name] = &container{stack: s, name: name, own: true}
	}
	for _, name := range []string{"gateway", "postgres", "scylla", "kafka", "keycloak", "s3"} {
		s.processes[name] = &container{stack: s, name: name}
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), composePatience)
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

// Up brings the stack to what the arguments say, for example --scale rooms=2, and waits until all of it is healthy.
func (s *Stack) Up(t testing.TB, args ...string) {
	t.Helper()
	s.Run(t, append([]string{"up", "-d", "--wait", "--wait-timeout", strconv.Itoa(int(composePatience.Seconds()))}, args...)...)
}

// RestartContainer restarts a service's container as an operator would, and waits until it is healthy.
func (s *Stack) RestartContainer(t testing.TB, service string) {
	t.Helper()
	s.Run(t, "restart", service)
	s.processes[service].awaitReady(t, s.http)
}

// Addresses are the hosts of a service's replicas, as seen from this machine.
func (s *Stack) Addresses(t testing.TB, service string) []string {
	t.Helper()
	var addresses []string
	for id := range strings.FieldsSeq(s.Run(t, "ps", "-q", service)) {
		out, err := exec.CommandContext(t.Context(), "docker", "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", id).Output()
		if err != nil {
			t.Fatalf("find the address of %s: %v", service, err)
		}
		addresses = append(addresses, strings.Fields(string(out))[0])
	}
	return addresses
}

// container is a service of the stack. test/compose/run started it, and ends it.
type container struct {
	stack *Stack
	name  string
	own   bool
}

func (c *container) start(t testing.TB) { t.Helper(); c.stack.Run(t, "start", c.name) }

// awaitReady asks a deployable itself, since Docker asks it seldom.
func (c *container) awaitReady(t testing.TB, httpClient *http.Client) {
	t.Helper()
	if !c.own {
		c.stack.Up(t, "--no-deps", "--no-recreate", c.name)
		return
	}
	poll := time.NewTicker(250 * time.Millisecond)
	defer poll.Stop()
	for _, address := range c.stack.Addresses(t, c.name) {
		for end := time.Now().Add(startPatience); !answersReady(httpClient, address); <-poll.C {
			if time.Now().After(end) {
				t.Fatalf("%s is not ready again:\n%s", c.name, last(c.log(t)))
			}
		}
	}
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
