package doctor

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/certificates/certificatestest"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/examine/examinetest"
)

func TestWhatIsNotConfiguredIsNotChecked(t *testing.T) {
	d := doctorFor(t, "http://"+examinetest.ClosedPort(t))
	for _, f := range examine.Run(t.Context(), d.checks(services, "kafka", "rooms", "messages", "notifications", "media", "host")) {
		examinetest.Expect(t, f, examine.NotChecked)
		if f.Do == "" {
			t.Errorf("%s does not say what it takes: %s", f.Check, f.Found)
		}
	}
	if found := examine.Run(t.Context(), d.checks("configuration")); len(found) > 0 {
		t.Errorf("an empty environment: %v", found)
	}
}

func TestEveryGroupIsInTheOrderAndDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range doctorFor(t, "http://localhost:1").parts() {
		for _, check := range part.Checks {
			if !slices.Contains(groups, check.Group) || !strings.Contains(string(page), "| "+check.Group+" | ") {
				t.Errorf("%s, with the check %s, is not in the list of groups or not in docs/doctor.md", check.Group, check.Name)
			}
		}
	}
}

func TestFaultyVariablesAreFaultsAndTheirPartIsNotChecked(t *testing.T) {
	d := doctorFor(t, "http://localhost:1", "ISM_KAFKA_BROKERS=kafka", "ISM_KAFKA_PARTITION=3", "ISM_MEDIA_S3_ENDPOINT=http://s3:7070")
	found := map[string]examine.Finding{}
	for _, f := range examine.Run(t.Context(), d.checks("configuration")) {
		found[f.Check] = f
	}
	examinetest.Expect(t, found["ISM_KAFKA_BROKERS"], examine.Fault, "host:port")
	examinetest.Expect(t, found["ISM_KAFKA_PARTITION"], examine.Warning, "ISM_KAFKA_PARTITIONS")
	examinetest.Expect(t, examinetest.Find(t, d.checks("kafka"), "brokers"), examine.NotChecked, "see configuration")
	examinetest.Expect(t, examinetest.Find(t, d.checks("media"), "bucket"), examine.Fault, "is missing")
}

func TestAFormerNameIsAWarning(t *testing.T) {
	d := doctorFor(t, "http://localhost:1", "ISM_ROOMS_EPOCH=1")
	examinetest.Expect(t, examinetest.Find(t, d.checks("configuration"), "ISM_ROOMS_EPOCH"), examine.Warning, "ISM_KAFKA_EPOCH")
}

func TestStrangersAtTheInternalListenerAreAWarning(t *testing.T) {
	secret := "ISM_INTERNAL_SECRET=" + strings.Repeat("s", 32)
	open := doctorFor(t, "http://localhost:1", "ISM_HTTP_INTERNAL_ADDRESS=:9403")
	examinetest.Expect(t, examinetest.Find(t, open.checks("configuration"), "internal calls"), examine.Warning, ":9403")
	replaced := doctorFor(t, "http://localhost:1", "ISM_HTTP_INTERNAL_ADDRESS=:9403", secret, "ISM_INTERNAL_SECOND_SECRET="+strings.Repeat("n", 32))
	examinetest.Expect(t, examinetest.Find(t, replaced.checks("configuration"), "internal calls"), examine.Warning, "two secrets")
	for _, environ := range [][]string{{secret, "ISM_HTTP_INTERNAL_ADDRESS=:9403"}, {"ISM_LOG_LEVEL=info"}} {
		for _, f := range examine.Run(t.Context(), doctorFor(t, "http://localhost:1", environ...).checks("configuration")) {
			if f.Check == "internal calls" {
				t.Errorf("%q: %s", environ, f.Found)
			}
		}
	}
}

func TestCertificatesOfInternalCallsThatEndSoonAreAWarning(t *testing.T) {
	authority := certificatestest.NewAuthority(t) // which ends within a day
	files := certificatestest.Write(t, t.TempDir(), authority.Issue(t, "rooms", 40*24*time.Hour), authority.PEM)
	d := doctorFor(t, "http://localhost:1", "ISM_HTTP_INTERNAL_ADDRESS=:9403",
		"ISM_INTERNAL_TLS_CERT_FILE="+files.Certificate, "ISM_INTERNAL_TLS_KEY_FILE="+files.Key, "ISM_INTERNAL_TLS_CA_FILE="+files.Authority)
	examinetest.Expect(t, examinetest.Find(t, d.checks("configuration"), "certificates"), examine.Warning, "authority of a test", files.Authority)
	for _, f := range examine.Run(t.Context(), d.checks("configuration")) {
		if f.Check == "internal calls" || strings.Contains(f.Found, "CN=rooms") {
			t.Errorf("it says %s", f.Found)
		}
	}
}

func TestTheHostIsChecked(t *testing.T) {
	d := doctorFor(t, "http://localhost:1", "ISM_MESSAGES_CASSANDRA_HOSTS=scylla:9042")
	examinetest.Expect(t, examinetest.Find(t, d.checks("host"), "descriptors"), examine.OK)
}

// run runs the command.
func run(t *testing.T, args []string, variables ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(t.Context(), args, variables, &out, &errs)
	return code, out.String(), errs.String()
}

func TestTheCommandLine(t *testing.T) {
	for _, args := range [][]string{{"-target", "localhost:5403"}, {"-target", "http://x/api"}, {"-what"}, {"more"}, {"-issuer", "id"}, {"-prometheus", "prometheus:9090"}} {
		if code, stdout, stderr := run(t, args); code != 2 || stdout != "" || !strings.Contains(stderr, "-target") {
			t.Errorf("%q: exit code %d: %s%s", args, code, stdout, stderr)
		}
	}
	if code, stdout, _ := run(t, []string{"-h"}); code != 0 || !strings.Contains(stdout, "-target") {
		t.Errorf("-h: exit code %d: %s", code, stdout)
	}
}

func TestTheReportAndItsExitCode(t *testing.T) {
	issuer := authntest.New(t)
	good, gone := examinetest.Serve(t, standIn{}.ServeHTTP), examinetest.ClosedPort(t)
	code, stdout, _ := run(t, []string{"-target", good}, variables(issuer)...)
	if code != 0 || !strings.Contains(stdout, " 0 faults, ") {
		t.Errorf("exit code %d:\n%s", code, stdout)
	}
	code, stdout, _ = run(t, []string{"--target", "http://" + gone}, variables(issuer)...)
	if code != 1 || !strings.Contains(stdout, " 1 fault, ") || !strings.Contains(stdout, "do: start the installation") {
		t.Errorf("exit code %d:\n%s", code, stdout)
	}
	code, stdout, _ = run(t, []string{"-json", "-target", "http://" + gone}, variables(issuer)...)
	var read report
	if err := json.Unmarshal([]byte(stdout), &read); err != nil || code != 1 || read.Counts[examine.Fault] != 1 || read.Target != "http://"+gone || len(read.Findings) < 10 {
		t.Errorf("exit code %d, %v:\n%s", code, err, stdout)
	}
}

func TestNoSecretIsPrinted(t *testing.T) {
	issuer, gone := authntest.New(t), examinetest.ClosedPort(t)
	var token string
	issuer.Give = func() string {
		token = issuer.Sign(t, issuer.Claims([16]byte{1}, "alice"))
		return token
	}
	_, stdout, stderr := run(t, []string{"-target", examinetest.Serve(t, standIn{}.ServeHTTP), "-user", "alice", "-password", "secret-of-alice"}, variables(issuer,
		"ISM_ROOMS_POSTGRES_URL=postgres://rooms:secret-of-rooms@"+gone+"/rooms",
		"ISM_MESSAGES_CASSANDRA_HOSTS="+gone, "ISM_MESSAGES_CASSANDRA_PASSWORD=secret-of-messages",
		"ISM_MEDIA_S3_ENDPOINT=http://"+gone, "ISM_MEDIA_S3_ACCESS_KEY=media", "ISM_MEDIA_S3_SECRET_KEY=secret-of-media",
		"ISM_KAFKA_BROKERS="+gone, "ISM_KAFKA_SASL_PASSWORD=secret-of-kafka",
	)...)
	if token == "" || strings.Contains(stdout+stderr, "secret-of") || strings.Contains(stdout+stderr, token) {
		t.Errorf("a secret is printed:\n%s%s", stdout, stderr)
	}
}

func TestTheGroupOfABackendsTopicIsCheckedOnOurBrokers(t *testing.T) {
	on := []string{"ISM_KAFKA_BROKERS=localhost:1", "ISM_NOTIFICATIONS_KAFKA_IN=true", "ISM_NOTIFICATIONS_KAFKA_IN_GROUP=shop"}
	for want, environment := range map[bool][]string{true: on, false: append(on, "ISM_NOTIFICATIONS_KAFKA_IN_BROKERS=theirs:9092")} {
		has := slices.ContainsFunc(doctorFor(t, "http://localhost:1", environment...).checks("kafka"), func(check examine.Check) bool { return check.Name == "shop" })
		if has != want {
			t.Errorf("%v: checked is %t", environment, has)
		}
	}
}
