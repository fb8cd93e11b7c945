package telemetry

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/servicetest"
)

// fakeCollector keeps the spans that it is sent.
type fakeCollector struct {
	collector.UnimplementedTraceServiceServer

	mu     sync.Mutex
	spans  []string
	labels map[string]string
	hang   bool // answers nothing until the caller gives up
}

func (f *fakeCollector) Export(ctx context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	if f.hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.labels = map[string]string{}
	for _, resource := range request.GetResourceSpans() {
		for _, attribute := range resource.GetResource().GetAttributes() {
			f.labels[attribute.GetKey()] = attribute.GetValue().GetStringValue()
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				f.spans = append(f.spans, span.GetName())
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func (f *fakeCollector) serve(t *testing.T) (endpoint string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, f)
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { server.Stop(); served.Wait() })
	return "http://" + listener.Addr().String()
}

func start(t *testing.T, cfg Config) (*Telemetry, *servicetest.Log) {
	t.Helper()
	j := &servicetest.Log{}
	cfg.LogFormat, cfg.LogSlowRequests = formatJSON, time.Second
	tel, err := newTelemetry(t.Context(), cfg, "rooms", j)
	if err != nil {
		t.Fatal(err)
	}
	return tel, j
}

func TestTracesReachTheCollector(t *testing.T) {
	f := &fakeCollector{}
	tel, j := start(t, Config{OTLPEndpoint: f.serve(t), TraceRatio: 1})
	_, span := tel.Tracer.Tracer("test").Start(t.Context(), "create-room")
	span.End()
	for range 2 { // a second time does nothing
		if err := tel.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if len(f.spans) != 1 || f.spans[0] != "create-room" {
		t.Errorf("spans %q", f.spans)
	}
	if f.labels["service.name"] != "rooms" || f.labels["service.version"] == "" || f.labels["service.instance.id"] == "" {
		t.Errorf("resource %v", f.labels)
	}
	if got := testutil.ToFloat64(tel.traces.export.spans.WithLabelValues("sent")); got != 1 {
		t.Errorf("%v spans counted", got)
	}
	if j.String() != "" {
		t.Errorf("logged %s", j.String())
	}
}

func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

func TestCollectorThatIsDownCostsOnlyTraces(t *testing.T) {
	hanging := &fakeCollector{hang: true}
	for name, endpoint := range map[string]string{"refused": closedAddress(t), "hanging": hanging.serve(t)} {
		t.Run(name, func(t *testing.T) {
			tel, j := start(t, Config{OTLPEndpoint: endpoint, TraceRatio: 1})
			begun := time.Now()
			for range 2 * spanQueue {
				_, span := tel.Tracer.Tracer("test").Start(t.Context(), "span")
				span.End()
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("spans waited for the collector: %s", took)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			err := tel.Shutdown(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "send the last traces: ") {
				t.Errorf("shutdown: %v", err)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("shut down after %s", took)
			}
			records := j.Records(t)
			if len(records) != 1 || records[0]["level"] != "WARN" || records[0]["endpoint"] != endpoint {
				t.Errorf("logged %s", j.String())
			}
			if got := testutil.ToFloat64(tel.traces.export.spans.WithLabelValues("lost")); got == 0 {
				t.Error("no lost spans counted")
			}
		})
	}
}

// silent takes connections and never says a word, as what hangs does.
func silent(t *testing.T) (endpoint string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var taken []net.Conn
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			taken = append(taken, conn)
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		served.Wait()
		for _, conn := range taken {
			_ = conn.Close()
		}
	})
	return "http://" + listener.Addr().String()
}

// Nothing waits for a collector that takes spans and never answers: what is held of them is bounded in count and in bytes, and what is not held is
// counted, each.
func TestSpansThatACollectorNeverTakesAreDroppedAndCounted(t *testing.T) {
	hanging := &fakeCollector{hang: true}
	for name, c := range map[string]struct {
		endpoint string
		spans    int
		value    int // bytes of an attribute of each
		held     int // of them, at most
	}{
		"many, no answer":          {hanging.serve(t), 3 * spanQueue, 1, spanQueue},
		"many, not even a word":    {silent(t), 3 * spanQueue, 1, spanQueue},
		"large, not even a word":   {silent(t), spanQueue, 4000, spanQueueBytes / 4000},
		"larger than what is kept": {silent(t), spanQueue, 100_000, spanQueueBytes / spanValue},
	} {
		t.Run(name, func(t *testing.T) {
			tel, _ := start(t, Config{OTLPEndpoint: c.endpoint, TraceRatio: 1})
			queue := &tel.traces.export.queue
			value := attribute.String("value", strings.Repeat("x", c.value))
			longest := time.Duration(0)
			for range c.spans {
				_, span := tel.Tracer.Tracer("test").Start(t.Context(), "span", trace.WithAttributes(value))
				begun := time.Now()
				span.End()
				longest = max(longest, time.Since(begun))
			}
			held, bytes, dropped := int(queue.waiting.Load()), queue.bytes.Load(), int(testutil.ToFloat64(queue.dropped))
			if held+dropped != c.spans || held > c.held || held < c.held/4 || bytes > spanQueueBytes {
				t.Errorf("of %d spans %d are held, in %d bytes, and %d were dropped", c.spans, held, bytes, dropped)
			}
			if longest > exportTimeout/2 {
				t.Errorf("a span waited for %s", longest)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := tel.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("shutdown: %v", err)
			}
		})
	}
}

// What has been sent, or lost, makes room for more.
func TestSpansThatAreTakenMakeRoom(t *testing.T) {
	f := &fakeCollector{}
	tel, _ := start(t, Config{OTLPEndpoint: f.serve(t), TraceRatio: 1})
	ctx, linked := tel.Tracer.Tracer("test").Start(t.Context(), "first")
	linked.End()
	_, span := tel.Tracer.Tracer("test").Start(ctx, "second", trace.WithLinks(trace.Link{SpanContext: linked.SpanContext()}))
	span.SetAttributes(attribute.Int("n", 1), attribute.StringSlice("all", []string{"a", "b"}))
	span.AddEvent("said", trace.WithAttributes(attribute.String("what", "it")))
	span.End()
	queue := &tel.traces.export.queue
	if held, bytes := queue.waiting.Load(), queue.bytes.Load(); held != 2 || bytes < 2048 {
		t.Errorf("%d spans are held, in %d bytes", held, bytes)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if held, bytes := queue.waiting.Load(), queue.bytes.Load(); held != 0 || bytes != 0 {
		t.Errorf("%d spans are held, in %d bytes, after they were sent", held, bytes)
	}
}

func TestOutageIsLoggedAtItsBeginningAndEnd(t *testing.T) {
	tel, j := start(t, Config{})
	broken := &switchable{err: errors.New("collector is down")}
	e := newExport(broken, "http://collector:4317", tel)
	for range 3 {
		if err := e.ExportSpans(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}
	broken.err = nil
	for range 3 {
		if err := e.ExportSpans(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}
	var levels []any
	for _, record := range j.Records(t) {
		levels = append(levels, record["level"])
	}
	if len(levels) != 2 || levels[0] != "WARN" || levels[1] != "INFO" {
		t.Errorf("logged %s", j.String())
	}
}

func TestRatioHoldsForRootsOnly(t *testing.T) {
	f := &fakeCollector{}
	tel, _ := start(t, Config{OTLPEndpoint: f.serve(t), TraceRatio: 0})
	tracer := tel.Tracer.Tracer("test")
	_, root := tracer.Start(t.Context(), "root")
	root.End()
	carrier := propagation.MapCarrier{"traceparent": "00-" + traceID + "-" + spanID + "-01"}
	_, child := tracer.Start(tel.Propagator.Extract(t.Context(), carrier), "child")
	child.End()
	if root.SpanContext().IsSampled() || !child.SpanContext().IsSampled() || child.SpanContext().TraceID().String() != traceID {
		t.Errorf("root %v, child %v", root.SpanContext(), child.SpanContext())
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if len(f.spans) != 1 || f.spans[0] != "child" {
		t.Errorf("spans %q", f.spans)
	}
}

func TestWithoutEndpointSpansHaveIDsAndPassOnTheUpstreamsDecision(t *testing.T) {
	tel, _ := start(t, Config{TraceRatio: 1})
	tracer := tel.Tracer.Tracer("test")
	_, root := tracer.Start(t.Context(), "root")
	if !root.SpanContext().IsValid() || root.SpanContext().IsSampled() || root.IsRecording() {
		t.Errorf("root %v", root.SpanContext())
	}
	sampled := inSpan(t.Context(), t)
	parent := trace.SpanContextFromContext(sampled).WithTraceFlags(trace.FlagsSampled).WithRemote(true)
	ctx, child := tracer.Start(trace.ContextWithRemoteSpanContext(t.Context(), parent), "child")
	carrier := propagation.MapCarrier{}
	tel.Propagator.Inject(ctx, carrier)
	if want := "00-" + traceID + "-" + child.SpanContext().SpanID().String() + "-01"; carrier["traceparent"] != want {
		t.Errorf("carried %v, want %s", carrier, want)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestConfigFaults(t *testing.T) {
	for variable, values := range map[string][]string{
		"ISM_LOG_FORMAT":          {"xml", "JSON"},
		"ISM_LOG_LEVEL":           {"loud"},
		"ISM_TRACE_RATIO":         {"-0.1", "1.1", "NaN", "half"},
		"ISM_LOG_SAMPLE_REQUESTS": {"-0.1", "1.1", "NaN", "half"},
		"ISM_LOG_SAMPLE_MESSAGES": {"2"},
		"ISM_LOG_SLOW_REQUESTS":   {"0s", "-1s", "1"},
		"ISM_OTLP_ENDPOINT":       {"jaeger:4317", "grpc://jaeger:4317", "http://", "http://user:password@jaeger:4317", "http://jaeger:4317/v1/traces", "http://jaeger:4317?x=y", "http://[::1"},
	} {
		for _, value := range values {
			var cfg Config
			err := config.LoadFrom(&cfg, []string{variable + "=" + value})
			var faults config.Faults
			if !errors.As(err, &faults) || len(faults) != 1 || faults[0].Variable != variable {
				t.Errorf("%s=%s: %v", variable, value, err)
			}
			if err != nil && strings.Contains(err.Error(), "password") {
				t.Errorf("the password is in %v", err)
			}
		}
	}
	for _, endpoint := range []string{"", "http://jaeger:4317", "https://collector.example.com", "http://127.0.0.1:4317/"} {
		var cfg Config
		if err := config.LoadFrom(&cfg, []string{"ISM_OTLP_ENDPOINT=" + endpoint}); err != nil {
			t.Error(err)
		}
	}
	if _, err := New(t.Context(), Config{LogFormat: "xml"}, "rooms"); err == nil {
		t.Error("New takes a faulty configuration")
	}
}
