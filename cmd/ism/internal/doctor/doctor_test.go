package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestACheckThatDoesNotComeBackIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		defer close(free)
		began := time.Now()
		findings := runAll(t.Context(), []check{
			{group: "g", name: "hangs", look: func(_ context.Context, n *notes) {
				n.ok("this far")
				<-free
				n.ok("too late")
			}},
			{group: "g", name: "ends with its time", limit: time.Second, look: func(ctx context.Context, n *notes) {
				<-ctx.Done()
				n.add(Warning, "it waited in vain", "")
			}},
		})
		if took := time.Since(began); took != limit+grace {
			t.Errorf("it took %s", took)
		}
		if len(findings) != 3 || findings[0].Result != OK || findings[1].Result != Fault || findings[2].Result != Warning {
			t.Errorf("found %v", findings)
		}
	})
}

func TestChecksTogetherEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		runAll(t.Context(), []check{{limit: time.Hour, look: func(ctx context.Context, _ *notes) { <-ctx.Done() }}})
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestWhatIsNotConfiguredIsNotChecked(t *testing.T) {
	d := doctorFor(t, "http://"+closedPort(t))
	for _, checks := range [][]check{d.serviceChecks(), d.kafkaChecks(), d.roomsChecks(), d.messagesChecks(), d.mediaChecks(), d.hostChecks()} {
		for _, f := range runAll(t.Context(), checks) {
			expect(t, f, NotChecked)
			if f.Do == "" {
				t.Errorf("%s does not say what it takes: %s", f.Check, f.Found)
			}
		}
	}
	if found := d.settings.findings(); len(found) > 0 {
		t.Errorf("an empty environment: %v", found)
	}
}

func TestFaultyVariablesAreFaultsAndTheirPartIsNotChecked(t *testing.T) {
	d := doctorFor(t, "http://localhost:1", "ISM_KAFKA_BROKERS=kafka", "ISM_KAFKA_PARTITION=3", "ISM_MEDIA_S3_ENDPOINT=http://s3:7070")
	found := map[string]Finding{}
	for _, f := range d.settings.findings() {
		found[f.Check] = f
	}
	expect(t, found["ISM_KAFKA_BROKERS"], Fault, "host:port")
	expect(t, found["ISM_KAFKA_PARTITION"], Warning, "ISM_KAFKA_PARTITIONS")
	expect(t, find(t, d.kafkaChecks(), "brokers"), NotChecked, "see configuration")
	expect(t, find(t, d.mediaChecks(), "bucket"), Fault, "is missing")
}

func TestTheHostIsJudged(t *testing.T) {
	for allowed, want := range map[uint64]Result{20_000: OK, 10_500: Warning, 1024: Fault} {
		n := &notes{}
		judgeDescriptors(n, allowed, 10_000)
		expect(t, n.close()[0], want, "ISM_REALTIME_MAX_STREAMS")
	}
	d := doctorFor(t, "http://localhost:1", "ISM_MESSAGES_CASSANDRA_HOSTS=scylla:9042")
	for content, want := range map[string]Result{"1048576\n": OK, "65536\n": Warning, "none\n": NotChecked} {
		file := filepath.Join(t.TempDir(), "number")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		n := &notes{}
		d.lookAtAIO(n, file)
		got := n.close()[0]
		expect(t, got, want)
		if want == Warning {
			expect(t, got, want, "sysctl -w fs.aio-max-nr=1048576")
		}
		n = &notes{}
		lookAtMaps(n, file)
		if warned := len(n.close()) == 1; warned != (want == Warning) {
			t.Errorf("max_map_count of %q: %v", content, n.findings)
		}
	}
	expect(t, find(t, d.hostChecks(), "descriptors"), OK)
}

// examine runs the command.
func examine(t *testing.T, args []string, variables ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(t.Context(), args, variables, &out, &errs)
	return code, out.String(), errs.String()
}

func TestTheCommandLine(t *testing.T) {
	for _, args := range [][]string{{"-target", "localhost:5403"}, {"-target", "http://x/api"}, {"-what"}, {"more"}, {"-issuer", "id"}} {
		if code, stdout, stderr := examine(t, args); code != 2 || stdout != "" || !strings.Contains(stderr, "-target") {
			t.Errorf("%q: exit code %d: %s%s", args, code, stdout, stderr)
		}
	}
	if code, stdout, _ := examine(t, []string{"-h"}); code != 0 || !strings.Contains(stdout, "-target") {
		t.Errorf("-h: exit code %d: %s", code, stdout)
	}
}

func TestTheReportAndItsExitCode(t *testing.T) {
	issuer := newTokenServer(t)
	good, gone := serve(t, standIn{}.ServeHTTP), closedPort(t)
	code, stdout, _ := examine(t, []string{"-target", good}, issuer.variables()...)
	if code != 0 || !strings.Contains(stdout, " 0 faults, ") {
		t.Errorf("exit code %d:\n%s", code, stdout)
	}
	code, stdout, _ = examine(t, []string{"--target", "http://" + gone}, issuer.variables()...)
	if code != 1 || !strings.Contains(stdout, " 1 fault, ") || !strings.Contains(stdout, "do: start the installation") {
		t.Errorf("exit code %d:\n%s", code, stdout)
	}
	code, stdout, _ = examine(t, []string{"-json", "-target", "http://" + gone}, issuer.variables()...)
	var read report
	if err := json.Unmarshal([]byte(stdout), &read); err != nil || code != 1 || read.Counts[Fault] != 1 || read.Target != "http://"+gone || len(read.Findings) < 10 {
		t.Errorf("exit code %d, %v:\n%s", code, err, stdout)
	}
}

func TestNoSecretIsPrinted(t *testing.T) {
	issuer, gone := newTokenServer(t), closedPort(t)
	var token string
	issuer.token = func() string {
		token = issuer.Sign(t, issuer.Claims([16]byte{1}, "alice"))
		return token
	}
	_, stdout, stderr := examine(t, []string{"-target", serve(t, standIn{}.ServeHTTP), "-user", "alice", "-password", "secret-of-alice"}, issuer.variables(
		"ISM_ROOMS_POSTGRES_URL=postgres://rooms:secret-of-rooms@"+gone+"/rooms",
		"ISM_MESSAGES_CASSANDRA_HOSTS="+gone, "ISM_MESSAGES_CASSANDRA_PASSWORD=secret-of-messages",
		"ISM_MEDIA_S3_ENDPOINT=http://"+gone, "ISM_MEDIA_S3_ACCESS_KEY=media", "ISM_MEDIA_S3_SECRET_KEY=secret-of-media",
		"ISM_KAFKA_BROKERS="+gone, "ISM_KAFKA_SASL_PASSWORD=secret-of-kafka",
	)...)
	if token == "" || strings.Contains(stdout+stderr, "secret-of") || strings.Contains(stdout+stderr, token) {
		t.Errorf("a secret is printed:\n%s%s", stdout, stderr)
	}
	findings := []Finding{{Found: "dial x?password=secret-of-rooms failed", Do: "use secret-of"}}
	redact(findings, []string{"secret-of", "secret-of-rooms", "", "x"})
	if findings[0].Found != "dial x?password=[secret] failed" || findings[0].Do != "use [secret]" {
		t.Errorf("hidden as %v", findings)
	}
}
