package httpapi

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/ism-chat/ism/libs/telemetry"
)

// tracing makes a span of each request, by OpenTelemetry's conventions for HTTP servers. It is ours because fiber's
// otelfiber puts the query, which may hold a token, and the user of Basic authentication into the span, and reads
// streamed answers whole to know their size.
type tracing struct {
	tracer trace.Tracer
	// parent finds the caller's trace. The public listener takes only the trace, not baggage: that goes on into the
	// headers of every record that follows from a request, which must not have what strangers write.
	parent  propagation.TextMapPropagator
	callers []netip.Prefix // whose traces are gone on with
}

func newTracing(listener string, callers []string, tel *telemetry.Telemetry) tracing {
	t := tracing{tracer: tel.Tracer.Tracer("github.com/ism-chat/ism/libs/httpapi"), parent: tel.Propagator}
	if listener == internal {
		t.callers = []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
		return t
	}
	t.parent = propagation.TraceContext{}
	for _, caller := range callers {
		if of, err := network(caller); err == nil { // Validate has told of the others
			t.callers = append(t.callers, of)
		}
	}
	return t
}

// network reads an address, or a network in CIDR's notation.
func network(text string) (netip.Prefix, error) {
	if of, err := netip.ParsePrefix(text); err == nil {
		return of.Masked(), nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("read an address: %w", err)
	}
	return netip.PrefixFrom(address, address.BitLen()), nil
}

// begun is the context in which the span of a request begins. A stranger's trace is not gone on with: who picks its id and has it recorded can fill our
// store of traces, and mix its own into others'. So the span is the first of a trace, and only links to it. What vendors write into a trace
// (tracestate) is nobody's here.
func (t tracing) begun(ctx context.Context, c *fiber.Ctx) (context.Context, []trace.SpanStartOption) {
	theirs := t.parent.Extract(ctx, headers{c})
	caller := trace.SpanContextFromContext(theirs).WithTraceState(trace.TraceState{})
	switch {
	case !caller.IsRemote():
		return ctx, nil
	case t.follows(c):
		return trace.ContextWithRemoteSpanContext(theirs, caller), nil
	}
	return ctx, []trace.SpanStartOption{trace.WithLinks(trace.Link{SpanContext: caller})}
}

// follows reports whether the caller's trace is gone on with.
func (t tracing) follows(c *fiber.Ctx) bool {
	if len(t.callers) == 0 {
		return false
	}
	peer, ok := c.Context().RemoteAddr().(*net.TCPAddr)
	if !ok {
		return false
	}
	address := peer.AddrPort().Addr().Unmap().WithZone("")
	return slices.ContainsFunc(t.callers, func(of netip.Prefix) bool { return of.Contains(address) })
}

// begin starts the span of a request, and gives the client its trace id in a header, also where the answer is a
// stream. Probes have no span: they are many and show nothing.
func (t tracing) begin(ctx context.Context, c *fiber.Ctx, requestID string, probe bool) (context.Context, trace.Span) {
	if probe {
		return ctx, noop.Span{}
	}
	ctx, options := t.begun(ctx, c)
	ctx, span := t.tracer.Start(ctx, c.Method(), append(options, trace.WithSpanKind(trace.SpanKindServer))...)
	if span.IsRecording() {
		span.SetAttributes(
			semconv.HTTPRequestMethodKey.String(c.Method()), semconv.URLPath(c.Path()), attribute.String("request.id", requestID),
		)
	}
	propagation.TraceContext{}.Inject(ctx, headers{c})
	return ctx, span
}

// end says how the request ended. A fault of the client is no error of the server's span.
func (t tracing) end(span trace.Span, c *fiber.Ctx, route string, problem *Problem, err error) {
	if !span.IsRecording() {
		return
	}
	status := c.Response().StatusCode()
	span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if route != noRoute {
		span.SetName(c.Method() + " " + route)
		span.SetAttributes(semconv.HTTPRoute(route))
	}
	if problem != nil {
		span.SetAttributes(semconv.ErrorTypeKey.String(problem.Code))
	}
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
		if err != nil {
			span.RecordError(err)
		}
	}
}

// headers are a request's headers to read, and its answer's to write.
type headers struct{ c *fiber.Ctx }

func (h headers) Get(name string) string { return h.c.Get(name) }

func (h headers) Set(name, value string) { h.c.Set(name, value) }

func (h headers) Keys() []string {
	var names []string
	for name := range h.c.GetReqHeaders() {
		names = append(names, name)
	}
	return names
}
