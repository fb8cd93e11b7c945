package observability

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/test/observability/queries"
)

// What the exporters and engines say, as it was recorded: engines/JOB.prom, whose first line says of what.
const recorded = "engines"

// No panel and no rule of the engines is without data, on what their exporters have been seen to say.
func TestNoQueryOfTheEnginesIsWithoutData(t *testing.T) {
	t.Parallel()
	program := find(t)
	expressions, err := queries.LoadEngines(root)
	if err != nil || len(expressions) < 40 {
		t.Fatalf("%d expressions, %v", len(expressions), err)
	}
	targets := map[string]string{}
	for job := range exporters() {
		said, err := os.ReadFile(filepath.Join(recorded, job+".prom"))
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(said) }))
		t.Cleanup(server.Close)
		targets[job] = strings.TrimPrefix(server.URL, "http://")
	}
	address := start(t, program, stack{targets: targets})

	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for deadline := time.Now().Add(timeout); ; <-tick.C {
		faults, err := queries.Faults(t.Context(), address, expressions)
		switch {
		case err != nil:
			t.Fatal(err)
		case len(faults) == 0:
			return
		case time.Now().After(deadline):
			t.Fatalf("%d faults:\n%s", len(faults), strings.Join(faults, "\n"))
		}
	}
}

// What each alert of the engines is told of, and what not: engines/rules.yml has the cases.
func TestAlertsOfTheEnginesFireWhenTheyShould(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), enginetest.Installed(t, "promtool"), "test", "rules", "rules.yml")
	cmd.Dir = recorded
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "SUCCESS") {
		t.Errorf("%v\n%s", err, out)
	}
}
