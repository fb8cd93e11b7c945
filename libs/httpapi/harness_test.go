package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// timeout is how long a test waits for what must come.
const timeout = 30 * time.Second

// journal keeps what is logged.
type journal struct{ servicetest.Log }

// records are the log's records with the message.
func (j *journal) records(t *testing.T, message string) []map[string]any {
	t.Helper()
	return slices.DeleteFunc(j.Records(t), func(record map[string]any) bool { return record["msg"] != message })
}

// await waits for a record of the message for which the condition holds.
func (j *journal) await(t *testing.T, message string, is func(map[string]any) bool) map[string]any {
	t.Helper()
	var found map[string]any
	servicetest.Await(t, "a record "+message, func() bool {
		for _, record := range j.records(t, message) {
			if is(record) {
				found = record
				return true
			}
		}
		return false
	})
	return found
}

// fixture is a server under test, on a loopback port.
type fixture struct {
	*Server

	log    *journal
	tel    *telemetry.Telemetry
	http   *http.Client
	url    string
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // of Run, once ended is closed
}

func testConfig() Config {
	return Config{
		Address: "127.0.0.1:0", InternalAddress: "127.0.0.1:0", BodyLimit: 64 << 10, HeaderLimit: 16 << 10, ReadTimeout: timeout,
		WriteTimeout: timeout, HandlerTimeout: timeout, IdleTimeout: time.Minute,
	}
}

// option changes how a server under test is made.
type option func(*Config, *Deps)

// serve runs a server, with the routes that mount adds, until the test ends.
func serve(t *testing.T, mount func(*fiber.App), options ...option) *fixture {
	t.Helper()
	return run(t, New, mount, options...)
}

func run(t *testing.T, make func(Config, Deps) *Server, mount func(*fiber.App), options ...option) *fixture {
	t.Helper()
	f := &fixture{log: &journal{}, http: &http.Client{Transport: &http.Transport{}, Timeout: timeout}, ended: newChannel()}
	f.tel = telemetry.Discard(slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	cfg, deps := testConfig(), Deps{Service: "test", Telemetry: f.tel, Draining: newChannel()}
	for _, change := range options {
		change(&cfg, &deps)
	}
	f.Server = make(cfg, deps)
	if mount != nil {
		mount(f.App)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f.cancel = cancel
	go func() {
		defer close(f.ended)
		f.err = f.Run(ctx)
	}()
	t.Cleanup(func() {
		f.http.CloseIdleConnections()
		if err := f.stop(t); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	select {
	case <-f.Listening():
	case <-f.ended:
		t.Fatalf("run: %v", f.err)
	}
	f.url = "http://" + f.Address()
	return f
}

func newChannel() chan struct{} { return make(chan struct{}) }

// stop ends the server and gives what Run returned.
func (f *fixture) stop(t *testing.T) error {
	t.Helper()
	f.cancel()
	select {
	case <-f.ended:
		return f.err
	case <-time.After(2 * timeout):
		t.Fatal("the server does not stop")
		return nil
	}
}

// answer is what a server answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (f *fixture) request(t *testing.T, method, path, body string, header ...string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, f.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	return request
}

func (f *fixture) do(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	return f.send(t, f.request(t, method, path, body, header...))
}

func (f *fixture) send(t *testing.T, request *http.Request) answer {
	t.Helper()
	response, err := f.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, response)
}

func read(t *testing.T, response *http.Response) answer {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, body}
}

// problem checks that the answer is a whole problem with the code, and gives it.
func (a answer) problem(t *testing.T, status int, code string) map[string]any {
	t.Helper()
	if got := a.header.Get("Content-Type"); a.status != status || got != mimeProblem {
		t.Fatalf("%d %s %s, want %d", a.status, got, a.body, status)
	}
	var problem map[string]any
	if err := json.Unmarshal(a.body, &problem); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	if problem["code"] != code || problem["status"] != float64(status) || problem["type"] != "urn:ism:problem:"+code ||
		problem["errorCode"] != strings.ToUpper(strings.ReplaceAll(code, "-", "_")) {
		t.Errorf("code %s: %s", code, a.body)
	}
	for _, member := range []string{"title", "message", "traceId", "path"} {
		if text, _ := problem[member].(string); text == "" {
			t.Errorf("no %s: %s", member, a.body)
		}
	}
	if at, err := time.Parse(time.RFC3339Nano, problem["timestamp"].(string)); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("timestamp: %s", a.body)
	}
	if problem["traceId"] != a.header.Get("X-Trace-Id") || a.header.Get("X-Request-Id") == "" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v of %s", a.header, a.body)
	}
	for _, inside := range []string{".go", "goroutine", "panic", "runtime", secret} {
		if bytes.Contains(a.body, []byte(inside)) {
			t.Errorf("the answer shows internals: %s", a.body)
		}
	}
	return problem
}

// secret is what must never be in an answer or in the log of a request.
const secret = "hunter2"

// connect opens a connection of which the test sends and reads every byte.
func (f *fixture) connect(t *testing.T) *net.TCPConn {
	t.Helper()
	connection, err := net.Dial("tcp", f.Address())
	if err != nil {
		t.Fatal(err)
	}
	if err := connection.SetDeadline(time.Now().Add(2 * timeout)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection.(*net.TCPConn)
}

func write(t *testing.T, connection net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(connection, text); err != nil {
		t.Fatal(err)
	}
}
