//go:build compose

package compose

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// landed is the revision whose image each service must be able to go back to. A release moves it to the release before.
const landed = "38a26f35048ed198027a0939b91d7e2fd336a96c"

// One service after another goes back to its older image, beside the others as they are, and forward again, as docs/operations.md
// tells operators to do it. What either version writes, the other reads.
//
// realtime is not among them: the landed revision has its own log behind the rooms', which this one does not write. Its clients resync when it
// goes back, see docs/decisions/one-log-one-hop.md.
func TestComposeRollsOneServiceBack(t *testing.T) {
	stack := deployment.Compose(t)
	alice, bob := stack.SignIn(t, "alice"), stack.SignIn(t, "bob")
	room := createRoom(t, alice, bob)
	listener := bob.Listen(t)
	var sent []uuid.UUID
	chat := func(t *testing.T) {
		t.Helper()
		message, err := alice.SendText(t.Context(), room, t.Name())
		if err != nil {
			t.Fatalf("send: %v", err)
		}
		sent = append(sent, message.ID)
		var live []wire.Message
		for _, delivered := range listener.AwaitMessages(t, room, len(sent)) {
			live = append(live, delivered.Message)
		}
		if got := ids(live); !slices.Equal(got, sent) {
			t.Errorf("the stream has %v, not %v", got, sent)
		}
		if err := bob.MarkRead(t.Context(), room); err != nil {
			t.Errorf("mark read: %v", err)
		}
		eventually(t, "the history is what was sent", func() (bool, string) {
			history, err := bob.History(t.Context(), room)
			return err == nil && slices.Equal(ids(history), sent), fmt.Sprint(err, ids(history))
		})
	}
	change := func(t *testing.T, service, image string) {
		t.Helper()
		stack.Replace(t, service)
		if runs := stack.Image(t, service); runs != image {
			t.Fatalf("%s runs as %s, not as %s", service, runs, image)
		}
		eventually(t, "the gateway has found it", func() (bool, string) {
			_, err := alice.SendText(t.Context(), createRoom(t, alice, bob), "found")
			return err == nil, fmt.Sprint(err)
		})
	}

	chat(t)
	t.Cleanup(func() { stack.Up(t) }) // with the credential again
	withoutCredential(t)
	for _, service := range deployment.ComposeServices() {
		stack.Replace(t, service)
	}
	for _, service := range []string{"rooms", "messages"} {
		current := stack.Image(t, service)
		older := buildLanded(t, service)
		t.Run(service, func(t *testing.T) {
			t.Setenv(strings.ToUpper(service)+"_VERSION", older)
			change(t, service, "ism/"+service+":"+older)
			chat(t)
		})
		change(t, service, current)
		chat(t)
	}
}

// withoutCredential has what is started from here on run without the settings that up makes and the landed revision does not know: the services'
// credential, whose traces they go on with, and whose logout tokens count.
func withoutCredential(t *testing.T) {
	t.Helper()
	settings, err := os.ReadFile(os.Getenv("COMPOSE_ENV_FILES"))
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(settings)) {
		name, _, _ := strings.Cut(line, "=")
		if !slices.Contains([]string{"ISM_INTERNAL_SECRET", "ISM_HTTP_TRACE_CALLERS", "ISM_OIDC_LOGOUT_CLIENTS"}, name) {
			kept.WriteString(line)
		}
	}
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte(kept.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("COMPOSE_ENV_FILES", file)
}

func ids(messages []wire.Message) []uuid.UUID {
	var all []uuid.UUID
	for _, message := range messages {
		all = append(all, message.ID)
	}
	return all
}

// buildLanded builds a service's image from the landed revision and gives its version. It is built as this revision builds, so
// that nothing but its own source and the libraries counts.
func buildLanded(t *testing.T, service string) (version string) {
	t.Helper()
	const top = "../.."
	source, version := t.TempDir(), "landed"
	if shallow, err := exec.CommandContext(t.Context(), "git", "-C", top, "rev-parse", "--is-shallow-repository").Output(); err == nil && strings.TrimSpace(string(shallow)) == "true" {
		t.Skipf("NOT PROVED without the history: this clone is shallow, and %s is needed", landed)
	}
	archive := exec.CommandContext(t.Context(), "git", "-C", top, "archive", landed, "libs", "services/"+service)
	tree, err := archive.Output()
	if err != nil {
		t.Fatalf("NOT PROVED without the history (%s is needed): %v", landed, err)
	}
	run(t, bytes.NewReader(tree), "tar", "-x", "-C", source)
	if err := os.MkdirAll(filepath.Join(source, "clients", "go"), 0o755); err != nil { // the Dockerfile copies what that revision has not yet
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(source, "deploy"), 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "cp", top+"/.dockerignore", source)
	run(t, nil, "cp", "-r", top+"/deploy/images", filepath.Join(source, "deploy")) // what describes the program
	run(t, nil, "docker", "build", "-q", "-f", top+"/deploy/Dockerfile", "--build-arg", "PROGRAM="+service, "--build-arg", "VERSION="+version,
		"--build-arg", "REVISION="+landed, "-t", "ism/"+service+":"+version, source)
	return version
}

func run(t *testing.T, in *bytes.Reader, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	if in != nil {
		cmd.Stdin = in
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
