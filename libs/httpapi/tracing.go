package httpapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// traceRequests puts each request into a span that continues the caller's trace, with the attributes of OpenTelemetry's conventions for
// HTTP servers. It is not fiber's own middleware because that records the query, in which a client may have put a token.
func traceRequests(deps Deps) fiber.Handler {
	tracer := deps.Telemetry.Tracer.Tracer("github.com/ism-chat/ism/libs/httpapi")
	return func(c *fiber.Ctx) error {
		if isProbe(c.Path()) {
			return c.Next() //nolint:wrapcheck // the handlers' errors as they are
		}
		ctx := deps.Telemetry.Propagator.Extract(c.UserContext(), requestHeaders{c})
		ctx, span := tracer.Start(ctx, c.Method(), oteltrace.WithSpanKind(oteltrace.SpanKindServer), oteltrace.WithAttributes(
			attribute.String("http.request.method", c.Method()),
			attribute.String("url.path", c.Path()),
		))
		defer span.End()
		c.SetUserContext(ctx)
		err := c.Next()
		route, status := routeOf(c), c.Response().StatusCode()
		span.SetName(c.Method() + " " + route)
		span.SetAttributes(attribute.String("http.route", route), attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
		return err //nolint:wrapcheck // the handlers' errors as they are
	}
}

// requestHeaders lets a propagator read the headers of a request.
type requestHeaders struct{ c *fiber.Ctx }

var _ propagation.TextMapCarrier = requestHeaders{}

func (h requestHeaders) Get(key string) string { return h.c.Get(key) }
func (h requestHeaders) Set(string, string)    {} // nothing is injected into a request that has been received
func (h requestHeaders) Keys() []string        { return nil }
