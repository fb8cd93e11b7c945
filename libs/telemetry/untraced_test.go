package telemetry_test

import (
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ism-chat/ism/libs/telemetry"
)

func TestNothingIsTracedInAnUntracedContext(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	sampler := sdktrace.ParentBased(sdktrace.AlwaysSample())
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler), sdktrace.WithSpanProcessor(spans)).Tracer("test")
	_, span := tracer.Start(telemetry.Untraced(t.Context()), "unasked")
	span.End()
	if len(spans.Ended()) != 0 {
		t.Errorf("%d spans", len(spans.Ended()))
	}
	_, span = tracer.Start(t.Context(), "asked")
	span.End()
	if len(spans.Ended()) != 1 {
		t.Errorf("%d spans of what is traced", len(spans.Ended()))
	}
}
