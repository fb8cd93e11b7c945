package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestPlainEndpoints(t *testing.T) {
	f := serve(t, nil)
	for path, want := range map[string]string{"/": "Hello, world! I'm your new ISM. 🤗", "/health": "Healthy"} {
		got := f.do(t, http.MethodGet, path, "")
		if got.status != http.StatusOK || string(got.body) != want || got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %d %v %s", path, got.status, got.header, got.body)
		}
		if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("X-Trace-Id") == "" || got.header.Get("Server") != "" {
			t.Errorf("%s: %v", path, got.header)
		}
	}
}

// failing has a route for each way to fail.
func failing(app *fiber.App) {
	fail := func(path string, err error) {
		app.Get(path, func(*fiber.Ctx) error { return err })
	}
	unavailable := NewProblem(http.StatusServiceUnavailable, "store-unavailable", "Store unavailable", "")
	unavailable.RetryAfter = 1500 * time.Millisecond
	fail("/unknown", errors.New("dial postgres://ism:"+secret+"@db"))
	fail("/late", fmt.Errorf("query %s: %w", secret, context.DeadlineExceeded))
	fail("/unavailable", unavailable.Because(errors.New(secret)))
	fail("/wrapped", fmt.Errorf("add %s: %w", secret, NewProblem(http.StatusConflict, "room-exists", "Room exists", "it is there").Because(errors.New(secret))))
	fail("/framework", fiber.NewError(http.StatusTeapot, secret))
	fail("/gateway", fiber.NewError(http.StatusBadGateway, secret))
	fail("/missing", fiber.ErrNotFound)
	app.Get("/crash", func(*fiber.Ctx) error { panic(secret) })
	app.Get("/nil", func(*fiber.Ctx) error { var p *Problem; _ = p.Code; return nil })
	app.Get("/begun", func(c *fiber.Ctx) error {
		c.Status(http.StatusCreated).Set("X-Kept", "yes")
		_ = c.SendString("half of it, " + secret)
		return errors.New("the other half is missing")
	})
}

func TestErrorsBecomeProblems(t *testing.T) {
	f := serve(t, failing)
	for path, c := range map[string]struct {
		status      int
		code, level string
	}{
		"/unknown":     {500, "internal", "ERROR"},
		"/late":        {503, "timeout", "WARN"},
		"/unavailable": {503, "store-unavailable", "WARN"},
		"/wrapped":     {409, "room-exists", ""},
		"/framework":   {418, "bad-request", ""},
		"/gateway":     {500, "internal", "ERROR"},
		"/missing":     {404, "not-found", ""},
		"/crash":       {500, "internal", "ERROR"},
		"/nil":         {500, "internal", "ERROR"},
		"/begun":       {500, "internal", "ERROR"},
	} {
		t.Run(path, func(t *testing.T) {
			id := "r" + strings.ReplaceAll(path, "/", "-")
			got := f.do(t, http.MethodGet, path+"?token="+secret, "", "X-Request-Id", id)
			problem := got.problem(t, c.status, c.code)
			if problem["path"] != path {
				t.Errorf("path %v", problem["path"])
			}
			if want := map[string]string{"/late": "1", "/unavailable": "2"}[path]; got.header.Get("Retry-After") != want {
				t.Errorf("Retry-After %q, want %q", got.header.Get("Retry-After"), want)
			}
			access := f.log.await(t, "request", func(r map[string]any) bool { return r["request_id"] == id })
			if access["level"] != "INFO" || access["code"] != c.code || access["route"] != path {
				t.Error(access)
			}
			failed := slices.DeleteFunc(f.log.records(t, "request failed"), func(r map[string]any) bool { return r["request_id"] != id })
			if c.level == "" {
				if len(failed) > 0 {
					t.Errorf("a client's fault was logged as ours: %v", failed)
				}
				return
			}
			if len(failed) != 1 || failed[0]["level"] != c.level || failed[0]["answer_trace_id"] != problem["traceId"] {
				t.Fatalf("logged %v", failed)
			}
			if text := failed[0]["error"].(string); path != "/nil" && path != "/begun" && !strings.Contains(text, secret) {
				t.Errorf("the cause is not in the log: %s", text)
			}
			if stack, _ := failed[0]["stack"].(string); strings.Contains(stack, "middleware_test.go") != (path == "/crash" || path == "/nil") {
				t.Errorf("stack %q", stack)
			}
		})
	}
	if got := f.do(t, http.MethodGet, "/begun", ""); got.header.Get("X-Kept") != "yes" {
		t.Error(got.header)
	}
}

// What went well is left out of the log, and counted; what failed, or took long, is in it whatever its trace.
func TestOnlyWhatWentWellIsLeftOutOfTheLog(t *testing.T) {
	t.Parallel()
	routes := func(app *fiber.App) {
		failing(app)
		app.Get("/quick", func(c *fiber.Ctx) error { return c.SendString("done") })
		app.Get("/refused", func(c *fiber.Ctx) error { return c.SendStatus(http.StatusForbidden) }) // without a problem
	}
	for name, c := range map[string]struct {
		slow   time.Duration
		logged []string
	}{
		"all are quick": {time.Hour, []string{"/missing", "/nowhere", "/refused", "/unknown"}},
		"all are slow":  {time.Nanosecond, []string{"/missing", "/nowhere", "/quick", "/quick", "/refused", "/unknown"}},
	} {
		f := serve(t, routes, func(_ *Config, deps *Deps) { deps.Telemetry.Sampling = telemetry.Sampling{Slow: c.slow} })
		for _, path := range []string{"/quick", "/missing", "/refused", "/quick", "/nowhere", "/unknown"} {
			f.do(t, http.MethodGet, path, "", "X-Request-Id", strings.Trim(path, "/"))
		}
		if err := f.stop(t); err != nil { // the last line is written behind the answer
			t.Fatal(err)
		}
		var logged []string
		for _, record := range f.log.records(t, "request") {
			logged = append(logged, "/"+record["request_id"].(string))
		}
		slices.Sort(logged)
		if !slices.Equal(logged, c.logged) {
			t.Errorf("%s: logged are %v, not %v", name, logged, c.logged)
		}
		want := fmt.Sprintf(`
# HELP ism_log_lines_left_out_total Number of lines about what went well that the log's sampling has left out.
# TYPE ism_log_lines_left_out_total counter
ism_log_lines_left_out_total{line="message"} 0
ism_log_lines_left_out_total{line="request"} %d
`, 6-len(c.logged))
		if err := testutil.GatherAndCompare(f.tel.Metrics, strings.NewReader(want), "ism_log_lines_left_out_total"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHandlersHaveADeadline(t *testing.T) {
	f := serve(t, func(app *fiber.App) {
		app.Get("/slow", func(c *fiber.Ctx) error {
			<-c.UserContext().Done()
			return fmt.Errorf("wait: %w", c.UserContext().Err())
		})
	}, func(cfg *Config, _ *Deps) { cfg.HandlerTimeout = 50 * time.Millisecond })
	got := f.do(t, http.MethodGet, "/slow", "")
	got.problem(t, http.StatusServiceUnavailable, "timeout")
	if got.header.Get("Retry-After") != "1" {
		t.Error(got.header)
	}
}

func TestRequestIDs(t *testing.T) {
	f := serve(t, nil)
	for given, taken := range map[string]bool{
		"abc": true, "A.b_c-9": true, strings.Repeat("a", 64): true,
		"": false, strings.Repeat("a", 65): false, "a b": false, "a\tb": false, "ä": false, "a;b": false, `"`: false,
	} {
		got := f.do(t, http.MethodGet, "/health", "", "X-Request-Id", given).header.Get("X-Request-Id")
		if _, err := uuid.Parse(got); (got == given) != taken || !taken && err != nil {
			t.Errorf("%q became %q", given, got)
		}
		f.log.await(t, "request", func(r map[string]any) bool { return r["request_id"] == got })
	}
}

func TestAccessLog(t *testing.T) {
	f := serve(t, echo)
	id := uuid.NewString()
	f.do(t, http.MethodGet, "/things/"+id+"?access_token="+secret, "", "X-Request-Id", "r1")
	f.do(t, http.MethodGet, "/nonsense/"+secret, "", "X-Request-Id", "r2")
	f.do(t, http.MethodGet, "/health", "", "X-Request-Id", "r3")
	f.do(t, http.MethodPost, "/echo", `{"at":"noon"}`, "Content-Type", "application/json", "X-Request-Id", "r4")
	for id, want := range map[string]map[string]any{
		"r1": {"level": "INFO", "method": "GET", "route": "/things/:thing_id", "status": 200.0, "bytes": 36.0},
		"r2": {"level": "INFO", "method": "GET", "route": noRoute, "status": 404.0, "code": "not-found"},
		"r3": {"level": "DEBUG", "method": "GET", "route": "/health", "status": 200.0},
		"r4": {"level": "INFO", "method": "POST", "route": "/echo", "status": 400.0, "code": "malformed-json"},
	} {
		record := f.log.await(t, "request", func(r map[string]any) bool { return r["request_id"] == id })
		for name, value := range want {
			if record[name] != value {
				t.Errorf("%s: %s is %v, want %v", id, name, record[name], value)
			}
		}
		if ms, ok := record["ms"].(float64); !ok || ms < 0 {
			t.Errorf("%s: ms %v", id, record["ms"])
		}
		if (record["cause"] != nil) != (id == "r4") {
			t.Errorf("%s: cause %v", id, record["cause"])
		}
	}
	if strings.Contains(f.log.String(), secret) {
		t.Error("what a client sent is in the log")
	}
}

func TestCORS(t *testing.T) {
	origins := []string{"https://app.example.com", "capacitor://localhost"}
	f := serve(t, failing, func(cfg *Config, _ *Deps) { cfg.CORSOrigins = origins })
	for _, origin := range origins {
		got := f.do(t, http.MethodGet, "/unknown", "", "Origin", origin)
		if got.header.Get("Access-Control-Allow-Origin") != origin || got.status != http.StatusInternalServerError {
			t.Errorf("%s: %v", origin, got.header)
		}
		exposed := strings.Split(got.header.Get("Access-Control-Expose-Headers"), ",")
		for _, name := range []string{"Link", "X-Next-Cursor", "X-Previous-Cursor", "ETag", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id", "X-Trace-Id", "Traceparent"} {
			if !slices.Contains(exposed, name) {
				t.Errorf("%s is not exposed: %v", name, exposed)
			}
		}
		preflight := f.do(
			t, http.MethodOptions, "/unknown", "", "Origin", origin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "authorization,cache-control,last-event-id",
		)
		allowed := strings.Split(preflight.header.Get("Access-Control-Allow-Headers"), ",")
		for _, name := range []string{
			"Authorization", "Cache-Control", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID", "Traceparent", "Tracestate", "X-Request-Id",
		} {
			if !slices.Contains(allowed, name) {
				t.Errorf("%s is not allowed: %v", name, allowed)
			}
		}
		if preflight.status != http.StatusNoContent || preflight.header.Get("Access-Control-Allow-Origin") != origin ||
			preflight.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("preflight: %d %v", preflight.status, preflight.header)
		}
	}
	for _, origin := range []string{"https://evil.example.com", "https://app.example.com.evil.org", "http://app.example.com", "null", "*"} {
		got := f.do(t, http.MethodGet, "/health", "", "Origin", origin)
		if got.header.Get("Access-Control-Allow-Origin") != "" || !strings.Contains(got.header.Get("Vary"), "Origin") {
			t.Errorf("%s: %v", origin, got.header)
		}
	}
	if got := serve(t, nil).do(t, http.MethodGet, "/health", "", "Origin", origins[0]); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("an origin that is not configured is let in")
	}
}

// Who is not listed begins a trace of ours, which nothing of theirs decides.
func TestAStrangersTraceIsNotGoneOnWith(t *testing.T) {
	const theirs = "0af7651916cd43dd8448eb211c80319c"
	for name, c := range map[string]struct {
		create  func(Config, Deps) *Server
		callers []string
		follows bool
	}{
		"nobody is listed":         {New, nil, false},
		"another is":               {New, []string{"10.0.0.0/8", "::1"}, false},
		"the address is":           {New, []string{"10.0.0.0/8", "127.0.0.1"}, true},
		"its network is":           {New, []string{"127.0.0.1/8"}, true},
		"all are":                  {New, []string{"0.0.0.0/0"}, true},
		"on the internal listener": {NewInternal, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := tracetest.NewSpanRecorder()
			provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))
			var state string
			f := run(t, c.create, func(app *fiber.App) {
				app.Get("/state", func(c *fiber.Ctx) error {
					state = trace.SpanContextFromContext(c.UserContext()).TraceState().String()
					return nil
				})
			}, func(cfg *Config, deps *Deps) { deps.Telemetry.Tracer, cfg.TraceCallers = provider, c.callers })
			got := f.do(t, http.MethodGet, "/state", "", "Traceparent", "00-"+theirs+"-b7ad6b7169203331-01", "Tracestate", "x=y")
			trace := got.header.Get("X-Trace-Id")
			if (trace == theirs) != c.follows || !strings.HasPrefix(got.header.Get("Traceparent"), "00-"+trace+"-") || got.header.Get("Tracestate") != "" || state != "" {
				t.Errorf("the trace is %s, the state %q: %v", trace, state, got.header)
			}
			if recorded := len(recorder.Started()) > 0; recorded != c.follows {
				t.Errorf("it is recorded: %t", recorded)
			}
			other := f.do(t, http.MethodGet, "/nowhere", "", "Traceparent", "00-"+theirs+"-b7ad6b7169203331-01").problem(t, http.StatusNotFound, "not-found")
			if (other["traceId"] == theirs) != c.follows {
				t.Errorf("a problem is of the trace %v", other["traceId"])
			}
		})
	}
}

func TestAStrangersTraceIsLinked(t *testing.T) {
	const theirs = "0af7651916cd43dd8448eb211c80319c"
	recorder := tracetest.NewSpanRecorder()
	f := serve(t, failing, func(_ *Config, deps *Deps) {
		deps.Telemetry.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	})
	for _, traceparent := range []string{"00-" + theirs + "-b7ad6b7169203331-01", "00-" + theirs + "-b7ad6b7169203331-00"} {
		f.do(t, http.MethodGet, "/unknown", "", "Traceparent", traceparent, "Tracestate", "x=y")
	}
	f.do(t, http.MethodGet, "/unknown", "", "Traceparent", "00-"+theirs+"-0000000000000000-01")
	servicetest.Await(t, "the span of every request", func() bool { return len(recorder.Ended()) == 3 })
	for i, span := range recorder.Ended() {
		links := span.Links()
		if i == 2 && len(links) == 0 {
			continue // nothing to link to
		}
		if len(links) != 1 || links[0].SpanContext.TraceID().String() != theirs || links[0].SpanContext.TraceState().Len() > 0 ||
			span.Parent().IsValid() || span.SpanContext().TraceID().String() == theirs {
			t.Errorf("span %d has %d links, and is of the trace %s", i, len(links), span.SpanContext().TraceID())
		}
	}
}

func TestTraces(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	var carried baggage.Baggage
	f := serve(t, func(app *fiber.App) {
		failing(app)
		echo(app)
		app.Get("/baggage", func(c *fiber.Ctx) error {
			carried = baggage.FromContext(c.UserContext())
			return c.SendString(trace.SpanContextFromContext(c.UserContext()).TraceID().String())
		})
	}, func(cfg *Config, deps *Deps) {
		deps.Telemetry.Tracer, cfg.TraceCallers = provider, []string{"127.0.0.0/8"}
	})
	const parent = "0af7651916cd43dd8448eb211c80319c"
	got := f.do(t, http.MethodGet, "/baggage", "", "Traceparent", "00-"+parent+"-b7ad6b7169203331-01", "Tracestate", "x=y", "Baggage", "a=b")
	if string(got.body) != parent || got.header.Get("X-Trace-Id") != parent || !strings.HasPrefix(got.header.Get("Traceparent"), "00-"+parent+"-") {
		t.Errorf("%s %v", got.body, got.header)
	}
	if carried.Len() > 0 || got.header.Get("Baggage") != "" || got.header.Get("Tracestate") != "" {
		t.Errorf("a stranger's baggage was taken in, or its state reflected: %s %v", carried, got.header)
	}
	id := uuid.NewString()
	f.do(t, http.MethodGet, "/things/"+id+"?access_token="+secret, "", "Authorization", "Basic dXNlcjpwYXNz", "X-Request-Id", "r1")
	f.do(t, http.MethodGet, "/unknown", "")
	f.do(t, http.MethodGet, "/crash", "")
	f.do(t, http.MethodGet, "/wrapped", "")
	f.do(t, http.MethodGet, "/nonsense", "")
	f.do(t, http.MethodGet, "/health", "")
	f.do(t, http.MethodGet, "/unknown", "", "Traceparent", "garbage").problem(t, 500, "internal")
	spans := map[string]sdktrace.ReadOnlySpan{}
	servicetest.Await(t, "the span of every request", func() bool { return len(recorder.Ended()) == 7 })
	for _, span := range recorder.Ended() {
		if span.SpanKind() != trace.SpanKindServer {
			t.Errorf("%s is a %s", span.Name(), span.SpanKind())
		}
		spans[span.Name()] = span
	}
	for name, want := range map[string]struct {
		status int
		code   codes.Code
		events int
	}{
		"GET /baggage": {200, codes.Unset, 0}, "GET /things/:thing_id": {200, codes.Unset, 0}, "GET /unknown": {500, codes.Error, 1},
		"GET /crash": {500, codes.Error, 1}, "GET /wrapped": {409, codes.Unset, 0}, "GET": {404, codes.Unset, 0},
	} {
		span := spans[name]
		if span == nil {
			t.Errorf("no span %s of %v", name, spans)
			continue
		}
		if status := attributeOf(span, "http.response.status_code").AsInt64(); status != int64(want.status) || span.Status().Code != want.code || len(span.Events()) != want.events {
			t.Errorf("%s: %d %v %v", name, status, span.Status(), span.Events())
		}
	}
	things := spans["GET /things/:thing_id"]
	for name, want := range map[attribute.Key]string{
		"http.request.method": "GET", "http.route": "/things/:thing_id", "url.path": "/things/" + id, "request.id": "r1",
	} {
		if got := attributeOf(things, name).AsString(); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if text := fmt.Sprint(things.Attributes()); strings.Contains(text, secret) || strings.Contains(text, "user") {
		t.Errorf("the span says too much: %s", text)
	}
	if got := attributeOf(spans["GET /wrapped"], "error.type").AsString(); got != "room-exists" {
		t.Errorf("error.type %q", got)
	}
}

func attributeOf(span sdktrace.ReadOnlySpan, key attribute.Key) attribute.Value {
	for _, attr := range span.Attributes() {
		if attr.Key == key {
			return attr.Value
		}
	}
	return attribute.Value{}
}

func TestMetrics(t *testing.T) {
	f := serve(t, func(app *fiber.App) {
		echo(app)
		failing(app)
	})
	for range 3 {
		f.do(t, http.MethodGet, "/things/"+uuid.NewString(), "")
	}
	f.do(t, http.MethodGet, "/things/7", "")
	f.do(t, http.MethodGet, "/crash", "")
	f.do(t, http.MethodGet, "/"+uuid.NewString(), "")
	f.do(t, "BREW", "/", "")
	f.do(t, http.MethodPost, "/echo", strings.Repeat("a", 70_000))
	const want = `
		# HELP ism_http_requests_total Number of HTTP requests, by status.
		# TYPE ism_http_requests_total counter
		ism_http_requests_total{listener="public",method="(other)",route="(none)",status="400"} 1
		ism_http_requests_total{listener="public",method="GET",route="(none)",status="404"} 1
		ism_http_requests_total{listener="public",method="GET",route="/crash",status="500"} 1
		ism_http_requests_total{listener="public",method="GET",route="/things/:thing_id",status="200"} 3
		ism_http_requests_total{listener="public",method="GET",route="/things/:thing_id",status="400"} 1
		ism_http_requests_total{listener="public",method="POST",route="(none)",status="413"} 1
		# HELP ism_http_requests_in_flight Number of HTTP requests under way.
		# TYPE ism_http_requests_in_flight gauge
		ism_http_requests_in_flight{listener="public"} 0
	`
	servicetest.Await(t, "all requests in the metrics", func() bool {
		return testutil.GatherAndCompare(f.tel.Metrics, strings.NewReader(want), "ism_http_requests_total", "ism_http_requests_in_flight") == nil
	})
}
