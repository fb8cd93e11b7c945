package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// exportTimeout is how long an export of a batch may take. What waits for it meanwhile is bounded: see [boundedSpans].
const exportTimeout = 10 * time.Second

// traces is the tracer provider with what must be ended after it.
type traces struct {
	provider *sdktrace.TracerProvider
	export   *export // nil without an endpoint
}

// startTraces makes the tracer provider. Without an endpoint no span is sampled here, but spans still have ids, which go
// into logs and answers, and pass on what an upstream decided.
func startTraces(ctx context.Context, cfg Config, service, version string, t *Telemetry) (*traces, error) {
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(describe(service, version))}
	if cfg.OTLPEndpoint == "" {
		options = append(options, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))
		return &traces{provider: sdktrace.NewTracerProvider(options...)}, nil
	}
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(cfg.OTLPEndpoint), otlptracegrpc.WithTimeout(exportTimeout))
	if err != nil {
		return nil, err
	}
	export := newExport(exporter, cfg.OTLPEndpoint, t)
	export.queue.SpanProcessor = sdktrace.NewBatchSpanProcessor(export, sdktrace.WithMaxQueueSize(spanQueue), sdktrace.WithMaxExportBatchSize(spanBatch))
	limits := sdktrace.NewSpanLimits()
	limits.AttributeValueLengthLimit = spanValue
	options = append(
		options,
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.TraceRatio))),
		sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithSpanProcessor(&export.queue),
	)
	return &traces{provider: sdktrace.NewTracerProvider(options...), export: export}, nil
}

func describe(service, version string) *resource.Resource {
	attributes := []attribute.KeyValue{
		semconv.ServiceName(service),
		semconv.ServiceVersion(version),
		semconv.ServiceInstanceID(uuid.NewString()),
	}
	if host, err := os.Hostname(); err == nil {
		attributes = append(attributes, semconv.HostName(host))
	}
	return resource.NewWithAttributes(semconv.SchemaURL, attributes...)
}

// shutdown sends what is queued until ctx is done. What is under way then is cancelled, and waited for.
func (t *traces) shutdown(ctx context.Context) error {
	err := t.provider.Shutdown(ctx)
	if t.export != nil {
		t.export.cancel()
		<-t.export.ended
	}
	return err
}

// export hands spans to an exporter and takes its errors into the log: the SDK would give them to OpenTelemetry's global
// error handler, which prints to standard error. One warning says that an outage has begun, one line that it is over.
type export struct {
	exporter sdktrace.SpanExporter
	endpoint string
	log      *slog.Logger
	spans    *prometheus.CounterVec
	queue    boundedSpans // what waits to be exported

	failing atomic.Bool
	stop    context.Context // done when shutting down has taken too long
	cancel  context.CancelFunc
	ended   chan struct{}
}

func newExport(exporter sdktrace.SpanExporter, endpoint string, t *Telemetry) *export {
	stop, cancel := context.WithCancel(context.Background())
	spans := Counters(t.Metrics, prometheus.CounterOpts{
		Name: "ism_trace_spans_total",
		Help: "Spans for the trace collector, by result: sent; lost, since it did not take them; dropped, since too many waited.",
	}, "result", "sent", "lost", "dropped")
	return &export{
		exporter: exporter,
		endpoint: endpoint,
		log:      t.Log,
		spans:    spans,
		queue:    boundedSpans{dropped: spans.WithLabelValues("dropped")},
		stop:     stop,
		cancel:   cancel,
		ended:    make(chan struct{}),
	}
}

// ExportSpans never fails: see [export].
func (e *export) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	defer e.queue.release(spans)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.stop, cancel)()
	err := e.exporter.ExportSpans(ctx, spans)
	if err != nil {
		e.spans.WithLabelValues("lost").Add(float64(len(spans)))
		if !e.failing.Swap(true) {
			e.log.WarnContext(ctx, "traces are lost: their collector does not take them", "endpoint", e.endpoint, "error", err)
		}
		return nil
	}
	e.spans.WithLabelValues("sent").Add(float64(len(spans)))
	if e.failing.Swap(false) {
		e.log.InfoContext(ctx, "traces are taken again", "endpoint", e.endpoint)
	}
	return nil
}

// Shutdown is called by the SDK once, behind the last spans.
func (e *export) Shutdown(ctx context.Context) error {
	defer close(e.ended)
	if err := e.exporter.Shutdown(ctx); err != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("close the connection to %s: %w", e.endpoint, err)
	}
	return nil
}
