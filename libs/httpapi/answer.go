package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/trace"
)

const mimeProblem = "application/problem+json"

// answers turns errors into answers, for the whole server.
type answers struct {
	log *slog.Logger
}

// fail answers a request with the problem of its error, and gives it. What is our fault goes to the log with its cause.
func (a *answers) fail(c *fiber.Ctx, err error) *Problem {
	problem := problemOf(err)
	traceID := c.GetRespHeader(headerTraceID)
	a.report(c.UserContext(), problem, err, traceID)
	if problem.RetryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int((problem.RetryAfter+time.Second-1)/time.Second)))
	}
	if problem.Challenge != "" {
		c.Set(fiber.HeaderWWWAuthenticate, problem.Challenge)
	}
	c.Status(problem.Status)
	_ = c.JSON(problem.onWire(c.Path(), traceID, time.Now())) // strings, a number and a time: it can be encoded
	c.Set(fiber.HeaderContentType, mimeProblem)
	return problem
}

func (a *answers) report(ctx context.Context, problem *Problem, err error, traceID string) {
	if problem.Status < http.StatusInternalServerError || problem.Status == http.StatusHTTPVersionNotSupported {
		return
	}
	level := slog.LevelError
	if problem.Status == http.StatusServiceUnavailable {
		level = slog.LevelWarn // something that we depend on, which has its own alarm
	}
	attrs := []slog.Attr{slog.String("code", problem.Code), slog.Any("error", err), slog.String("answer_trace_id", traceID)}
	var panicked *panicError
	if errors.As(err, &panicked) {
		attrs = append(attrs, slog.String("stack", string(panicked.stack)))
	}
	a.log.LogAttrs(ctx, level, "request failed", attrs...)
}

// panicError is what a handler panicked with.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// traceIDOf is the id of the request's trace or, where the request has none, one that only the log has.
func traceIDOf(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	var id trace.TraceID
	_, _ = rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// problemOf finds the answer to an error.
func problemOf(err error) *Problem {
	var (
		problem *Problem
		refusal *fiber.Error
	)
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &refusal):
		return problemOfStatus(refusal.Code)
	case errors.Is(err, context.DeadlineExceeded):
		return timedOut().Because(err)
	default:
		return internalError().Because(err)
	}
}

// problemOfStatus is the problem of what the framework refuses by itself.
func problemOfStatus(status int) *Problem {
	switch status {
	case http.StatusNotFound:
		return NewProblem(status, "not-found", "Not found", "there is no such route")
	case http.StatusMethodNotAllowed:
		return NewProblem(status, "method-not-allowed", "Method not allowed", "the route has other methods, see Allow")
	case http.StatusRequestEntityTooLarge:
		return NewProblem(status, "body-too-large", "Body too large", "the request's body is over the limit")
	case http.StatusRequestHeaderFieldsTooLarge:
		return NewProblem(status, "headers-too-large", "Headers too large", "the request's headers are over the limit")
	case http.StatusUnsupportedMediaType:
		return NewProblem(status, "unsupported-media-type", "Unsupported media type", "the body must be application/json")
	case http.StatusRequestTimeout:
		return NewProblem(status, "request-timeout", "Request timeout", "the request did not arrive in time")
	default:
		if status >= http.StatusBadRequest && status < http.StatusInternalServerError {
			return NewProblem(status, "bad-request", "Bad request", "the request cannot be read")
		}
		return internalError()
	}
}
