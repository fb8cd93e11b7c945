package messages_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
)

// onCassandra leaves nothing in the environment but the cluster: no issuer, no broker, no rooms.
func onCassandra(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "ISM_") && !strings.HasPrefix(name, "ISM_TEST_") {
			t.Setenv(name, value) // so that it is put back
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range variables {
		t.Setenv("ISM_MESSAGES_CASSANDRA_"+name, value)
	}
}

func runMigrate(t *testing.T, line string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	err = messages.Migrate().Run(t.Context(), strings.Fields(line), &out)
	return out.String(), err
}

// pendingSteps counts what status lists, and what it says is pending; it must fail where anything is.
func pendingSteps(t *testing.T) (pending, all int) {
	t.Helper()
	table, err := runMigrate(t, "status")
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if !strings.HasPrefix(lines[0], "STEP") {
		t.Fatalf("status: %s, %v", table, err)
	}
	pending = strings.Count(table, "pending")
	if (err != nil) != (pending > 0) {
		t.Errorf("of %d pending steps status says %v", pending, err)
	}
	return pending, len(lines) - 1
}

func TestMigrateGoesUpAndDownByOneStep(t *testing.T) {
	cfg := cassandratest.Config(t)
	onCassandra(t, map[string]string{
		"HOSTS": strings.Join(cfg.Hosts, ","), "KEYSPACE": cfg.Keyspace, "USERNAME": cfg.Username, "PASSWORD": cfg.Password.Reveal(),
	})
	pending, all := pendingSteps(t)
	if all == 0 || pending != all {
		t.Fatalf("without a keyspace %d of %d steps are pending", pending, all)
	}
	if out, err := runMigrate(t, "down --yes"); !errors.Is(err, cassandra.ErrNothingApplied) {
		t.Errorf("without a keyspace nothing can be undone: %s, %v", out, err)
	}
	if out, err := runMigrate(t, "up"); err != nil || !strings.HasPrefix(out, "made keyspace "+cfg.Keyspace) || strings.Count(out, "made step ") != all {
		t.Fatalf("up: %s, %v", out, err)
	}
	if pending, _ := pendingSteps(t); pending != 0 {
		t.Errorf("behind up %d steps are pending", pending)
	}
	if out, err := runMigrate(t, "up"); err != nil || out != "nothing is pending\n" {
		t.Errorf("up again: %s, %v", out, err)
	}
	if out, err := runMigrate(t, "down"); err == nil || !strings.Contains(err.Error(), "--yes") || !strings.Contains(out, " DROP ") && !strings.Contains(out, "\nDROP ") {
		t.Errorf("down without --yes: %s, %v", out, err)
	}
	if pending, _ := pendingSteps(t); pending != 0 {
		t.Error("a step was undone without --yes")
	}
	if out, err := runMigrate(t, "down --yes"); err != nil || !strings.HasPrefix(out, "undone step ") {
		t.Errorf("down: %s, %v", out, err)
	}
	if pending, _ := pendingSteps(t); pending != 1 {
		t.Errorf("behind one step down %d steps are pending", pending)
	}
	if out, err := runMigrate(t, "up"); err != nil || strings.Count(out, "made ") != 1 {
		t.Errorf("up by one step: %s, %v", out, err)
	}
}

func TestMigrateSaysWhatIsWrong(t *testing.T) {
	const secret = "hush-hush"
	for name, c := range map[string]struct {
		line, variable, value string
		usage                 bool
		says                  string
	}{
		"no step":               {line: "", usage: true, says: "up, down, down --yes or status"},
		"another step":          {line: "sideways", usage: true, says: `"sideways"`},
		"too many arguments":    {line: "up --yes", usage: true, says: `"up --yes"`},
		"a keyspace's bad name": {line: "up", variable: "KEYSPACE", value: "Ism", says: "ISM_MESSAGES_CASSANDRA_KEYSPACE"},
		"a name that is wrong":  {line: "up", variable: "HOST", value: "a:9042", says: "ISM_MESSAGES_CASSANDRA_HOSTS"},
		"nothing listens":       {line: "status", says: "connect"},
	} {
		t.Run(name, func(t *testing.T) {
			variables := map[string]string{"HOSTS": "127.0.0.1:1", "USERNAME": "ism", "PASSWORD": secret}
			if c.variable != "" {
				variables[c.variable] = c.value
			}
			onCassandra(t, variables)
			out, err := runMigrate(t, c.line)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), secret) || out != "" {
				t.Errorf("%s: %s, %v", c.line, out, err)
			}
			if _, usage := errors.AsType[deployable.UsageError](err); usage != c.usage {
				t.Errorf("%v is a fault of the command line: %t", err, usage)
			}
		})
	}
}
