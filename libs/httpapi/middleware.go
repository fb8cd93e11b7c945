package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
)

const (
	headerRequestID = "X-Request-Id"
	headerTraceID   = "X-Trace-Id"
	noRoute         = "(none)"
	otherMethod     = "(other)"
)

// observer is what every request passes through first: it gives the request its id, span and deadline, answers errors and
// panics, and reports it to the log and the metrics.
type observer struct {
	answers

	routes  *telemetry.RouteMetrics
	tracing tracing
	lines   *telemetry.Lines
	slow    time.Duration // from here on a request is logged in any case
	timeout time.Duration
}

func newObserver(listener string, cfg Config, tel *telemetry.Telemetry) *observer {
	return &observer{
		answers: answers{log: tel.Log},
		routes:  tel.Routes(listener),
		tracing: newTracing(listener, cfg.TraceCallers, tel),
		lines:   tel.RequestLines(),
		slow:    tel.Sampling.Slow,
		timeout: cfg.HandlerTimeout,
	}
}

func (o *observer) handle(c *fiber.Ctx) error {
	begun := time.Now()
	measured := o.routes.Begin()
	probe := isProbe(c.Path())
	id := requestID(c.Get(headerRequestID))
	ctx, cancel := context.WithTimeout(telemetry.With(c.UserContext(), slog.String("request_id", id)), o.timeout)
	defer cancel()
	ctx, span := o.tracing.begin(ctx, c, id, probe)
	defer span.End()
	c.SetUserContext(ctx)
	mark(c, id)

	var problem *Problem
	err := next(c)
	if err != nil {
		problem = o.fail(c, err)
	}
	route := routeOf(c)
	measured(c.Method(), route, c.Response().StatusCode())
	o.tracing.end(span, c, route, problem, err)
	level := slog.LevelInfo
	if probe {
		level = slog.LevelDebug
	}
	o.access(c, level, route, begun, problem)
	return nil
}

// unreadable answers a request that could not be read. It is the app's error handler.
func (o *observer) unreadable(c *fiber.Ctx, err error) error {
	if fault := faultOn(c.Context().Conn()); fault != nil {
		err = fault
	}
	if errors.Is(err, fiber.ErrBadGateway) {
		c.Status(http.StatusBadRequest)
		return nil // fiber's error for a connection that broke: there is nobody to answer
	}
	linger(c.Context().Conn())
	o.refuse(c, err)
	return nil
}

// refuse answers a request that no middleware sees.
func (o *observer) refuse(c *fiber.Ctx, err error) {
	begun := time.Now()
	measured := o.routes.Begin()
	id := requestID(c.Get(headerRequestID))
	c.SetUserContext(telemetry.With(c.UserContext(), slog.String("request_id", id)))
	mark(c, id)
	problem := o.fail(c, err)
	measured(methodOf(c), noRoute, problem.Status)
	level := slog.LevelInfo
	if problem.Status == http.StatusRequestTimeout {
		level = slog.LevelDebug // also a connection that was opened in case it would be needed
	}
	o.access(c, level, noRoute, begun, problem)
}

// mark sets the headers that every answer has.
func mark(c *fiber.Ctx, id string) {
	c.Set(headerRequestID, id)
	c.Set(headerTraceID, traceIDOf(c.UserContext()))
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
}

// access writes the access log: all that failed or was slow, and of all else the share that is configured. The context as the handler left it says
// who called. The query is not logged: it may have a secret.
func (o *observer) access(c *fiber.Ctx, level slog.Level, route string, begun time.Time, problem *Problem) {
	ctx, took := c.UserContext(), time.Since(begun)
	wentWell := problem == nil && c.Response().StatusCode() < http.StatusBadRequest && took < o.slow
	if !o.log.Enabled(ctx, level) || wentWell && !o.lines.Keep(ctx) {
		return
	}
	bytes := 0
	if !c.Response().IsBodyStream() {
		bytes = len(c.Response().Body())
	}
	attrs := []slog.Attr{
		slog.String("method", methodOf(c)), slog.String("route", route), slog.Int("status", c.Response().StatusCode()),
		slog.Float64("ms", float64(took.Microseconds())/1000), slog.Int("bytes", bytes),
	}
	if problem != nil {
		attrs = append(attrs, slog.String("code", problem.Code))
		if problem.Status < http.StatusInternalServerError && problem.Cause != nil && o.log.Enabled(ctx, slog.LevelDebug) {
			attrs = append(attrs, slog.Any("cause", problem.Cause))
		}
	}
	o.log.LogAttrs(ctx, level, "request", attrs...)
}

// next runs the handlers behind this one. A panic becomes an error with the stack for the log.
func next(c *fiber.Ctx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = internalError().Because(&panicError{value: p, stack: debug.Stack()})
		}
	}()
	return c.Next() //nolint:wrapcheck // the handlers' errors as they are
}

// routeOf is the pattern of the route that answered, without what a client chose.
func routeOf(c *fiber.Ctx) string {
	if route := c.Route().Path; route != "/" || c.Path() == "/" {
		return strings.ReplaceAll(route, `\:`, ":") // a colon that begins no parameter
	}
	return noRoute // only what is mounted at the root for every path has seen it
}

// methodOf is the request's method if it is one of HTTP's, so that clients cannot make up values of labels.
func methodOf(c *fiber.Ctx) string {
	if method := c.Method(); slices.Contains(fiber.DefaultMethods, method) {
		return method
	}
	return otherMethod
}

func isProbe(path string) bool { return path == "/health" || path == "/ready" || path == "/metrics" }

// maxRequestID is the longest request id that is taken from a client.
const maxRequestID = 64

// requestID is the client's request id if it can stand in a log, else a new one.
func requestID(given string) string {
	if given == "" || len(given) > maxRequestID {
		return uuid.NewString()
	}
	for _, r := range given {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
		default:
			return uuid.NewString()
		}
	}
	return given
}
