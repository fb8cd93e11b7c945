package sender

import (
	"context"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/delivery"
	"github.com/ism-chat/ism/services/notifications/store"
)

// spans shows each attempt, by OpenTelemetry's conventions for HTTP, in the trace of what it tells of. Where that is not sampled, or there is none, it shows
// nothing. The receiver is not told of the trace.
type spans struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

func newSpans(tel *telemetry.Telemetry) spans {
	return spans{tel.Tracer.Tracer("github.com/ism-chat/ism/services/notifications/webhooks"), tel.Propagator}
}

func (s spans) begin(ctx context.Context, sending store.Sending) (context.Context, trace.Span) {
	if sending.Trace == "" {
		return ctx, trace.SpanFromContext(telemetry.Untraced(ctx))
	}
	ctx = s.propagator.Extract(ctx, propagation.MapCarrier{"traceparent": sending.Trace})
	if parent := trace.SpanContextFromContext(ctx); !parent.IsSampled() {
		return ctx, trace.SpanFromContext(ctx)
	}
	ctx, span := s.tracer.Start(ctx, "POST webhook", trace.WithSpanKind(trace.SpanKindClient))
	if !span.IsRecording() {
		return ctx, span
	}
	span.SetAttributes(
		semconv.HTTPRequestMethodPost,
		semconv.MessagingMessageID(sending.Delivery.EventID.String()),
		semconv.CloudEventsEventType(sending.Delivery.Type),
		attribute.String("ism.webhook.id", sending.Endpoint.ID.String()),
		attribute.String("ism.delivery.id", sending.Delivery.ID.String()),
	)
	if sending.Delivery.Attempts > 0 {
		span.SetAttributes(semconv.HTTPRequestResendCount(sending.Delivery.Attempts))
	}
	if to, err := url.Parse(sending.Endpoint.URL); err == nil { // the path may be a secret
		span.SetAttributes(semconv.ServerAddress(to.Hostname()))
	}
	return ctx, span
}

func end(span trace.Span, outcome delivery.Outcome) {
	if span.IsRecording() {
		if outcome.Status != 0 {
			span.SetAttributes(semconv.HTTPResponseStatusCode(outcome.Status))
		}
		switch {
		case outcome.Error != "":
			span.SetStatus(codes.Error, outcome.Error)
		case outcome.Status >= 300:
			span.SetStatus(codes.Error, "")
			span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(outcome.Status)))
		}
	}
	span.End()
}
