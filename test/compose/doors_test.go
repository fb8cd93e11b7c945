//go:build compose

package compose

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
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

// unreached is what it says where nothing leads to an address. That it is connected, and hears nothing, is something else.
var unreached = regexp.MustCompile(`Connection timed out after|No route to host|unreachable`)

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

// Who is in front reaches the services and no engine, neither by a name nor by an address that it was told.
func TestComposeKeepsTheFrontFromTheEngines(t *testing.T) {
	stack := deployment.Compose(t)
	var all sync.WaitGroup // each address is waited for in vain
	for engine, at := range map[string]struct{ network, port string }{
		"postgres": {"rooms-store", "5432"}, "scylla": {"messages-store", "9042"}, "kafka": {"bus", "9092"},
	} {
		for name, address := range map[string]string{"its name": engine, "its address": stack.Address(t, engine, at.network)} {
			all.Go(func() {
				if out := curl(t, stack, "gateway", "telnet://"+address+":"+at.port); !unresolved.MatchString(out) && !unreached.MatchString(out) {
					t.Errorf("the gateway reaches %s by %s, %s: %s", engine, name, address, out)
				}
			})
		}
	}
	all.Wait()
	if out := curl(t, stack, "gateway", "http://rooms:5403/health"); out != "200" {
		t.Errorf("the gateway does not reach rooms: %s", out)
	}
}

// What is published is so on loopback, unless somebody has said otherwise.
func TestComposePublishesOnLoopback(t *testing.T) {
	stack := deployment.Compose(t)
	published := stack.Run(t, "ps", "--format", `{{.Service}}{{range .Publishers}}{{if .PublishedPort}} {{.URL}}:{{.PublishedPort}}{{end}}{{end}}`)
	open := 0
	for line := range strings.Lines(published) {
		service, addresses, _ := strings.Cut(strings.TrimSpace(line), " ")
		for address := range strings.FieldsSeq(addresses) {
			open++
			if !strings.HasPrefix(address, "127.0.0.1:") {
				t.Errorf("%s is open at %s", service, address)
			}
			if slices.Contains([]string{"postgres", "scylla", "kafka", "s3", "rooms", "messages", "realtime", "notifications", "media"}, service) {
				t.Errorf("%s is published, at %s", service, address)
			}
		}
	}
	if open < 3 {
		t.Errorf("only %d ports are published:\n%s", open, published)
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
