//go:build compose

package compose

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ism-chat/ism/test/deployment"
)

// curl asks from a container that has it, and gives the status and what went wrong.
func curl(t *testing.T, stack *deployment.Stack, from string, args ...string) string {
	t.Helper()
	// An error is what is looked for: it is in what is printed.
	out, _ := stack.Try(t, append([]string{"exec", "-T", from, "curl", "-sS", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}"}, args...)...)
	return out
}

// unresolved is what curl says of a name that is not known, or that nobody can be asked for.
var unresolved = regexp.MustCompile(`Could not resolve host|Resolving timed out`)

// Containers find only those whom they need. s3-probe is where S3 is, jaeger-probe where the traces are.
func TestComposeKeepsContainersApart(t *testing.T) {
	stack := deployment.Compose(t)
	for from, unknown := range map[string][]string{
		"s3-probe":     {"rooms:9403", "rooms:5403", "kafka:9092", "postgres:5432", "scylla:9042", "keycloak:8080", "jaeger:16686", "prometheus:9090"},
		"jaeger-probe": {"kafka:9092", "postgres:5432", "scylla:9042", "keycloak:8080", "s3:7070"},
	} {
		for _, address := range unknown {
			if out := curl(t, stack, from, "http://"+address+"/"); !unresolved.MatchString(out) {
				t.Errorf("%s reaches %s: %s", from, address, out)
			}
		}
	}
	if out := curl(t, stack, "s3-probe", "http://media:5403/health"); out != "200" {
		t.Errorf("who is beside media does not reach it: %s", out)
	}
}

// Whoever reaches an internal listener gets metrics, and neither members nor profiles.
func TestComposeInternalListenersAreForServices(t *testing.T) {
	stack := deployment.Compose(t)
	const room = "/internal/rooms/01a209b2-52e0-750b-b3dc-13d3366854b4/members"
	for path, status := range map[string]string{"/metrics": "200", "/ready": "200", room: "401", "/debug/pprof/heap": "401"} {
		if out := curl(t, stack, "jaeger-probe", "http://rooms:9403"+path); out != status {
			t.Errorf("rooms answers %s to a stranger with %s", path, out)
		}
	}
	if out := curl(t, stack, "jaeger-probe", "-H", "Authorization: Bearer "+strings.Repeat("x", 48), "http://rooms:9403"+room); out != "401" {
		t.Errorf("a wrong secret is answered with %s", out)
	}
}

// With what comes in the repository nobody opens the stack to the network by accident, and one that runs goes on.
func TestComposeIsNotOpenedWithoutALock(t *testing.T) {
	stack := deployment.Compose(t)
	before := stack.Run(t, "ps", "-q")
	t.Setenv("GATEWAY_BIND", "0.0.0.0")
	t.Setenv("GATEWAY_HTTP_BIND", "0.0.0.0")
	out, err := exec.CommandContext(t.Context(), filepath.Join("..", "..", "deploy", "compose", "up")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "I_KNOW=demo-realm,no-certificate,no-tls") {
		t.Errorf("up ended with %v:\n%s", err, out)
	}
	if after := stack.Run(t, "ps", "-q"); after != before {
		t.Error("containers have changed")
	}
}
