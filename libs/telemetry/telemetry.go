// Package telemetry gives a deployable its log, its traces and its metrics. They are passed to whatever uses them; nothing is global.
package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/config"
)

// Config is embedded in a deployable's configuration.
type Config struct {
	LogLevel  slog.Level `envconfig:"LOG_LEVEL" default:"info" desc:"lowest level that is logged: debug, info, warn or error"`
	LogFormat string     `envconfig:"LOG_FORMAT" default:"json" desc:"json or text"`
	// What went well is logged for a share of the traces.
	LogSampleRequests float64       `envconfig:"LOG_SAMPLE_REQUESTS" default:"1" desc:"share of the traces whose requests are logged though they succeeded and were not slow, 0 to 1; by the trace id, so that all services log the same ones; what is left out is counted"`
	LogSampleMessages float64       `envconfig:"LOG_SAMPLE_MESSAGES" default:"1" desc:"share of the traces whose messages and notifications are logged when they are accepted, 0 to 1; below 1 not every message is found in the log by its id"`
	LogSlowRequests   time.Duration `envconfig:"LOG_SLOW_REQUESTS" default:"1s" desc:"from which duration on a request is logged in any case"`

	OTLPEndpoint string  `envconfig:"OTLP_ENDPOINT" desc:"where traces go, OTLP over gRPC, for example http://jaeger:4317; empty: nowhere"`
	TraceRatio   float64 `envconfig:"TRACE_RATIO" default:"1" desc:"share of the traces that begin here which are sampled, 0 to 1; where a caller of ISM_HTTP_TRACE_CALLERS has decided (traceparent), that is followed"`
}

// Validate says what is wrong beyond the types.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.LogFormat != formatJSON && c.LogFormat != formatText {
		faults = append(faults, config.Fault{Variable: "LOG_FORMAT", Problem: fmt.Sprintf("%q is neither json nor text", c.LogFormat)})
	}
	for variable, share := range map[string]float64{
		"TRACE_RATIO": c.TraceRatio, "LOG_SAMPLE_REQUESTS": c.LogSampleRequests, "LOG_SAMPLE_MESSAGES": c.LogSampleMessages,
	} {
		if !(share >= 0 && share <= 1) { // NaN is in no range
			faults = append(faults, config.Fault{Variable: variable, Problem: fmt.Sprintf("%v is not between 0 and 1", share)})
		}
	}
	if c.LogSlowRequests <= 0 {
		faults = append(faults, config.Fault{Variable: "LOG_SLOW_REQUESTS", Problem: fmt.Sprintf("%s is not more than 0", c.LogSlowRequests)})
	}
	if err := checkEndpoint(c.OTLPEndpoint); err != nil {
		faults = append(faults, config.Fault{Variable: "OTLP_ENDPOINT", Problem: err.Error()})
	}
	return faults
}

// checkEndpoint accepts http://host:port (without TLS), https://host:port (with TLS), and nothing.
func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil ||
		(u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("is no address such as http://jaeger:4317, or https://collector.example.com:4317 for TLS")
	}
	return nil
}

// Telemetry is what a part of a deployable logs, traces and counts with.
type Telemetry struct {
	Log        *slog.Logger
	Tracer     trace.TracerProvider
	Propagator propagation.TextMapPropagator
	Metrics    *prometheus.Registry
	Sampling   Sampling // of the log's lines, see [Telemetry.RequestLines] and [Telemetry.MessageLines]

	traces *traces // nil where nothing is to be shut down
}

// New starts the telemetry of a deployable: it logs to standard error, so that standard output belongs to commands.
// It reaches for nothing: a collector that is down costs traces and a warning, never a request. Shut it down last.
func New(ctx context.Context, cfg Config, service string) (*Telemetry, error) {
	return newTelemetry(ctx, cfg, service, os.Stderr)
}

func newTelemetry(ctx context.Context, cfg Config, service string, out io.Writer) (*Telemetry, error) {
	if faults := cfg.Validate(); len(faults) > 0 {
		return nil, config.Faults(faults)
	}
	build := readBuild()
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		build.collector(service),
	)
	t := &Telemetry{
		Log:        newLog(out, cfg.LogFormat, cfg.LogLevel).With(slog.String("service", service)),
		Propagator: newPropagator(),
		Metrics:    registry,
		Sampling:   Sampling{Requests: cfg.LogSampleRequests, Messages: cfg.LogSampleMessages, Slow: cfg.LogSlowRequests},
	}
	started, err := startTraces(ctx, cfg, service, build.version, t)
	if err != nil {
		return nil, fmt.Errorf("prepare the export of traces to %s: %w", cfg.OTLPEndpoint, err)
	}
	t.traces, t.Tracer = started, started.provider
	return t, nil
}

// Discard is telemetry for tests: it logs to the given logger or, with nil, nowhere, and exports nothing. Its spans have
// valid ids, its registry is empty, and it need not be shut down.
func Discard(log *slog.Logger) *Telemetry {
	handler := slog.DiscardHandler
	if log != nil {
		handler = newHandler(log.Handler())
	}
	return &Telemetry{
		Log:        slog.New(handler),
		Tracer:     sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample()))),
		Propagator: newPropagator(),
		Metrics:    prometheus.NewRegistry(),
		Sampling:   logAll(),
	}
}

func newPropagator() propagation.TextMapPropagator {
	return propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
}

// Shutdown sends the traces that have not been sent, at most until ctx is done, and ends what runs in the background.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if t.traces == nil {
		return nil
	}
	if err := t.traces.shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}
