package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// asCommand is set where the test binary is to be the command.
const asCommand = "TEST_RUN_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// run runs the command with the given variables and gives its exit code and what it wrote.
func run(t *testing.T, variables []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = []string{asCommand + "=1"}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "ISM_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, variables...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestFaultyConfigurationEndsWithEveryFault(t *testing.T) {
	code, _, stderr := run(t, []string{
		"ISM_LOG_LEVEL=loud", "ISM_HTTP_READ_TIMEOUT=soon", "ISM_HTTP_ADRESS=:80", "ISM_KAFKA_BROKERS=kafka:9092",
	})
	if code != 2 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"ISM_LOG_LEVEL", "ISM_HTTP_READ_TIMEOUT", "ISM_HTTP_ADRESS", "ISM_HTTP_ADDRESS"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("the fault of %s is not told:\n%s", want, stderr)
		}
	}
}

// Some 4,000 users fit into a record of the log, and some 1,600 into a request of 64 KiB.
func TestLimitsThatDoNotGoTogetherAreRefusedAtTheStart(t *testing.T) {
	for _, c := range []struct{ variables, says []string }{
		{[]string{"ISM_ROOMS_MAX_MEMBERS=10001", "ISM_HTTP_BODY_LIMIT=500000"}, []string{"ISM_ROOMS_MAX_MEMBERS", "2 to 10000"}},
		{[]string{"ISM_ROOMS_MAX_MEMBERS=1649", "ISM_HTTP_BODY_LIMIT=65536"}, []string{"ISM_ROOMS_MAX_MEMBERS up to 1648", "ISM_HTTP_BODY_LIMIT from 65562 on"}},
		{[]string{"ISM_HTTP_BODY_LIMIT=40000", "ISM_ROOMS_MAX_MEMBERS=10"}, []string{"ISM_HTTP_BODY_LIMIT: 40000 is too small for a message"}},
		{[]string{"ISM_REALTIME_DRAIN=1m"}, []string{"ISM_REALTIME_DRAIN", "ISM_LIFECYCLE_STOP_TIMEOUT from 1m10s on"}},
		{[]string{"ISM_LIFECYCLE_STOP_TIMEOUT=5s"}, []string{"ISM_LIFECYCLE_STOP_TIMEOUT", "ISM_HTTP_HANDLER_TIMEOUT"}},
	} {
		code, _, stderr := run(t, append(c.variables, "ISM_DEV_IDP_ENABLED=true"))
		for _, want := range c.says {
			if code != 2 || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 2 {
				t.Errorf("%v: exit code %d, without %q:\n%s", c.variables, code, want, stderr)
			}
		}
	}
}

func TestBrokerOfOthersIsRefused(t *testing.T) {
	if code, _, stderr := run(t, []string{"ISM_KAFKA_BROKERS=kafka:9092", "ISM_DEV_IDP_ENABLED=true"}); code != 2 || !strings.Contains(stderr, "ISM_KAFKA_BROKERS") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
}

func TestDevelopmentIdentityProviderRunsWhereItIsAskedFor(t *testing.T) {
	if code, _, stderr := run(t, []string{"ISM_DATA_DIR=" + t.TempDir()}); code != 2 || !strings.Contains(stderr, "ISM_OIDC_ISSUER") || !strings.Contains(stderr, "ISM_DEV_IDP_ENABLED=true") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
}

func TestDevelopmentIdentityProviderStaysOnLoopback(t *testing.T) {
	if code, _, stderr := run(t, []string{"ISM_DEV_IDP_ENABLED=true", "ISM_HTTP_ADDRESS=0.0.0.0:5403", "ISM_DATA_DIR=" + t.TempDir()}); code != 2 || !strings.Contains(stderr, "ISM_OIDC_ISSUER") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
}

// An issuer of one's own has other applications; the one for development has none.
func TestWhoseTokensMustBeSaidOfAnIssuer(t *testing.T) {
	code, _, stderr := run(t, []string{"ISM_OIDC_ISSUER=https://id.example.com/realms/ism", "ISM_DATA_DIR=" + t.TempDir()})
	if code != 2 || !strings.Contains(stderr, "ISM_OIDC_AUDIENCE: is required, or ISM_OIDC_CLIENTS") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
}

func TestUnknownCommand(t *testing.T) {
	if code, _, stderr := run(t, nil, "dance"); code != 2 || !strings.Contains(stderr, "usage") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
	if code, stdout, _ := run(t, nil, "help"); code != 0 || !strings.Contains(stdout, "ism demo") {
		t.Errorf("exit code %d:\n%s", code, stdout)
	}
}

func TestImportConfig(t *testing.T) {
	code, stdout, stderr := run(t, nil, "import-config", "internal/seedconfig/testdata/production.config.toml")
	if code != 0 || !strings.Contains(stdout, "ISM_OIDC_ISSUER='http://localhost:8180/realms/my-realm'") || !strings.Contains(stderr, "kafka_config.partition") {
		t.Errorf("exit code %d:\n%s%s", code, stdout, stderr)
	}
	if code, stdout, _ := run(t, nil, "import-config", "main.go"); code != 2 || stdout != "" {
		t.Errorf("a file that is no TOML: exit code %d: %s", code, stdout)
	}
}

func TestDoctor(t *testing.T) {
	code, stdout, stderr := run(t, []string{"ISM_LOG_LEVEL=loud"}, "doctor", "--target", "http://127.0.0.1:1")
	if code != 1 || !strings.Contains(stdout, "nothing listens") || !strings.Contains(stdout, "ISM_LOG_LEVEL") {
		t.Errorf("exit code %d:\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr := run(t, nil, "doctor", "--target", "here"); code != 2 || !strings.Contains(stderr, "usage") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
}

func TestOperatorsCommands(t *testing.T) {
	for _, name := range []string{"webhooks", "dead-letters", "inbox", "devices"} {
		if code, stdout, _ := run(t, nil, name, "-h"); code != 0 || !strings.Contains(stdout, "ism "+name+" list") {
			t.Errorf("%s -h: exit code %d:\n%s", name, code, stdout)
		}
		if code, _, stderr := run(t, nil, name); code != 2 || !strings.Contains(stderr, "ism "+name+" list") {
			t.Errorf("%s: exit code %d:\n%s", name, code, stderr)
		}
	}
	code, _, stderr := run(t, []string{"ISM_URL=http://127.0.0.1:1", "ISM_TOKEN=t"}, "webhooks", "list")
	if code != 1 || !strings.HasPrefix(stderr, "ism: ") || !strings.Contains(stderr, "refused") {
		t.Errorf("nobody answers: exit code %d:\n%s", code, stderr)
	}
}
