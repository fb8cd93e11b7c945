package rooms_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
)

// buildPrevious builds the program of the previous version from the history, and gives its path. Where this is a clone without that history the
// test is skipped.
func buildPrevious(t *testing.T) (program string) {
	t.Helper()
	const top = "../.."
	named, err := os.ReadFile("store/postgres/previous-version")
	if err != nil {
		t.Fatal(err)
	}
	revision, source := strings.TrimSpace(string(named)), t.TempDir()
	if err := exec.CommandContext(t.Context(), "git", "-C", top, "cat-file", "-e", revision+"^{commit}").Run(); err != nil {
		shallow, err := exec.CommandContext(t.Context(), "git", "-C", top, "rev-parse", "--is-shallow-repository").Output()
		if err != nil || strings.TrimSpace(string(shallow)) == "true" {
			t.Skipf("NOT PROVED without the history: %s is needed", revision)
		}
		t.Fatalf("store/postgres/previous-version names %s, which the history does not have", revision)
	}
	tree, err := exec.CommandContext(t.Context(), "git", "-C", top, "archive", revision).Output()
	if err != nil {
		t.Fatal(err)
	}
	extract := exec.CommandContext(t.Context(), "tar", "-x", "-C", source)
	extract.Stdin = bytes.NewReader(tree)
	if out, err := extract.CombinedOutput(); err != nil {
		t.Fatalf("extract %s: %v\n%s", revision, err, out)
	}
	program = filepath.Join(source, "rooms")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/rooms")
	build.Dir, build.Env = filepath.Join(source, "services", "rooms"), append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build rooms of %s: %v\n%s", revision, err, out)
	}
	return program
}

// previous is a running process of the previous version. Its answers are not held to a description: they have what its own says, with values that
// this version has written.
type previous struct {
	public, internal string // base URLs
	http             *http.Client
	process          *exec.Cmd
	log              servicetest.Log
	ended            func() error
}

// startPrevious starts the program on the broker at the port, with the issuer of a deployment, and waits until it is ready.
func startPrevious(t *testing.T, program string, beside *deployment, port int, settings ...string) *previous {
	t.Helper()
	public, internal := fmt.Sprintf("127.0.0.1:%d", servicetest.FreePort(t)), fmt.Sprintf("127.0.0.1:%d", servicetest.FreePort(t))
	p := &previous{
		public: "http://" + public, internal: "http://" + internal, http: beside.http,
		process: exec.CommandContext(context.WithoutCancel(t.Context()), program),
	}
	p.process.Env = append([]string{
		"ISM_HTTP_ADDRESS=" + public, "ISM_HTTP_INTERNAL_ADDRESS=" + internal, "ISM_OIDC_ISSUER=" + beside.issuer.URL,
		fmt.Sprintf("ISM_KAFKA_BROKERS=127.0.0.1:%d", port), "ISM_KAFKA_REPLICATION=1", "ISM_LOG_LEVEL=warn",
	}, settings...)
	p.process.Stdout, p.process.Stderr = &p.log, &p.log
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	p.ended = sync.OnceValue(func() error {
		if err := p.process.Process.Signal(syscall.SIGTERM); err != nil {
			return fmt.Errorf("tell it to stop: %w", err)
		}
		return p.process.Wait()
	})
	t.Cleanup(func() {
		_ = p.ended() // it is told by stop
		if t.Failed() {
			t.Logf("the previous version has logged:\n%s", p.log.String())
		}
	})
	servicetest.AwaitSuccess(t, "the previous version is ready", func() error {
		status, answer, err := p.ask(t, user{}, http.MethodGet, p.public+"/ready", "")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("ready is answered by %d: %s", status, answer)
		}
		return err
	})
	return p
}

// stop ends the process as an orchestrator does.
func (p *previous) stop(t *testing.T) {
	t.Helper()
	if err := p.ended(); err != nil {
		t.Errorf("the previous version ends with %v", err)
	}
}

// ask makes a request, with the user's token if there is one.
func (p *previous) ask(t *testing.T, u user, method, url, body string) (status int, answer []byte, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if u.token != "" {
		request.Header.Set("Authorization", "Bearer "+u.token)
	}
	response, err := p.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close() // it is read
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// call expects a status, and decodes the answer unless target is nil.
func (p *previous) call(t *testing.T, u user, want int, method, url, body string, target any) {
	t.Helper()
	status, answer, err := p.ask(t, u, method, url, body)
	if err != nil || status != want {
		t.Fatalf("%s %s is answered by %d, not %d: %s, %v", method, url, status, want, answer, err)
	}
	if target == nil {
		return
	}
	if err := json.Unmarshal(answer, target); err != nil {
		t.Fatalf("%s %s is answered by %s: %v", method, url, answer, err)
	}
}

func (p *previous) get(t *testing.T, u user, path string, target any) {
	t.Helper()
	p.call(t, u, http.StatusOK, http.MethodGet, p.public+path, "", target)
}

func (p *previous) list(t *testing.T, u user) (rooms []wire.Room) {
	t.Helper()
	p.get(t, u, "/api/rooms", &rooms)
	return rooms
}

func (p *previous) create(t *testing.T, u user, body string) (room wire.Room) {
	t.Helper()
	p.call(t, u, http.StatusOK, http.MethodPost, p.public+"/api/rooms/create-room", body, &room)
	return room
}
