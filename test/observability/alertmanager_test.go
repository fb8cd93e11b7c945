package observability

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/test/observability/queries"
)

// told is what Alertmanager posts, as far as it counts here.
type told struct {
	authorization string

	Status string
	Alerts []struct {
		Status      string
		Labels      map[string]string
		Annotations map[string]string
	}
}

// receiver takes what Alertmanager tells.
func receiver(t *testing.T) (url string, notifications <-chan told) {
	t.Helper()
	taken := make(chan told, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := told{authorization: r.Header.Get("Authorization")}
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		taken <- n
	}))
	t.Cleanup(server.Close)
	return server.URL, taken
}

// alertmanager is a command that starts Alertmanager as the stack does, with these settings, and where it will listen.
func alertmanager(t *testing.T, settings ...string) (cmd *exec.Cmd, address string) {
	t.Helper()
	program := enginetest.Installed(t, "prometheus-alertmanager", "alertmanager")
	dir := t.TempDir()
	address = fmt.Sprintf("127.0.0.1:%d", servicetest.FreePort(t))
	cmd = exec.Command(filepath.Join(root, "deploy", "compose", "alertmanager", "start"),
		"--storage.path="+filepath.Join(dir, "data"), "--cluster.listen-address=", "--web.listen-address="+address)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "ALERTMANAGER=" + program, "ALERT_DIR=" + dir}, settings...)
	return cmd, address
}

func startAlertmanager(t *testing.T, settings ...string) (address, log string) {
	t.Helper()
	cmd, address := alertmanager(t, settings...)
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	run(t, cmd, file)
	awaitReady(t, "http://"+address+"/-/ready")
	return address, file.Name()
}

// rulesAtOnce are the stack's rules, but that something must be so for seconds in place of minutes or hours before it is told.
func rulesAtOnce(t *testing.T) (pattern string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, queries.Rules, "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("find rules: %d, %v", len(files), err)
	}
	dir := t.TempDir()
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		at := regexp.MustCompile(`(?m)^( +for: \d+)[mh]$`).ReplaceAll(raw, []byte("${1}s"))
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), at, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "*.yml")
}

// await reads what is told until there is an alert of that name and status, and gives it with all that was told until then.
func await(t *testing.T, notifications <-chan told, name, status string) (found told, names []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	for {
		select {
		case n := <-notifications:
			for _, alert := range n.Alerts {
				names = append(names, alert.Labels["alertname"]+" of "+alert.Labels["service"])
				if alert.Labels["alertname"] == name && alert.Status == status {
					return n, names
				}
			}
		case <-ctx.Done():
			t.Fatalf("nobody was told that %s is %s, but of %q", name, status, names)
		}
	}
}

// A service that ends is told to whom the stack is configured with, once, with what to do; and so is that it is back.
func TestAlertsReachTheirReceiver(t *testing.T) {
	t.Parallel()
	prometheus := find(t)
	webhook, notifications := receiver(t)
	heartbeat, beats := receiver(t)
	manager, _ := startAlertmanager(t, "ALERT_WEBHOOK_URL="+webhook, "ALERT_WEBHOOK_TOKEN=s3cret", "ALERT_HEARTBEAT_URL="+heartbeat,
		"ALERT_GROUP_WAIT=4s", "ALERT_GROUP_INTERVAL=1s", "ALERT_REPEAT_INTERVAL=1h")
	rooms := fmt.Sprintf("127.0.0.1:%d", servicetest.FreePort(t)) // where nothing answers
	start(t, prometheus, stack{targets: map[string]string{"rooms": rooms, "alertmanager": manager}, alertmanager: manager, rules: rulesAtOnce(t)})

	down, names := await(t, notifications, "RoomsDown", "firing")
	alert := down.Alerts[0]
	if alert.Labels["service"] != "rooms" || alert.Labels["severity"] != "critical" || alert.Annotations["summary"] == "" ||
		alert.Annotations["runbook"] != "services/rooms/README.md#roomsdown" {
		t.Errorf("what is told is %+v", alert)
	}
	if down.authorization != "Bearer s3cret" {
		t.Errorf("it shows %q", down.authorization)
	}
	if beat, _ := await(t, beats, "Watchdog", "firing"); beat.authorization != "" {
		t.Error("the heartbeat shows the webhook's token")
	}

	listener, err := net.Listen("tcp", rooms)
	if err != nil {
		t.Fatal(err)
	}
	back := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "up_again 1") })}
	done := make(chan error, 1)
	go func() { done <- back.Serve(listener) }()
	t.Cleanup(func() {
		_ = back.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	_, more := await(t, notifications, "RoomsDown", "resolved")
	if names = append(names, more...); slices.Contains(names, "InstanceDown of rooms") || slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "Watchdog") }) {
		t.Errorf("it was told of what follows from it, or of nothing: %q", names)
	}
}

func TestAlertmanagerSaysThatAlertsReachNobody(t *testing.T) {
	t.Parallel()
	address, log := startAlertmanager(t)
	said, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(said), "ALERTS REACH NOBODY") || !strings.Contains(string(said), "http://localhost:9093") {
		t.Errorf("it says %q, %v", said, err)
	}
	prometheus := start(t, find(t), stack{targets: map[string]string{"alertmanager": address}, alertmanager: address, rules: rulesAtOnce(t)})
	servicetest.Await(t, "AlertsReachNobody fires", func() bool {
		response, err := http.Get(prometheus + "/api/v1/alerts")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		var answer struct {
			Data struct {
				Alerts []struct {
					Labels map[string]string
					State  string
				}
			}
		}
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			return false
		}
		for _, alert := range answer.Data.Alerts {
			if alert.Labels["alertname"] == "AlertsReachNobody" && alert.State == "firing" {
				return true
			}
		}
		return false
	})
}

// What cannot be used is said, and nothing of it gets into the configuration.
func TestAlertmanagerRefusesFaultySettings(t *testing.T) {
	t.Parallel()
	for setting, says := range map[string]string{
		"ALERT_WEBHOOK_URL=hooks.example.com":                      "ALERT_WEBHOOK_URL is no address",
		"ALERT_WEBHOOK_URL=http://x'\nreceivers: []":               "ALERT_WEBHOOK_URL has a quote",
		"ALERT_HEARTBEAT_URL=file:///etc/passwd":                   "ALERT_HEARTBEAT_URL is no address",
		"ALERT_WEBHOOK_TOKEN_FILE=/nowhere":                        "ALERT_WEBHOOK_TOKEN_FILE cannot be read",
		"ALERT_WEBHOOK_TOKEN=x\x1fALERT_WEBHOOK_TOKEN_FILE=/dev/x": "both set",
	} {
		cmd, _ := alertmanager(t, strings.Split(setting, "\x1f")...)
		out, err := cmd.CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), says) {
			t.Errorf("%s: %v: %s", setting, err, out)
		}
	}
}
