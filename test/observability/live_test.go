// Package observability holds dashboards, alert rules and what the services measure to each other.
package observability

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"gopkg.in/yaml.v3"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/observability/queries"
)

// timeout is how long what is measured may take to be seen: lag is measured every five seconds.
const timeout = 3 * time.Minute

// TestNoQueryIsWithoutData runs every expression of the dashboards and rules on a Prometheus that scrapes five services with
// something to do.
func TestNoQueryIsWithoutData(t *testing.T) {
	program := find(t)
	expressions, err := queries.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	d := deployment.FiveProcesses(t, deployment.NewBackendsTopic(t).Settings()) // so that each part of notifications has something to show
	address := start(t, program, d.Internal)
	users := chat(t, d)

	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for deadline := time.Now().Add(timeout); ; <-tick.C {
		users.round(t)
		faults, err := queries.Faults(t.Context(), address, expressions)
		switch {
		case err != nil:
			t.Fatal(err)
		case len(faults) == 0:
			t.Logf("%d expressions have data", len(expressions))
			return
		case time.Now().After(deadline):
			t.Fatalf("%d faults:\n%s", len(faults), strings.Join(faults, "\n"))
		}
	}
}

// find gives the path of Prometheus, which test/engines/up installs.
func find(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err == nil {
		return path
	}
	if os.Getenv("ISM_TEST_REQUIRE_ENGINES") == "1" {
		t.Fatal("Prometheus is required and not installed: run make test")
	}
	t.Skip("NOT PROVED without Prometheus: run make test")
	return ""
}

// start runs Prometheus with the configuration of the compose stack, but for where the services are and how often they are
// scraped, and gives its base URL.
func start(t *testing.T, program string, internal map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	address := fmt.Sprintf("127.0.0.1:%d", servicetest.FreePort(t))

	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, configure(t, internal), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start Prometheus: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		log.Close()
		if t.Failed() {
			raw, _ := os.ReadFile(log.Name())
			t.Logf("the log of Prometheus:\n%s", raw[max(0, len(raw)-4096):])
		}
	})
	baseURL := "http://" + address
	awaitReady(t, baseURL)
	return baseURL
}

func awaitReady(t *testing.T, baseURL string) {
	t.Helper()
	servicetest.Await(t, "Prometheus is ready", func() bool {
		response, err := http.Get(baseURL + "/-/ready")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

func configure(t *testing.T, internal map[string]string) []byte {
	t.Helper()
	raw, err := os.ReadFile(configuration)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Abs(filepath.Join(root, queries.Rules, "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := yaml.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	config["global"] = map[string]any{"scrape_interval": "1s", "evaluation_interval": "1s"}
	config["rule_files"] = []string{rules}
	for _, each := range config["scrape_configs"].([]any) {
		job := each.(map[string]any)
		address, ok := internal[fmt.Sprint(job["job_name"])]
		if !ok {
			t.Fatalf("nothing runs that is named %v", job["job_name"])
		}
		delete(job, "dns_sd_configs")
		job["static_configs"] = []map[string]any{{"targets": []string{address}}}
	}
	written, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

// chatting are two users with a room.
type chatting struct {
	alice, bob *deployment.User
	listener   *deployment.Listener
}

func chat(t *testing.T, d *deployment.Deployment) *chatting {
	t.Helper()
	c := &chatting{alice: d.SignIn(t, "alice"), bob: d.SignIn(t, "bob")}
	c.listener = c.bob.Listen(t)
	return c
}

// round does once what users do.
func (c *chatting) round(t *testing.T) {
	t.Helper()
	room, err := c.alice.CreateRoom(t.Context(), client.NewRoom{
		Type: wire.Group, Name: "Measured", Invited: []uuid.UUID{c.alice.ID, c.bob.ID},
	})
	if err != nil {
		t.Fatalf("create a room: %v", err)
	}
	if _, err := c.alice.SendText(t.Context(), room.ID, "How many?"); err != nil {
		t.Fatalf("send: %v", err)
	}
	c.listener.AwaitMessages(t, room.ID, 1)
	if _, err := c.bob.History(t.Context(), room.ID); err != nil {
		t.Fatalf("read the history: %v", err)
	}
	if err := c.bob.MarkRead(t.Context(), room.ID); err != nil {
		t.Fatalf("mark read: %v", err)
	}
}
