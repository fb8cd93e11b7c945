package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cors"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
)

const (
	headerRequestID = "X-Request-Id"
	headerTraceID   = "X-Trace-Id"
	noRoute         = "(none)"
)

// use adds what every request passes through, outermost first.
func use(app *fiber.App, listener string, cfg Config, deps Deps, answer *answers) {
	if len(cfg.CORSOrigins) > 0 && listener == "public" {
		app.Use(cors.New(cors.Config{
			AllowOrigins:  strings.Join(cfg.CORSOrigins, ","),
			AllowMethods:  "GET,POST,PUT,PATCH,DELETE,HEAD",
			AllowHeaders:  "Authorization,Content-Type,Idempotency-Key,Last-Event-ID,X-Request-Id,Traceparent,Tracestate",
			ExposeHeaders: "Link,X-Next-Cursor,Retry-After,X-Request-Id,X-Trace-Id",
			MaxAge:        int((10 * time.Minute).Seconds()),
		}))
	}
	app.Use(traceRequests(deps))
	app.Use(observe(listener, cfg.HandlerTimeout, deps, answer))
}

// observe gives the request its id and deadline, answers errors and panics, and tells the log and the metrics about it.
func observe(listener string, timeout time.Duration, deps Deps, answer *answers) fiber.Handler {
	routes, log := deps.Telemetry.Routes(listener), deps.Telemetry.Log
	return func(c *fiber.Ctx) error {
		begun := time.Now()
		done := routes.Begin()
		id := requestID(c.Get(headerRequestID))
		ctx, cancel := context.WithTimeout(telemetry.With(c.UserContext(), slog.String("request_id", id)), timeout)
		defer cancel()
		c.SetUserContext(ctx)
		c.Set(headerRequestID, id)
		c.Set(headerTraceID, traceIDOf(ctx))
		c.Set(fiber.HeaderXContentTypeOptions, "nosniff")

		if err := next(c); err != nil {
			if err := answer.fail(c, err); err != nil {
				return err
			}
		}
		status, route := c.Response().StatusCode(), routeOf(c)
		done(c.Method(), route, status)
		level := slog.LevelInfo
		if isProbe(c.Path()) {
			level = slog.LevelDebug
		}
		// The context as the handler left it says who called. The query is not logged: it may hold what is nobody's business.
		log.LogAttrs(c.UserContext(), level, "request",
			slog.String("method", c.Method()), slog.String("route", route), slog.Int("status", status),
			slog.Float64("ms", float64(time.Since(begun).Microseconds())/1000), slog.Int("bytes", len(c.Response().Body())))
		return nil
	}
}

// next runs the handlers behind. A panic becomes an error with the stack for the log.
func next(c *fiber.Ctx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = internalError().Because(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	return c.Next() //nolint:wrapcheck // the handlers' errors as they are
}

// routeOf is the pattern of the route that answered, without what a client chose.
func routeOf(c *fiber.Ctx) string {
	status := c.Response().StatusCode()
	route := c.Route().Path
	if (status == http.StatusNotFound || status == http.StatusMethodNotAllowed) && route == "/" {
		return noRoute
	}
	return route
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
