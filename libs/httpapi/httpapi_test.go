package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/ism-chat/ism/libs/telemetry"
)

// fasthttp keeps a clock for ever, and notices only some seconds later that its worker pool has been stopped.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// journal is a log that tests can read.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// world is a running server and what can be seen of it.
type world struct {
	*Server
	t        *testing.T
	base     string
	http     *http.Client
	log      *journal
	spans    *tracetest.SpanRecorder
	draining chan struct{}
	stop     context.CancelFunc
	done     chan error
}

func defaults() Config {
	return Config{
		Address: "127.0.0.1:0", InternalAddress: "127.0.0.1:0", BodyLimit: 4096, HeaderLimit: 8192,
		ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, HandlerTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second,
	}
}

// serve runs a server with the routes for the length of the test.
func serve(t *testing.T, cfg Config, build func(Config, Deps) *Server, checks []Check, routes func(app *fiber.App)) *world {
	t.Helper()
	w := &world{t: t, log: &journal{}, spans: tracetest.NewSpanRecorder(), draining: make(chan struct{}), done: make(chan error, 2)}
	tel := telemetry.Discard(slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))
	w.Server = build(cfg, Deps{Service: "test", Telemetry: tel, Checks: checks, Draining: w.draining})
	if routes != nil {
		routes(w.App)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	go func() { w.done <- w.Run(ctx) }()
	select {
	case <-w.Listening():
	case err := <-w.done:
		t.Fatalf("the server does not listen: %v", err)
	}
	w.base = "http://" + w.Address()
	w.http = &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		w.http.CloseIdleConnections()
		cancel()
		if err := <-w.done; err != nil {
			t.Errorf("the server stopped with %v", err)
		}
		w.done <- nil
	})
	return w
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

func (w *world) ask(method, path string, header http.Header, body string) reply {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := w.http.Do(request)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, raw}
}

// problem checks that a reply is a whole problem and gives its fields.
func (w *world) problem(got reply, status int, code string) map[string]any {
	w.t.Helper()
	if got.status != status || got.header.Get("Content-Type") != "application/problem+json" {
		w.t.Errorf("status %d, content type %q: %s", got.status, got.header.Get("Content-Type"), got.body)
	}
	var fields map[string]any
	if err := json.Unmarshal(got.body, &fields); err != nil {
		w.t.Fatalf("%v: %s", err, got.body)
	}
	for name, want := range map[string]any{
		"code": code, "status": float64(status), "type": "urn:ism:problem:" + code,
		"errorCode": strings.ToUpper(strings.ReplaceAll(code, "-", "_")),
	} {
		if fields[name] != want {
			w.t.Errorf("%s is %v, want %v", name, fields[name], want)
		}
	}
	for _, name := range []string{"title", "message", "timestamp", "path", "traceId"} {
		if text, ok := fields[name].(string); !ok || text == "" && name != "path" {
			w.t.Errorf("%s is %v", name, fields[name])
		}
	}
	for _, internal := range []string{"goroutine", ".go:", "secret cause"} {
		if bytes.Contains(got.body, []byte(internal)) {
			w.t.Errorf("the answer shows %q: %s", internal, got.body)
		}
	}
	return fields
}

func TestPlainEndpoints(t *testing.T) {
	w := serve(t, defaults(), New, nil, nil)
	for path, want := range map[string]string{"/": "Hello, world! I'm your new ISM. 🤗", "/health": "Healthy"} {
		if got := w.ask("GET", path, nil, ""); got.status != 200 || string(got.body) != want {
			t.Errorf("GET %s: %d %q", path, got.status, got.body)
		}
	}
}

func TestErrorsBecomeProblems(t *testing.T) {
	cause := errors.New("secret cause")
	w := serve(t, defaults(), New, nil, func(app *fiber.App) {
		app.Get("/known", func(*fiber.Ctx) error {
			p := NewProblem(404, "room-not-found", "Room not found", "there is no such room")
			return fmt.Errorf("get room: %w", p.Because(cause))
		})
		app.Get("/busy", func(*fiber.Ctx) error {
			p := NewProblem(503, "kafka-unavailable", "Kafka unavailable", "try again")
			p.RetryAfter = 1500 * time.Millisecond
			return p
		})
		app.Get("/unknown", func(*fiber.Ctx) error { return cause })
		app.Get("/panic", func(*fiber.Ctx) error { panic(cause) })
		app.Get("/late", func(c *fiber.Ctx) error {
			ctx, cancel := context.WithTimeout(c.UserContext(), time.Nanosecond)
			defer cancel()
			<-ctx.Done()
			return fmt.Errorf("ask the store: %w", ctx.Err())
		})
		app.Post("/only-post", func(*fiber.Ctx) error { return nil })
	})
	fields := w.problem(w.ask("GET", "/known", nil, ""), 404, "room-not-found")
	if fields["message"] != "there is no such room" || fields["path"] != "/known" {
		t.Errorf("problem %v", fields)
	}
	busy := w.ask("GET", "/busy", nil, "")
	w.problem(busy, 503, "kafka-unavailable")
	if busy.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After %q", busy.header.Get("Retry-After"))
	}
	if strings.Contains(w.log.String(), `"level":"ERROR"`) {
		t.Errorf("a refusal was logged as an error:\n%s", w.log)
	}
	w.problem(w.ask("GET", "/unknown", nil, ""), 500, "internal")
	w.problem(w.ask("GET", "/panic", nil, ""), 500, "internal")
	w.problem(w.ask("GET", "/late", nil, ""), 503, "timeout")
	w.problem(w.ask("GET", "/nowhere", nil, ""), 404, "not-found")
	put := w.ask("PUT", "/only-post", nil, "")
	w.problem(put, 405, "method-not-allowed")
	if put.header.Get("Allow") != "POST" {
		t.Errorf("Allow %q", put.header.Get("Allow"))
	}
	if !strings.Contains(w.log.String(), "secret cause") || !strings.Contains(w.log.String(), "goroutine") {
		t.Errorf("the log does not have the cause and the stack:\n%s", w.log)
	}
}

func TestLargeRequestsAreRefusedAndTheServerGoesOn(t *testing.T) {
	w := serve(t, defaults(), New, nil, func(app *fiber.App) {
		app.Post("/echo", func(c *fiber.Ctx) error { return c.Send(c.Body()) })
	})
	for range 20 { // a reset overtakes the answer now and then, where it can
		w.problem(w.ask("POST", "/echo", nil, strings.Repeat("a", 10<<20)), 413, "body-too-large")
	}
	if got := w.ask("POST", "/echo", nil, strings.Repeat("a", 4096)); got.status != 200 {
		t.Errorf("a body at the limit: %d %s", got.status, got.body)
	}
	w.problem(w.ask("GET", "/", http.Header{"X-Large": {strings.Repeat("a", 9000)}}, ""), 431, "headers-too-large")
}

func TestSlowRequestEndsByItsDeadline(t *testing.T) {
	cfg := defaults()
	cfg.ReadTimeout = 200 * time.Millisecond
	w := serve(t, cfg, New, nil, nil)
	conn, err := net.Dial("tcp", w.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Error("the connection is still open")
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestRequestIsTracedLoggedAndBounded(t *testing.T) {
	deadline := make(chan time.Duration, 1)
	w := serve(t, defaults(), New, nil, func(app *fiber.App) {
		app.Get("/rooms/:room_id", func(c *fiber.Ctx) error {
			at, _ := c.UserContext().Deadline()
			deadline <- time.Until(at)
			_, err := UUIDParam(c, "room_id")
			return err
		})
	})
	const trace = "0af7651916cd43dd8448eb211c80319c"
	path := "/rooms/" + uuid.NewString() + "?access_token=hush"
	got := w.ask("GET", path, http.Header{"Traceparent": {"00-" + trace + "-b7ad6b7169203331-01"}, "X-Request-Id": {"mine-1"}}, "")
	if got.status != 200 || got.header.Get("X-Trace-Id") != trace || got.header.Get("X-Request-Id") != "mine-1" {
		t.Errorf("%d %v", got.status, got.header)
	}
	if left := <-deadline; left <= 0 || left > 5*time.Second {
		t.Errorf("the handler had %v", left)
	}
	spans := w.spans.Ended()
	if len(spans) != 1 || spans[0].Name() != "GET /rooms/:room_id" || spans[0].SpanContext().TraceID().String() != trace {
		t.Fatalf("spans %v", spans)
	}
	for _, attribute := range spans[0].Attributes() {
		if strings.Contains(attribute.Value.String(), "hush") {
			t.Errorf("the span has the query: %v", attribute)
		}
	}
	log := w.log.String()
	if strings.Contains(log, "hush") || !strings.Contains(log, `"route":"/rooms/:room_id"`) {
		t.Errorf("log:\n%s", log)
	}
	if id := w.ask("GET", "/", http.Header{"X-Request-Id": {"two\twords"}}, "").header.Get("X-Request-Id"); uuid.Validate(id) != nil {
		t.Errorf("request id %q was taken over", id)
	}
	w.problem(w.ask("GET", "/rooms/seven", nil, ""), 400, "invalid-id")
	<-deadline
}

func TestOnlyConfiguredOriginsMayCall(t *testing.T) {
	cfg := defaults()
	cfg.CORSOrigins = []string{"https://app.example.com"}
	w := serve(t, cfg, New, nil, nil)
	if got := w.ask("GET", "/", http.Header{"Origin": {"https://app.example.com"}}, ""); got.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
		t.Errorf("%v", got.header)
	}
	if got := w.ask("GET", "/", http.Header{"Origin": {"https://evil.example.com"}}, ""); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", got.header)
	}
	if faults := (Config{CORSOrigins: []string{"*"}}).Validate(); len(faults) == 0 {
		t.Error("a wildcard is allowed")
	}
}

func TestReadiness(t *testing.T) {
	var mu sync.Mutex
	asked, fault := 0, errors.New("secret cause")
	w := serve(t, defaults(), New, []Check{{Name: "store", Check: func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return fault
	}}, {Name: "kafka", Check: func(context.Context) error { return nil }}}, nil)
	for range 20 {
		got := w.ask("GET", "/ready", nil, "")
		if got.status != 503 || string(got.body) != `{"status":"not-ready","checks":{"kafka":"ok","store":"unavailable"}}` {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	mu.Lock()
	if asked > 10 {
		t.Errorf("20 probes asked the store %d times", asked)
	}
	fault = nil
	mu.Unlock()
	for deadline := time.Now().Add(10 * time.Second); w.ask("GET", "/ready", nil, "").status != 200; {
		if time.Now().After(deadline) {
			t.Fatal("it does not become ready")
		}
	}
	close(w.draining)
	if got := w.ask("GET", "/ready", nil, ""); got.status != 503 {
		t.Errorf("while draining: %d", got.status)
	}
}

func TestInternalServer(t *testing.T) {
	w := serve(t, defaults(), NewInternal, nil, nil)
	if got := w.ask("GET", "/metrics", nil, ""); got.status != 200 {
		t.Errorf("/metrics: %d %s", got.status, got.body)
	}
	w.ask("GET", "/health", nil, "")
	if got := w.ask("GET", "/metrics", nil, ""); !bytes.Contains(got.body, []byte(`ism_http_requests_total{listener="internal",method="GET",route="/health",status="200"} 1`)) {
		t.Errorf("/metrics does not count:\n%s", got.body)
	}
	if got := w.ask("GET", "/debug/pprof/cmdline", nil, ""); got.status != 200 {
		t.Errorf("/debug/pprof/: %d", got.status)
	}
	w.problem(w.ask("GET", "/", nil, ""), 404, "not-found")
}

func TestStopFinishesWhatIsUnderWayAndNotWhatIsIdle(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	w := serve(t, defaults(), New, nil, func(app *fiber.App) {
		app.Get("/slow", func(c *fiber.Ctx) error {
			close(entered)
			<-leave
			return c.SendString("finished")
		})
	})
	idle, err := net.Dial("tcp", w.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if _, err := idle.Write([]byte("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(idle).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	answered := make(chan reply, 1)
	go func() { answered <- w.ask("GET", "/slow", nil, "") }()
	<-entered
	w.stop()
	select {
	case err := <-w.done:
		t.Fatalf("the server did not wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	close(leave)
	if got := <-answered; string(got.body) != "finished" {
		t.Errorf("the request under way got %d %q", got.status, got.body)
	}
	select {
	case err := <-w.done:
		if err != nil {
			t.Errorf("stopped with %v", err)
		}
		w.done <- nil
	case <-time.After(10 * time.Second):
		t.Error("an idle connection keeps the server")
	}
}

func TestTakenAddressIsAClearError(t *testing.T) {
	w := serve(t, defaults(), New, nil, nil)
	cfg := defaults()
	cfg.Address = w.Address()
	err := New(cfg, Deps{Service: "second", Telemetry: telemetry.Discard(nil)}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "listen on "+cfg.Address) {
		t.Errorf("error %v", err)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	if faults := defaults().Validate(); len(faults) != 0 {
		t.Errorf("faults %v", faults)
	}
	bad := Config{Address: "5403", InternalAddress: "", BodyLimit: 1, CORSOrigins: []string{"app.example.com"}}
	named := map[string]bool{}
	for _, fault := range bad.Validate() {
		named[fault.Variable] = true
	}
	for _, variable := range []string{"ADDRESS", "INTERNAL_ADDRESS", "BODY_LIMIT", "HEADER_LIMIT", "READ_TIMEOUT", "CORS_ORIGINS"} {
		if !named[variable] {
			t.Errorf("no fault names %s", variable)
		}
	}
}
