package shape

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const composeFile = "deploy/compose/compose.yaml"

// stack is what compose.yaml says, as far as it matters here.
type stack struct {
	Services map[string]struct {
		Networks    []string
		Ports       []string
		Environment map[string]any
	}
	Networks map[string]struct{ Internal bool }
}

func readStack(t *testing.T) stack {
	t.Helper()
	var s stack
	if err := yaml.Unmarshal([]byte(read(t, composeFile)), &s); err != nil || len(s.Services) < 10 {
		t.Fatalf("%d services, %v", len(s.Services), err)
	}
	return s
}

// Who is in a network with whom. What is not here cannot be reached: media has no way to ScyllaDB, and Jaeger none to Kafka.
func TestContainersReachOnlyWhomTheyNeed(t *testing.T) {
	ours := "gateway rooms messages realtime notifications media"
	engines := map[string]string{ // whom each meets, beside whom it shares a network with for the same reason
		"postgres":     "rooms notifications media keycloak doctor postgres-exporter",
		"scylla":       "messages doctor prometheus",
		"kafka":        "rooms messages realtime notifications media doctor kafka-exporter",
		"keycloak":     ours + " postgres doctor prometheus postgres-exporter kafka-exporter disks-exporter",
		"s3":           "gateway media s3-probe doctor",
		"jaeger":       ours + " prometheus grafana jaeger-probe gateway-exporter",
		"alertmanager": "prometheus",
	}
	s := readStack(t)
	for name, service := range s.Services {
		if len(service.Networks) == 0 {
			t.Errorf("%s is in the network that compose makes for all: give it those of whom it needs", name)
		}
	}
	for engine, want := range engines {
		met := map[string]bool{}
		for name, service := range s.Services {
			for _, network := range service.Networks {
				if name != engine && slices.Contains(s.Services[engine].Networks, network) {
					met[name] = true
				}
			}
		}
		if got, expected := slices.Sorted(maps.Keys(met)), slices.Sorted(slices.Values(strings.Fields(want))); !slices.Equal(got, expected) {
			t.Errorf("%s is reached by %v, not by %v", engine, got, expected)
		}
	}
	for network := range s.Networks {
		published := slices.ContainsFunc(slices.Collect(maps.Keys(s.Services)), func(name string) bool {
			return len(s.Services[name].Ports) > 0 && slices.Contains(s.Services[name].Networks, network)
		})
		hasWayOut := slices.Contains([]string{"front", "identity", "telemetry", "alerts"}, network)
		if s.Networks[network].Internal == hasWayOut || hasWayOut && !published {
			t.Errorf("the network %s has a way out, or needs one and has none", network)
		}
	}
}

var interpolated = regexp.MustCompile(`\$\{([A-Z0-9_]+)(:?[-?])([^${}]*)`)

// The stack has one default for each variable, which env.example shows, and none for what is secret.
func TestTheStackSaysWhatItDoesWithoutBeingTold(t *testing.T) {
	text := read(t, composeFile) + read(t, "deploy/compose/compose.cassandra.yaml")
	if bare := regexp.MustCompile(`[^$]\$\{?[A-Z0-9_]+\}`).FindAllString(text, -1); len(bare) > 0 {
		t.Errorf("compose.yaml has no default of %q: without a line in .env it is empty", bare)
	}
	defaults := map[string]string{}
	for _, found := range interpolated.FindAllStringSubmatch(text, -1) {
		name, operator, value := found[1], found[2], found[3]
		if isSecret := regexp.MustCompile(`(PASSWORD|SECRET_KEY)$`).MatchString(name) && !strings.HasPrefix(name, "ISM_"); isSecret != strings.HasSuffix(operator, "?") {
			t.Errorf("%s: a secret has no default, and all else has one", name)
		}
		if value == "" { // empty, or another variable
			continue
		}
		if former, seen := defaults[name]; seen && former != value {
			t.Errorf("%s is %q in one place and %q in another", name, former, value)
		}
		defaults[name] = value
	}
	shown := 0
	for line := range strings.Lines(read(t, "deploy/compose/env.example")) {
		name, value, is := strings.Cut(strings.TrimSpace(line), "=")
		if !is || strings.HasPrefix(line, "#") {
			continue
		}
		if want, known := defaults[name]; known && want != value && value != "" {
			t.Errorf("env.example has %s=%s, and compose.yaml %q", name, value, want)
		} else if known {
			shown++
		}
	}
	if shown < 25 {
		t.Errorf("env.example shows only %d variables of compose.yaml", shown)
	}
}

func TestTheStackIsPublishedOnLoopback(t *testing.T) {
	published := 0
	for name, service := range readStack(t).Services {
		for _, port := range service.Ports {
			published++
			if !regexp.MustCompile(`^(127\.0\.0\.1|\$\{GATEWAY(_HTTP)?_BIND:-127\.0\.0\.1\}):`).MatchString(port) {
				t.Errorf("%s publishes %s", name, port)
			}
		}
	}
	if published < 6 {
		t.Errorf("only %d ports are published", published)
	}
}

// script runs a script of the stack, with nothing of the environment but what is given.
func script(t *testing.T, name, in string, environ []string, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(top, "deploy", "compose", name), args...)
	cmd.Env, cmd.Stdin = append([]string{"PATH=" + os.Getenv("PATH")}, environ...), strings.NewReader(in)
	text, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

func variablesOf(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, is := strings.Cut(strings.TrimSpace(line), "="); is && !strings.HasPrefix(line, "#") {
			if _, twice := found[name]; twice {
				t.Errorf("%s stands there twice", name)
			}
			found[name] = value
		}
	}
	return found
}

func TestEachInstallationHasSecretsOfItsOwn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "new", ".env")
	if out, code := script(t, "secrets", "", nil, file); code != 0 || out != "" {
		t.Fatalf("code %d: %s", code, out)
	}
	made := variablesOf(t, file)
	seen := map[string]string{}
	for _, found := range interpolated.FindAllStringSubmatch(read(t, composeFile)+"${ISM_INTERNAL_SECRET:?", -1) {
		name := found[1]
		if found[2] != ":?" {
			continue
		}
		if !regexp.MustCompile(`^[0-9a-f]{48}$`).MatchString(made[name]) {
			t.Errorf("%s is %q", name, made[name])
		}
		if other := seen[made[name]]; other != "" && other != name {
			t.Errorf("%s and %s are the same", name, other)
		}
		seen[made[name]] = name
	}
	if len(seen) < 9 {
		t.Errorf("only %d secrets were made", len(seen))
	}
	if made["COMPOSE_PROFILES"] != "observability" {
		t.Error("what looks on does not run")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	if out, code := script(t, "secrets", "", nil, file, "postgres", "grafana"); code != 0 || out != "" || !maps.Equal(made, variablesOf(t, file)) {
		t.Errorf("a second start changes them: code %d: %s", code, out)
	}
}

// Data that was made with the passwords of before asks for them. What the operator has set, in the file or the shell, is never touched.
func TestAnInstallationKeepsThePasswordsOfItsData(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte("# mine\nGATEWAY_PORT=80\nexport MEDIA_POSTGRES_PASSWORD=mine\nKEYCLOAK_ADMIN_PASSWORD=\nGRAFANA_PORT=1"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, code := script(t, "secrets", "", []string{"NOTIFICATIONS_POSTGRES_PASSWORD=of-the-shell"}, file, "postgres")
	if code != 0 || !strings.Contains(out, "ROOMS_POSTGRES_PASSWORD") || !strings.Contains(out, "Change a password") || strings.Contains(out, "change-me") {
		t.Errorf("code %d: %s", code, out)
	}
	got := variablesOf(t, file)
	for name, want := range map[string]string{
		"GATEWAY_PORT": "80", "GRAFANA_PORT": "1", "export MEDIA_POSTGRES_PASSWORD": "mine", "KEYCLOAK_ADMIN_PASSWORD": "",
		"ROOMS_POSTGRES_PASSWORD": "rooms-change-me", "POSTGRES_PASSWORD": "postgres-change-me",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, not %q", name, got[name], want)
		}
	}
	for _, name := range []string{"MEDIA_POSTGRES_PASSWORD", "NOTIFICATIONS_POSTGRES_PASSWORD", "COMPOSE_PROFILES"} {
		if value, there := got[name]; there {
			t.Errorf("%s is added as %q", name, value)
		}
	}
	for _, name := range []string{"S3_SECRET_KEY", "GRAFANA_ADMIN_PASSWORD", "ISM_INTERNAL_SECRET"} { // no volume has these
		if len(got[name]) != 48 {
			t.Errorf("%s is %q", name, got[name])
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
}

// published is what docker compose config prints of a gateway and Keycloak, with the secret that Postgres has.
func published(gatewayTLS, gatewayPlain, keycloak, password, issuer string) string {
	port := func(ip, target, number string) string {
		at := ""
		if ip != "" {
			at = "        host_ip: " + ip + "\n"
		}
		return "      - mode: ingress\n" + at + "        target: " + target + "\n        published: \"" + number + "\"\n        protocol: tcp\n"
	}
	return "name: ism\nservices:\n  gateway:\n    image: nginx\n    ports:\n" + port(gatewayPlain, "8080", "5403") + port(gatewayTLS, "8443", "5443") +
		"    volumes:\n      - type: bind\n        target: /tls\n  keycloak:\n    ports:\n" + port(keycloak, "8080", "8180") +
		"  postgres:\n    environment:\n      POSTGRES_PASSWORD: " + password + "\n  rooms:\n    environment:\n      ISM_OIDC_ADDRESS: " + issuer +
		"\nnetworks:\n  front:\n    name: ism_front\nx-environment:\n  ISM_OIDC_ADDRESS: " + issuer + "\n"
}

func TestTheStackIsNotOpenedWithoutALock(t *testing.T) {
	t.Parallel()
	const loopback, all, own, demo, elsewhere = "127.0.0.1", "0.0.0.0", "6b10d64cd7272d61", "http://keycloak:8080/realms/ism", "https://id.example.com"
	certificate, none := t.TempDir(), t.TempDir()
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.WriteFile(filepath.Join(certificate, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(read(t, composeFile), demo) {
		t.Errorf("compose.yaml does not name the demo realm as %s, by which doors knows it", demo)
	}
	for name, c := range map[string]struct {
		config, tls, know string
		risks             string // the words of what is refused; none: it is started
	}{
		"on loopback, as it comes":          {published(loopback, loopback, loopback, "postgres-change-me", demo), none, "", ""},
		"on loopback of IPv6":               {published("::1", "localhost", "127.0.0.2", "postgres-change-me", demo), none, "", ""},
		"with all that it takes":            {published(all, loopback, loopback, own, elsewhere), certificate, "", ""},
		"with known passwords":              {published(all, loopback, loopback, "postgres-change-me", elsewhere), certificate, "", "known-passwords"},
		"with the demo realm":               {published("10.0.0.7", loopback, loopback, own, demo), certificate, "", "demo-realm"},
		"without a certificate":             {published("::", loopback, loopback, own, elsewhere), none, "", "no-certificate"},
		"without TLS":                       {published(loopback, all, loopback, own, elsewhere), certificate, "", "no-tls"},
		"an engine, by a port for all":      {published(loopback, loopback, "", own, elsewhere), certificate, "", "open-keycloak"},
		"with nothing of it":                {published(all, all, all, "postgres-change-me", demo), none, "", "demo-realm,known-passwords,no-certificate,no-tls,open-keycloak"},
		"a risk is taken":                   {published(loopback, all, loopback, own, elsewhere), certificate, "no-tls", ""},
		"one of two risks is taken":         {published(all, all, loopback, own, elsewhere), none, "no-tls", "no-certificate"},
		"all risks are taken":               {published(all, all, loopback, own, demo), none, "no-tls,demo-realm,no-certificate", ""},
		"a word that is no risk":            {published(all, loopback, loopback, own, elsewhere), none, "yes", "no-certificate"},
		"a part of a word is not that word": {published(loopback, all, loopback, own, elsewhere), none, "tls,no", "no-tls"},
	} {
		out, code := script(t, "doors", c.config, []string{"I_KNOW=" + c.know}, c.tls)
		if c.risks == "" {
			if code != 0 || out != "" {
				t.Errorf("%s: code %d: %s", name, code, out)
			}
			continue
		}
		want := "I_KNOW=" + strings.TrimPrefix(c.know+","+c.risks, ",") + ","
		if code != 1 || !strings.Contains(out, want) || strings.Contains(out, "change-me") {
			t.Errorf("%s: code %d, without %q: %s", name, code, want, out)
		}
		for risk := range strings.SplitSeq(c.risks, ",") {
			if !strings.Contains(out, "\n  "+risk+"\n      ") {
				t.Errorf("%s: it does not say what %s is: %s", name, risk, out)
			}
		}
	}
}
