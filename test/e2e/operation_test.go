package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// The lines that make run prints are typed by everybody who tries ISM: they have to work as they are.
func TestPrintedLinesWorkAsTyped(t *testing.T) {
	t.Parallel()
	d := deployment.OneProcess(t)
	var script bytes.Buffer
	for line := range strings.Lines(d.AwaitLog(t, "ism", "Or run: make demo")) {
		if strings.HasPrefix(line, "  ") {
			script.WriteString(line)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-s")
	cmd.Stdin = strings.NewReader("set -m\n" + script.String()) // with the job control of a terminal
	out, err := cmd.CombinedOutput()
	if err != nil && ctx.Err() != nil {
		t.Fatalf("the lines do not end: %s", out)
	}
	if got := strings.Count(string(out), "Soup or salad?"); got < 3 { // the answer, the stream twice (message and preview), the timeline
		t.Errorf("the message was seen %d times:\n%s", got, out)
	}
	if !strings.Contains(string(out), `"type":"ChatMessage"`) {
		t.Errorf("the message was not on the stream:\n%s", out)
	}
}

// A process that is told to stop ends its streams, so that their clients resume elsewhere, and exits with 0.
func TestStopDrains(t *testing.T) {
	t.Parallel()
	d := deployment.OneProcess(t)
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room := createRoom(t, alice, wire.Group, "Drain", bob)
	stream, err := bob.Stream(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	sent := send(t, alice, room.ID, "before the stop")
	if got := nextMessage(t, stream); got.ID != sent.ID {
		t.Fatalf("message %+v", got)
	}
	took, code := d.Stop(t, "ism")
	if code != 0 { // which it is, too, where the stop takes longer than it may
		t.Errorf("stopping took %v, exit code %d", took, code)
	}
	if _, err := stream.Next(); err == nil {
		t.Error("the stream went on")
	}
	if stream.Retry() <= 0 {
		t.Error("the stream did not say when to come back")
	}
	d.Restart(t, "ism")
	resumed, err := bob.Stream(t.Context(), stream.LastEventID())
	if err != nil {
		t.Fatal(err)
	}
	defer resumed.Close()
	later := send(t, alice, room.ID, "after the stop")
	if got := nextMessage(t, resumed); got.ID != later.ID {
		t.Errorf("the resumed stream begins with %+v", got)
	}
	if stored := history(t, alice, room.ID, 2); len(stored) != 2 {
		t.Errorf("the history has %d messages", len(stored))
	}
}

// A service whose engines are not there starts all the same, says what is missing and answers with problems.
func TestMissingEnginesAreNamed(t *testing.T) {
	t.Parallel()
	for service, missing := range map[string][]string{
		"rooms":    {"oidc", "kafka", "rooms store"},
		"messages": {"oidc", "kafka", "messages-store"},
		"realtime": {"oidc", "kafka", "logs"},
	} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			base := deployment.WithoutEngines(t, service)
			var ready struct {
				Status string            `json:"status"`
				Checks map[string]string `json:"checks"`
			}
			response := eventually(t, base+"/ready")
			defer response.Body.Close()
			if err := json.NewDecoder(response.Body).Decode(&ready); err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != http.StatusServiceUnavailable || ready.Status != "not-ready" {
				t.Errorf("/ready: %d %+v", response.StatusCode, ready)
			}
			for _, name := range missing {
				if ready.Checks[name] != "unavailable" {
					t.Errorf("check %q is %q; all: %v", name, ready.Checks[name], ready.Checks)
				}
			}
			health := eventually(t, base+"/health")
			_ = health.Body.Close()
			if health.StatusCode != http.StatusOK {
				t.Errorf("/health: %d", health.StatusCode)
			}
		})
	}
}

// eventually asks until the server listens.
func eventually(t *testing.T, url string) *http.Response {
	t.Helper()
	deadline := time.After(time.Minute)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	httpClient := &http.Client{Timeout: 5 * time.Second}
	defer httpClient.CloseIdleConnections()
	for {
		response, err := httpClient.Get(url)
		if err == nil {
			return response
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("GET %s: %v", url, err)
		}
	}
}
