package bus

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/telemetry"
)

const (
	sampledParent   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	unsampledParent = "00-5bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-00"
)

// traced is a bus that reaches for nothing, and its spans.
func traced(t testing.TB) (*Bus, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tel := telemetry.Discard(nil)
	tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())), sdktrace.WithSpanProcessor(spans))
	return New(Config{ClientID: "ism-test"}, tel), spans
}

func recordIn(parent string) Record {
	return Record{
		Topic: "ism.rooms", Key: "a room", Partition: 7, Offset: 4711,
		Headers: map[string]string{"ce_id": "an event", "ce_type": "ism.message.posted.v1", "traceparent": parent},
	}
}

// attributesOf has the attributes of a span as text.
func attributesOf(span sdktrace.ReadOnlySpan) map[string]string {
	all := map[string]string{}
	for _, a := range span.Attributes() {
		all[string(a.Key)] = a.Value.String()
	}
	return all
}

func checkAttributes(t *testing.T, span sdktrace.ReadOnlySpan, want map[string]string) {
	t.Helper()
	got := attributesOf(span)
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s of %q is %q, want %q", key, span.Name(), got[key], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%q has the attributes %v, want %v", span.Name(), got, want)
	}
}

func TestSpansOfRecordsFollowTheConventions(t *testing.T) {
	b, spans := traced(t)
	_, processing := b.Tracing("a group").Process(t.Context(), recordIn(sampledParent))
	EndSpan(processing, nil)
	record := recordIn(sampledParent)
	headers, sending := b.Tracing("").send(t.Context(), record)
	sending.SetAttributes(written(3, 12)...)
	EndSpan(sending, fmt.Errorf("%w: all brokers down", ErrUnavailable))

	ended := spans.Ended()
	if len(ended) != 2 {
		t.Fatalf("%d spans", len(ended))
	}
	common := map[string]string{
		"messaging.system": "kafka", "messaging.destination.name": "ism.rooms", "messaging.client.id": "ism-test",
		"messaging.kafka.message.key": "a room", "messaging.message.id": "an event", "cloudevents.event_type": "ism.message.posted.v1",
	}
	with := func(more map[string]string) map[string]string {
		for key, value := range common {
			more[key] = value
		}
		return more
	}
	checkAttributes(t, ended[0], with(map[string]string{
		"messaging.operation.type": "process", "messaging.operation.name": "process", "messaging.consumer.group.name": "a group",
		"messaging.destination.partition.id": "7", "messaging.kafka.offset": "4711",
	}))
	checkAttributes(t, ended[1], with(map[string]string{
		"messaging.operation.type": "send", "messaging.operation.name": "send", "error.type": "unavailable",
		"messaging.destination.partition.id": "3", "messaging.kafka.offset": "12",
	}))
	for i, want := range []struct {
		name string
		kind trace.SpanKind
		code codes.Code
	}{{"process ism.rooms", trace.SpanKindConsumer, codes.Unset}, {"send ism.rooms", trace.SpanKindProducer, codes.Error}} {
		span := ended[i]
		if span.Name() != want.name || span.SpanKind() != want.kind || span.Status().Code != want.code {
			t.Errorf("span %q, kind %s, status %v", span.Name(), span.SpanKind(), span.Status())
		}
		if span.Parent().SpanID().String() != "00f067aa0ba902b7" || !span.Parent().IsRemote() {
			t.Errorf("span %q is below %v", span.Name(), span.Parent())
		}
	}
	if want := "00-4bf92f3577b34da6a3ce929d0e0e4736-" + ended[1].SpanContext().SpanID().String() + "-01"; headers["traceparent"] != want {
		t.Errorf("the record goes on with %q, want %q", headers["traceparent"], want)
	}
	if record.Headers["traceparent"] != sampledParent {
		t.Error("the caller's headers were changed")
	}
}

func TestFailuresAreNamed(t *testing.T) {
	for want, err := range map[string]error{
		"rejected":    fmt.Errorf("%w: no JSON", ErrRejected),
		"unavailable": ErrUnavailable,
		"timeout":     fmt.Errorf("%w: %w", ErrUnavailable, context.DeadlineExceeded),
		"canceled":    fmt.Errorf("%w: %w", ErrUnavailable, context.Canceled),
		"_OTHER":      errors.New("out of cheese"),
	} {
		if got := errorType(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}

func TestWorkOnABatchShowsInOneTraceAndTheOthersLinkThere(t *testing.T) {
	b, spans := traced(t)
	second := "00-6bf92f3577b34da6a3ce929d0e0e4738-00f067aa0ba902b8-01"
	ctx, processing := b.Tracing("a group").Batch(t.Context(), []Record{recordIn(unsampledParent), recordIn(sampledParent), recordIn(second)})
	if len(processing) != 3 || !trace.SpanContextFromContext(ctx).Equal(processing[1].SpanContext()) {
		t.Fatalf("the work is in %v", trace.SpanContextFromContext(ctx))
	}
	EndSpans(processing, nil)
	ended := spans.Ended()
	if len(ended) != 2 {
		t.Fatalf("%d spans, want those of the two traces that are sampled", len(ended))
	}
	for _, span := range ended {
		if n := attributesOf(span)["messaging.batch.message_count"]; n != "3" {
			t.Errorf("%q messages in the batch", n)
		}
	}
	if len(ended[0].Links()) != 0 || len(ended[1].Links()) != 1 || !ended[1].Links()[0].SpanContext.Equal(ended[0].SpanContext()) {
		t.Errorf("links %v and %v", ended[0].Links(), ended[1].Links())
	}
}

func TestWorkOnABatchOfNoSampledTraceMakesNoTraceOfItsOwn(t *testing.T) {
	b, spans := traced(t)
	ctx, processing := b.Tracing("a group").Batch(t.Context(), []Record{recordIn(unsampledParent), recordIn(unsampledParent)})
	_, below := b.tel.Tracer.Tracer("test").Start(ctx, "work")
	below.End()
	EndSpans(processing, nil)
	if ended := spans.Ended(); len(ended) != 0 {
		t.Errorf("spans %v", ended)
	}
	if ctx, processing := b.Tracing("a group").Batch(t.Context(), nil); ctx != t.Context() || len(processing) != 0 {
		t.Error("no records make a difference")
	}
}

func TestAnUnsampledTraceGoesOnWithoutSpans(t *testing.T) {
	b, spans := traced(t)
	headers, span := b.Tracing("").send(t.Context(), recordIn(unsampledParent))
	span.End()
	if headers["traceparent"] != unsampledParent || len(spans.Started()) != 0 {
		t.Errorf("it goes on with %q and %d spans", headers["traceparent"], len(spans.Started()))
	}
}

// BenchmarkProcess compares a record of a trace that is not sampled with one that is.
func BenchmarkProcess(bench *testing.B) {
	for name, parent := range map[string]string{"sampled": sampledParent, "unsampled": unsampledParent} {
		bench.Run(name, func(bench *testing.B) {
			tel := telemetry.Discard(nil)
			tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())))
			b, record := New(Config{ClientID: "ism-test"}, tel), recordIn(parent)
			tracing := b.Tracing("a group")
			bench.ReportAllocs()
			for bench.Loop() {
				_, span := tracing.Process(bench.Context(), record)
				EndSpan(span, nil)
			}
		})
	}
}
