package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/trace"
)

const mimeProblem = "application/problem+json"

// answers turns errors into answers, for the whole server.
type answers struct {
	log *slog.Logger
}

// fail answers a request with the problem of its error. It is fiber's error handler, so requests come here too that no
// middleware has seen, because they could not be read.
func (a *answers) fail(c *fiber.Ctx, err error) error {
	problem := problemOf(err)
	ctx := c.UserContext()
	traceID := traceIDOf(ctx)
	if problem.Status >= http.StatusInternalServerError {
		level := slog.LevelError
		if problem.Status == http.StatusServiceUnavailable {
			level = slog.LevelWarn // something that we depend on, which has its own alarm
		}
		a.log.Log(ctx, level, "request failed", "code", problem.Code, "error", err, "answer_trace_id", traceID)
	}
	if problem.RetryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int((problem.RetryAfter+time.Second-1)/time.Second)))
	}
	if problem.Status == http.StatusRequestEntityTooLarge {
		linger(c)
	}
	c.Status(problem.Status)
	if err := c.JSON(problem.body(c.Path(), traceID, time.Now())); err != nil {
		return err //nolint:wrapcheck // fiber's last resort handles it
	}
	c.Set(fiber.HeaderContentType, mimeProblem)
	return nil
}

// traceIDOf is the id of the request's trace or, where the request never got so far, one that only the log has.
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
	var problem *Problem
	if errors.As(err, &problem) {
		return problem
	}
	var refusal *fiber.Error
	if errors.As(err, &refusal) {
		return problemOfStatus(refusal.Code)
	}
	var tooSmall *fasthttp.ErrSmallBuffer
	switch {
	case errors.As(err, &tooSmall):
		return problemOfStatus(http.StatusRequestHeaderFieldsTooLarge)
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return problemOfStatus(http.StatusRequestEntityTooLarge)
	case errors.Is(err, context.DeadlineExceeded):
		return timedOut().Because(err)
	}
	return internalError().Because(err)
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
