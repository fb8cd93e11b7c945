// Package receivers runs the receivers of webhooks that the documentation shows, as they stand there, and has the messenger send them something.
package receivers

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

const (
	documentation = "../../docs/webhooks.md"
	// buildTimeout is how long compilers and registries may take on a busy machine.
	buildTimeout = 3 * time.Minute
)

// Each receiver verifies what is sent with the public library of its language, and turns away what is not from here.
func TestTheDocumentedReceiversVerify(t *testing.T) {
	d := deployment.OneProcess(t, deployment.ReceiversHere())
	for language, program := range map[string]func(t *testing.T, address string) *exec.Cmd{"Go": inGo, "JavaScript": inJavaScript} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			verifies(t, d, program)
		})
	}
}

func verifies(t *testing.T, d *deployment.Deployment, program func(t *testing.T, address string) *exec.Cmd) {
	alice, bob, backend, address := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.Backend(t), deployment.FreeAddress(t)
	cmd := program(t, address)
	room, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Hooks", Invited: []uuid.UUID{alice.ID, bob.ID}})
	if err != nil {
		t.Fatal(err)
	}
	made, err := backend.CreateWebhook(t.Context(), client.NewWebhook{
		URL: "http://" + address + "/hooks/ism", Types: []string{"dev.ism.message.created"}, Rooms: []uuid.UUID{room.ID},
	})
	if err != nil {
		t.Fatal(err)
	}
	printed := start(t, cmd, made.Secret, address)
	if _, err := backend.TestWebhook(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.SendText(t.Context(), room.ID, "Süß 🥣"); err != nil { // more bytes than characters
		t.Fatal(err)
	}
	servicetest.Await(t, "both are taken", func() bool {
		delivered, _, err := backend.WebhookDeliveries(t.Context(), made.ID, "delivered", "")
		return err == nil && len(delivered) == 2
	})
	for _, eventType := range []string{"dev.ism.webhook.tested", "dev.ism.message.created"} {
		servicetest.Await(t, eventType+" is printed", func() bool { return strings.Contains(printed.String(), eventType) })
	}
	if status := forge(t, address); status != http.StatusUnauthorized {
		t.Errorf("a forged webhook is answered %d", status)
	}
}

// inGo compiles the receiver with the libraries of this module.
func inGo(t *testing.T, address string) *exec.Cmd {
	dir := t.TempDir()
	source := write(t, dir, "main.go", strings.Replace(documented(t, "### Go", "go"), `"127.0.0.1:8000"`, `"`+address+`"`, 1))
	run(t, ".", "go", "build", "-o", filepath.Join(dir, "receiver"), source)
	return exec.CommandContext(t.Context(), filepath.Join(dir, "receiver"))
}

// inJavaScript installs the receiver's library, as the lock file has it.
func inJavaScript(t *testing.T, address string) *exec.Cmd {
	for _, program := range []string{"node", "npm"} {
		enginetest.Installed(t, program)
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := os.ReadFile(filepath.Join("testdata", "javascript", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, string(content))
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "receiver.mjs", strings.Replace(documented(t, "### JavaScript", "js"), `listen(8000, "127.0.0.1")`, `listen(`+port+`, "`+host+`")`, 1))
	run(t, dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd := exec.CommandContext(t.Context(), "node", "receiver.mjs")
	cmd.Dir = dir
	return cmd
}

// documented is the first program in a language behind a heading of the documentation.
func documented(t *testing.T, heading, language string) string {
	t.Helper()
	raw, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(raw), "\n"+heading+"\n")
	_, rest, begun := strings.Cut(rest, "\n```"+language+"\n")
	program, _, ended := strings.Cut(rest, "\n```\n")
	if !found || !begun || !ended {
		t.Fatalf("%s has no program in %s behind %q", documentation, language, heading)
	}
	return program + "\n"
}

func write(t *testing.T, dir, name, content string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// output is what a program prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p) //nolint:wrapcheck // never fails
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start runs a receiver with the secret until the test ends, and gives what it prints. It returns once it listens.
func start(t *testing.T, cmd *exec.Cmd, secret, address string) *output {
	t.Helper()
	printed := &output{}
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret)
	cmd.Stdout, cmd.Stderr = printed, printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the receiver printed:\n%s", printed)
		}
	})
	servicetest.Await(t, "the receiver listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
	return printed
}

// forge sends a receiver a webhook that is signed, but with another secret.
func forge(t *testing.T, address string) (status int) {
	t.Helper()
	const body = `{"id":"1","type":"a","data":{}}`
	another, err := standardwebhooks.NewWebhookRaw([]byte("a secret that only somebody else has"))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	signature, err := another.Sign("1", at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/hooks/ism", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Webhook-Id", "1")
	request.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	request.Header.Set("Webhook-Signature", signature)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}
