package bus

import (
	"context"
	"maps"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const instrumentation = "github.com/ism-chat/ism/libs/bus"

func (b *Bus) tracer() trace.Tracer { return b.tel.Tracer.Tracer(instrumentation) }

// traceSend begins the span of writing a record and gives the headers that carry it on. A record that is already part of a
// trace, by its own headers, goes on with that one.
func (b *Bus) traceSend(ctx context.Context, record Record) (headers map[string]string, end func(error)) {
	headers = maps.Clone(record.Headers)
	if headers == nil {
		headers = map[string]string{}
	}
	carrier := propagation.MapCarrier(headers)
	if _, has := headers["traceparent"]; has {
		ctx = b.tel.Propagator.Extract(ctx, carrier)
	}
	ctx, span := b.tracer().Start(ctx, "send "+record.Topic, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.system", "kafka"),
		attribute.String("messaging.destination.name", record.Topic),
		attribute.String("messaging.kafka.message.key", record.Key),
	))
	b.tel.Propagator.Inject(ctx, carrier)
	return headers, func(err error) { endSpan(span, err) }
}

// Trace begins the span of handling a record, in the record's trace. End it with the handler's error.
func (b *Bus) Trace(ctx context.Context, record Record) (traced context.Context, end func(error)) {
	ctx = b.tel.Propagator.Extract(ctx, propagation.MapCarrier(record.Headers))
	ctx, span := b.tracer().Start(ctx, "process "+record.Topic, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("messaging.system", "kafka"),
		attribute.String("messaging.destination.name", record.Topic),
		attribute.Int("messaging.destination.partition.id", int(record.Partition)),
		attribute.Int64("messaging.kafka.offset", record.Offset),
	))
	return ctx, func(err error) { endSpan(span, err) }
}

func endSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// Each makes a Handler of a function for one record, each in a span that continues the record's trace.
func (b *Bus) Each(handle func(ctx context.Context, record Record) error) Handler {
	return func(ctx context.Context, records []Record) error {
		for _, record := range records {
			traced, end := b.Trace(ctx, record)
			err := handle(traced, record)
			end(err)
			if err != nil {
				return err
			}
		}
		return nil
	}
}
