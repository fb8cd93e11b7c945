//go:build compose

// Package compose tests the compose stack as a whole: what is true of it beyond what every deployment does.
package compose

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/observability/queries"
)

const timeout = 4 * time.Minute // Prometheus scrapes every 15 s, and a slow machine takes its time

// eventually waits until what is asked for is so, and says what was last found if it never is.
func eventually(t *testing.T, what string, so func() (bool, string)) {
	t.Helper()
	poll := time.NewTicker(250 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(timeout); ; <-poll.C {
		ok, found := so()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s; found %s", what, found)
		}
	}
}

func createRoom(t *testing.T, by *deployment.User, with ...*deployment.User) uuid.UUID {
	t.Helper()
	invited := []uuid.UUID{by.ID}
	for _, user := range with {
		invited = append(invited, user.ID)
	}
	room, err := by.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: t.Name(), Invited: invited})
	if err != nil {
		t.Fatalf("create a room: %v", err)
	}
	return room.ID
}

// All that is wrong with a configuration is told at once, and ends the container with code 2.
func TestComposeShowsAFaultyConfiguration(t *testing.T) {
	stack := deployment.Compose(t)
	out, err := stack.Try(t, "run", "--rm", "--no-deps", "-e", "ISM_OIDC_ISSUER=", "-e", "ISM_KAFKA_PARTITIONS=many", "-e", "ISM_ROOMS_POSTGRES_ULR=x", "rooms")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("it ended with %v, want exit code 2", err)
	}
	for _, want := range []string{"3 faults", "ISM_OIDC_ISSUER", "ISM_KAFKA_PARTITIONS", "ISM_ROOMS_POSTGRES_ULR", "ISM_ROOMS_POSTGRES_URL"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not tell of %s:\n%s", want, out)
		}
	}
}

// The doctor finds nothing wrong with the stack as it is, and names what is.
func TestComposeIsExaminedByItsDoctor(t *testing.T) {
	stack := deployment.Compose(t)
	for name, c := range map[string]struct {
		change []string
		fault  string // of the check by this name; none: the stack as it is
	}{
		"as it is":         {},
		"a wrong issuer":   {[]string{"-e", "ISM_OIDC_ISSUER=http://id.example.com/realms/ism"}, "issuer"},
		"a missing bucket": {[]string{"-e", "ISM_MEDIA_S3_BUCKET=nowhere"}, "bucket"},
		"a closed port":    {[]string{"-e", "ISM_KAFKA_BROKERS=kafka:1"}, "brokers"},
	} {
		out, err := stack.Try(t, slices.Concat([]string{"run", "--rm", "--no-deps"}, c.change, []string{"doctor"})...)
		if (c.fault == "") != (err == nil) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if c.fault != "" && !regexp.MustCompile(`(?m)^ *fault +`+c.fault+` .*\n +do: `).MatchString(out) {
			t.Errorf("%s: it does not name the fault %q:\n%s", name, c.fault, out)
		}
	}
}

// A service says which version it is, as its image's tag does, and which revision that was built from.
func TestComposeSaysWhatRuns(t *testing.T) {
	stack := deployment.Compose(t)
	for _, service := range deployment.ComposeServices() {
		_, version, _ := strings.Cut(stack.Image(t, service), ":")
		want := regexp.MustCompile(`^ism_build_info\{.*revision="[0-9a-f]{40}(-changed)?",.*version="` + regexp.QuoteMeta(version) + `"\}`)
		if series := scrape(t, stack.Addresses(t, service)[0]); !slices.ContainsFunc(series, want.MatchString) {
			t.Errorf("%s does not say that it is %s", service, version)
		}
	}
}

// Whoever asks too much is told so, and the others are served meanwhile. This gateway is one of its own, whose limit any machine
// exceeds; what the stack's own is configured with comes the same way.
func TestComposeHoldsAnAddressToItsRate(t *testing.T) {
	const workers, each = 8, 25
	stack := deployment.Compose(t)
	t.Setenv("GATEWAY_RATE_ADDRESS", "1")
	t.Setenv("GATEWAY_BURST_ADDRESS", "20")
	aside := stack.RunAside(t, "gateway")
	address, beside := aside.Address(t, "front")+":8080", aside.Address(t, "objects")+":8080"
	const page = "http://localhost:4200"
	var asked atomic.Int64
	get := func() (int, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/health", http.NoBody)
		if err != nil {
			return 0, err
		}
		// Neither a new token nor an address that is only said begins anew.
		i := asked.Add(1)
		request.Header.Set("Authorization", fmt.Sprintf("%s a.b.%d", []string{"Bearer", "bearer", "Bearer "}[i%3], i))
		request.Header.Set("X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i%250))
		request.Header.Set("Origin", page)
		response, err := stack.HTTP().Do(request)
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		if response.StatusCode == http.StatusTooManyRequests {
			checkProblem(t, response, "too-many-requests")
			if header := response.Header; header.Get("Retry-After") == "" || header.Get("Access-Control-Allow-Origin") != page ||
				!strings.Contains(header.Get("Access-Control-Expose-Headers"), "Retry-After") {
				t.Errorf("429 that a page cannot read: %v", header)
			}
		}
		return response.StatusCode, nil
	}
	served := func() (bool, string) {
		status, err := get()
		return status == http.StatusOK, fmt.Sprint(status, err)
	}
	eventually(t, "the gateway serves", served)

	var mu sync.Mutex
	statuses := map[int]int{}
	var flood sync.WaitGroup
	for range workers {
		flood.Go(func() {
			for range each {
				status, err := get()
				if err != nil {
					t.Errorf("a request was not answered: %v", err)
					return
				}
				mu.Lock()
				statuses[status]++
				mu.Unlock()
			}
		})
	}
	for range 5 { // from another address
		if out, err := stack.Try(t, "exec", "-T", "s3-probe", "curl", "-sS", "-m", "30", "http://"+beside+"/health"); err != nil || !strings.Contains(out, "Healthy") {
			t.Errorf("another address was not served: %v %s", err, out)
		}
	}
	flood.Wait()
	if statuses[http.StatusTooManyRequests] == 0 || statuses[http.StatusOK] == 0 || len(statuses) != 2 {
		t.Errorf("the flood was answered with %v", statuses)
	}
	eventually(t, "the address is served again", served)
}

func TestComposeRefusesWhatIsTooLarge(t *testing.T) {
	stack := deployment.Compose(t)
	for name, c := range map[string]struct {
		status int
		code   string
		change func(*http.Request)
	}{
		"body":   {http.StatusRequestEntityTooLarge, "body-too-large", func(*http.Request) {}},
		"header": {http.StatusRequestHeaderFieldsTooLarge, "headers-too-large", func(r *http.Request) { r.Header.Set("X-Large", strings.Repeat("a", 20<<10)) }},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, stack.BaseURL+"/api/send-msg", strings.NewReader(strings.Repeat("a", 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+stack.Token(t, "alice"))
		c.change(request)
		response, err := stack.HTTP().Do(request)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if response.StatusCode != c.status {
			t.Errorf("%s: %s, want %d", name, response.Status, c.status)
		}
		checkProblem(t, response, c.code)
		_ = response.Body.Close()
	}
}

func checkProblem(t *testing.T, response *http.Response, code string) {
	t.Helper()
	var problem struct{ Code, TraceID string }
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil || problem.Code != code || len(problem.TraceID) != 32 {
		t.Errorf("%s is no problem %s: %+v, %v", response.Status, code, problem, err)
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("%s has the content type %q", response.Status, kind)
	}
}

// No panel and no rule is without data, scraped as the stack does.
func TestComposeDashboardsHaveData(t *testing.T) {
	stack := deployment.Compose(t)
	expressions, err := queries.Load(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	alice, bob := stack.SignIn(t, "alice"), stack.SignIn(t, "bob")
	listener := bob.Listen(t)
	eventually(t, "every expression has data", func() (bool, string) {
		room := createRoom(t, alice, bob)
		if _, err := alice.SendText(t.Context(), room, "How many?"); err != nil {
			return false, err.Error()
		}
		listener.AwaitMessages(t, room, 1)
		if _, err := bob.History(t.Context(), room); err != nil {
			return false, err.Error()
		}
		if err := bob.MarkRead(t.Context(), room); err != nil {
			return false, err.Error()
		}
		faults, err := queries.Faults(t.Context(), stack.Prometheus, expressions)
		return err == nil && len(faults) == 0, fmt.Sprintf("%v, %d faults:\n%s", err, len(faults), strings.Join(faults, "\n"))
	})
	t.Logf("%d expressions have data", len(expressions))
}

// What looks on may fail, and is named. Jaeger is given a port that is taken.
func TestComposeRunsWithoutWhatLooksOn(t *testing.T) {
	stack := deployment.Compose(t)
	defer func() { _, _ = stack.Try(t, "up", "-d") }() // with its own port again
	t.Run("with Jaeger's port taken", func(t *testing.T) {
		t.Setenv("JAEGER_PORT", os.Getenv("GATEWAY_PORT"))
		out, err := exec.CommandContext(t.Context(), filepath.Join("..", "..", "deploy", "compose", "up")).CombinedOutput()
		if err != nil || !regexp.MustCompile(`(?m)^--- jaeger: `).Match(out) || !strings.Contains(string(out), "The messenger is up") {
			t.Errorf("up ended with %v:\n%s", err, out)
		}
	})
	alice, bob := stack.SignIn(t, "alice"), stack.SignIn(t, "bob")
	if _, err := alice.SendText(t.Context(), createRoom(t, alice, bob), "unobserved"); err != nil {
		t.Error(err)
	}
}

// What was said before the stack was taken down is there when it is up again, and what comes after stands behind it.
func TestComposeDataOutlivesDown(t *testing.T) {
	stack := deployment.Compose(t)
	alice, bob := stack.SignIn(t, "alice"), stack.SignIn(t, "bob")
	room := createRoom(t, alice, bob)
	before, err := alice.SendText(t.Context(), room, "before")
	if err != nil {
		t.Fatal(err)
	}
	stack.Run(t, "down", "--timeout", "30")
	stack.Up(t)
	_, _ = stack.Try(t, "up", "-d") // what looks on, whatever comes of it

	after, err := alice.SendText(t.Context(), room, "after")
	if err != nil {
		t.Fatalf("send with a token from before: %v", err)
	}
	eventually(t, "both messages are in the history", func() (bool, string) {
		history, err := bob.History(t.Context(), room)
		if err != nil {
			return false, err.Error()
		}
		return len(history) == 2 && history[0].ID == before.ID && history[1].ID == after.ID, fmt.Sprint(history)
	})
}

// No password, key or token is in any log, whatever has happened until now.
func TestComposeZLogsNoSecret(t *testing.T) {
	stack := deployment.Compose(t)
	secrets := map[string]string{"the backend client's secret": "ism-backend-secret"}
	for _, name := range []string{"alice", "bob"} {
		parts := strings.Split(stack.Token(t, name), ".")
		secrets["the signature of a token of "+name] = parts[2]
	}
	raw, err := os.ReadFile(os.Getenv("COMPOSE_ENV_FILES"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		name, value, is := strings.Cut(strings.TrimSpace(line), "=")
		if is && (strings.HasSuffix(name, "PASSWORD") || strings.HasSuffix(name, "SECRET_KEY") || strings.HasSuffix(name, "_SECRET")) {
			secrets[name] = value
		}
	}
	if len(secrets) < 12 {
		t.Fatalf("only %d secrets are looked for", len(secrets))
	}
	logs := stack.Run(t, "logs", "--no-color")
	if len(logs) < 1000 {
		t.Fatal("there are no logs to look at")
	}
	for line := range strings.Lines(logs) {
		for name, secret := range secrets {
			if strings.Contains(line, secret) {
				t.Errorf("%s is in a log: %s", name, strings.ReplaceAll(line, secret, "…"))
			}
		}
	}
}
