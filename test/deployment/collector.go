package deployment

import (
	"context"
	"encoding/hex"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/grpc"

	"github.com/ism-chat/ism/test/tracing"
)

// Collector receives spans by OTLP over gRPC, as Jaeger does.
type Collector struct {
	collector.UnimplementedTraceServiceServer

	// Endpoint is what ISM_OTLP_ENDPOINT is set to.
	Endpoint string

	mu    sync.Mutex
	spans []tracing.Span
}

// startCollector starts a collector for the length of the test.
func startCollector(t testing.TB) *Collector {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen for spans: %v", err)
	}
	c := &Collector{Endpoint: baseURL(listener.Addr().String())}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() { server.Stop(); <-done })
	return c
}

// Export takes spans in.
func (c *Collector) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		service := attributes(resource.GetResource().GetAttributes())["service.name"]
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.spans = append(c.spans, tracing.Span{
					TraceID: hex.EncodeToString(span.GetTraceId()), ID: hex.EncodeToString(span.GetSpanId()),
					Parent: hex.EncodeToString(span.GetParentSpanId()), Service: service, Name: span.GetName(),
					Kind:       strings.ToLower(strings.TrimPrefix(span.GetKind().String(), "SPAN_KIND_")),
					Attributes: attributes(span.GetAttributes()),
				})
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func attributes(given []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, attribute := range given {
		switch value := attribute.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			all[attribute.GetKey()] = value.StringValue
		case *common.AnyValue_IntValue:
			all[attribute.GetKey()] = strconv.FormatInt(value.IntValue, 10)
		default:
			all[attribute.GetKey()] = attribute.GetValue().String()
		}
	}
	return all
}

// Await waits until a trace passes the check.
func (c *Collector) Await(t testing.TB, trace string, check func(spans []tracing.Span) error) {
	t.Helper()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(time.Minute)
	for {
		spans := c.those(func(s tracing.Span) bool { return s.TraceID == trace })
		err := check(spans)
		if err == nil {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("trace %s is not as expected: %v; it has %+v", trace, err, spans)
		}
	}
}

// Roots are the spans so far that nothing has caused.
func (c *Collector) Roots(testing.TB) []tracing.Span {
	return c.those(func(s tracing.Span) bool { return s.Parent == "" })
}

func (c *Collector) those(wanted func(tracing.Span) bool) []tracing.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var spans []tracing.Span
	for _, s := range c.spans {
		if wanted(s) {
			spans = append(spans, s)
		}
	}
	return spans
}
