package deployment

import (
	"context"
	"encoding/hex"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
)

// Span is what a test wants to know of a span.
type Span struct {
	Service string // the resource's service.name
	Name    string
	Trace   string
}

// Collector receives spans by OTLP over gRPC, as Jaeger does.
type Collector struct {
	collector.UnimplementedTraceServiceServer

	// Endpoint is what ISM_OTLP_ENDPOINT is set to.
	Endpoint string

	mu    sync.Mutex
	spans []Span
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
		service := ""
		for _, attribute := range resource.GetResource().GetAttributes() {
			if attribute.GetKey() == "service.name" {
				service = attribute.GetValue().GetStringValue()
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.spans = append(c.spans, Span{Service: service, Name: span.GetName(), Trace: hex.EncodeToString(span.GetTraceId())})
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// Await waits until the trace has spans of all the given names and gives all that it has.
func (c *Collector) Await(t testing.TB, trace string, names ...string) []Span {
	t.Helper()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(20 * time.Second)
	for {
		spans := c.trace(trace)
		missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			return slices.ContainsFunc(spans, func(s Span) bool { return s.Name == name })
		})
		if len(missing) == 0 {
			return spans
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("trace %s has no span %q; it has %+v", trace, missing, spans)
		}
	}
}

func (c *Collector) trace(id string) []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var spans []Span
	for _, s := range c.spans {
		if s.Trace == id {
			spans = append(spans, s)
		}
	}
	return spans
}
