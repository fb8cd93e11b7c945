package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// Untraced gives a context in which nothing is traced: for what runs without being asked, which would begin a trace of its own each time.
func Untraced(ctx context.Context) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{7: 1}, // any valid ones, not sampled
	}))
}
