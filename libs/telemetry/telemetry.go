// Package telemetry gives a deployable its log, its traces and its metrics.
package telemetry

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Config is embedded in a deployable's configuration.
type Config struct {
	LogLevel     slog.Level `envconfig:"LOG_LEVEL" default:"info" desc:"lowest level that is logged: debug, info, warn or error"`
	LogFormat    string     `envconfig:"LOG_FORMAT" default:"json" desc:"json or text"`
	OTLPEndpoint string     `envconfig:"OTLP_ENDPOINT" desc:"where traces go, OTLP over gRPC, for example http://jaeger:4317; empty: nowhere"`
	TraceRatio   float64    `envconfig:"TRACE_RATIO" default:"1" desc:"share of requests without a sampled parent that are traced, 0 to 1"`
}

// Telemetry is what a part of a deployable logs, traces and counts with.
type Telemetry struct {
	Log        *slog.Logger
	Tracer     trace.TracerProvider
	Propagator propagation.TextMapPropagator
	Metrics    *prometheus.Registry
}

// New starts the telemetry of a deployable. Shut it down last.
func New(ctx context.Context, cfg Config, service string) (*Telemetry, error) { panic("skeleton") }

// Discard is telemetry for tests: it logs to the given logger or, with nil, nowhere, and exports nothing.
func Discard(log *slog.Logger) *Telemetry { panic("skeleton") }

// Shutdown sends what has not been sent.
func (t *Telemetry) Shutdown(ctx context.Context) error { panic("skeleton") }

// With returns a context whose log records carry the given attributes.
func With(ctx context.Context, attrs ...slog.Attr) context.Context { panic("skeleton") }
