package bus

import (
	"context"
	"errors"
	"maps"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/events"
)

const instrumentation = "github.com/ism-chat/ism/libs/bus"

// Tracing makes the spans of records, by OpenTelemetry's conventions for messaging, each in its record's trace. Where that
// trace is not sampled it makes none, which costs next to nothing, and only hands the trace's id on.
type Tracing struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	clientID   string
	group      string
}

// Tracing is for the records that a consumer group handles, or a reader, which has no group: "".
func (b *Bus) Tracing(group string) Tracing {
	return Tracing{
		tracer: b.tel.Tracer.Tracer(instrumentation), propagator: b.tel.Propagator, clientID: b.cfg.ClientID, group: group,
	}
}

// Process begins the span of handling a record. End it with [EndSpan].
func (t Tracing) Process(ctx context.Context, record Record) (context.Context, trace.Span) {
	ctx, span := t.start(t.propagator.Extract(ctx, propagation.MapCarrier(record.Headers)), "process", record, trace.SpanKindConsumer)
	if span.IsRecording() {
		span.SetAttributes(written(record.Partition, record.Offset)...)
		span.SetAttributes(semconv.MessagingOperationTypeProcess)
		if t.group != "" {
			span.SetAttributes(semconv.MessagingConsumerGroupName(t.group))
		}
	}
	return ctx, span
}

// Batch begins the spans of handling records together, in their order. Work that is done for all of them at once belongs
// into the context that it gives: it shows in the first trace that is sampled, and the spans of the others link there. End
// them with [EndSpans].
func (t Tracing) Batch(ctx context.Context, records []Record) (context.Context, []trace.Span) {
	working, spans := ctx, make([]trace.Span, len(records))
	var worker trace.Span
	for i, record := range records {
		traced, span := t.Process(ctx, record)
		spans[i] = span
		if i == 0 {
			working = traced
		}
		if !span.IsRecording() {
			continue
		}
		if len(records) > 1 {
			span.SetAttributes(semconv.MessagingBatchMessageCount(len(records)))
		}
		if worker == nil {
			working, worker = traced, span
		} else {
			span.AddLink(trace.Link{SpanContext: worker.SpanContext()})
		}
	}
	return working, spans
}

// send begins the span of writing a record and gives the headers that carry it on. A record that is already part of a
// trace, by its own headers, goes on with that one.
func (t Tracing) send(ctx context.Context, record Record) (map[string]string, trace.Span) {
	headers := maps.Clone(record.Headers)
	if headers == nil {
		headers = map[string]string{}
	}
	carrier := propagation.MapCarrier(headers)
	if _, has := headers["traceparent"]; has {
		ctx = t.propagator.Extract(ctx, carrier)
	}
	ctx, span := t.start(ctx, "send", record, trace.SpanKindProducer)
	if span.IsRecording() {
		span.SetAttributes(semconv.MessagingOperationTypeSend)
	}
	t.propagator.Inject(ctx, carrier)
	return headers, span
}

// start starts a span, unless the trace that ctx belongs to is not sampled.
func (t Tracing) start(ctx context.Context, operation string, record Record, kind trace.SpanKind) (context.Context, trace.Span) {
	if parent := trace.SpanContextFromContext(ctx); parent.IsValid() && !parent.IsSampled() {
		return ctx, trace.SpanFromContext(ctx)
	}
	ctx, span := t.tracer.Start(ctx, operation+" "+record.Topic, trace.WithSpanKind(kind))
	if !span.IsRecording() {
		return ctx, span
	}
	span.SetAttributes(
		semconv.MessagingSystemKafka,
		semconv.MessagingOperationName(operation),
		semconv.MessagingDestinationName(record.Topic),
	)
	setGiven(span, map[attribute.Key]string{semconv.MessagingClientIDKey: t.clientID, semconv.MessagingKafkaMessageKeyKey: record.Key})
	describe(span, record.Headers)
	return ctx, span
}

// describe says in a span which event a record has, as far as its headers do.
func describe(span trace.Span, headers map[string]string) {
	if span.IsRecording() {
		setGiven(span, map[attribute.Key]string{
			semconv.MessagingMessageIDKey: headers[events.HeaderID], semconv.CloudEventsEventTypeKey: headers[events.HeaderType],
		})
	}
}

// setGiven sets those of the attributes that have a value.
func setGiven(span trace.Span, attributes map[attribute.Key]string) {
	for key, value := range attributes {
		if value != "" {
			span.SetAttributes(key.String(value))
		}
	}
}

// written says where a record stands.
func written(partition int32, offset int64) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingDestinationPartitionID(strconv.Itoa(int(partition))),
		semconv.MessagingKafkaOffset(int(offset)),
	}
}

// EndSpan ends a span, as failed where there is an error.
func EndSpan(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetStatus(codes.Error, err.Error())
		span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err)))
	}
	span.End()
}

// EndSpans ends spans that succeed or fail together.
func EndSpans(spans []trace.Span, err error) {
	for _, span := range spans {
		EndSpan(span, err)
	}
}

func errorType(err error) string {
	switch {
	case errors.Is(err, ErrRejected):
		return "rejected"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, ErrUnavailable):
		return "unavailable"
	default:
		return semconv.ErrorTypeOther.Value.AsString()
	}
}

// Each makes a Handler of a function for one record, each in a span that continues the record's trace.
func (t Tracing) Each(handle func(ctx context.Context, record Record) error) Handler {
	return func(ctx context.Context, records []Record) error {
		for _, record := range records {
			traced, span := t.Process(ctx, record)
			err := handle(traced, record)
			EndSpan(span, err)
			if err != nil {
				return err
			}
		}
		return nil
	}
}
