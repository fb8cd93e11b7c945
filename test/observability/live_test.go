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
	"github.com/ism-chat/ism/libs/enginetest"
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
	address := start(t, program, stack{targets: d.Internal})
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

// find gives the path of Prometheus.
func find(t *testing.T) string { t.Helper(); return enginetest.Installed(t, "prometheus") }

// stack is what a Prometheus of the tests looks at.
type stack struct {
	targets      map[string]string // the addresses of jobs; others are not there
	alertmanager string            // address; empty: none
	rules        string            // the pattern of the files with rules; empty: all that the stack has
}

// start runs Prometheus with the configuration of the compose stack, but for where its targets are and how often they are
// scraped, and gives its base URL.
func start(t *testing.T, program string, s stack) string {
	t.Helper()
	dir := t.TempDir()
	address := fmt.Sprintf("127.0.0.1:%d", servicetest.FreePort(t))

	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, configure(t, s, address), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address,
		"--rules.alert.resend-delay=1s") // what is told before Alertmanager has been found is told again then
	run(t, cmd, log)
	baseURL := "http://" + address
	awaitReady(t, baseURL+"/-/ready")
	return baseURL
}

// run starts a program for the length of the test. Its output goes to the file, which is shown if the test fails.
func run(t *testing.T, cmd *exec.Cmd, log *os.File) {
	t.Helper()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		log.Close()
		if t.Failed() {
			raw, _ := os.ReadFile(log.Name())
			t.Logf("the log of %s:\n%s", cmd.Path, raw[max(0, len(raw)-4096):])
		}
	})
}

func awaitReady(t *testing.T, url string) {
	t.Helper()
	servicetest.Await(t, url+" answers", func() bool {
		response, err := http.Get(url)
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

func configure(t *testing.T, s stack, own string) []byte {
	t.Helper()
	raw, err := os.ReadFile(configuration)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Abs(filepath.Join(root, queries.Rules, "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if s.rules != "" {
		rules = s.rules
	}
	var config map[string]any
	if err := yaml.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	config["global"] = map[string]any{"scrape_interval": "1s", "evaluation_interval": "1s"}
	config["rule_files"] = []string{rules}
	config["alerting"] = map[string]any{"alertmanagers": []map[string]any{{"static_configs": static(s.alertmanager)}}}
	var jobs []any
	found := 0
	for _, each := range config["scrape_configs"].([]any) {
		job := each.(map[string]any)
		name := fmt.Sprint(job["job_name"])
		address, there := s.targets[name]
		if there {
			found++
		}
		if name == "prometheus" {
			address, there = own, true
		}
		if !there {
			continue
		}
		delete(job, "dns_sd_configs")
		job["static_configs"] = static(address)
		jobs = append(jobs, job)
	}
	if found != len(s.targets) {
		t.Fatalf("Prometheus has jobs for %d of %v", found, s.targets)
	}
	config["scrape_configs"] = jobs
	written, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func static(address string) []map[string]any {
	if address == "" {
		return nil
	}
	return []map[string]any{{"targets": []string{address}}}
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
