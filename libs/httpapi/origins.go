package httpapi

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cors"
)

// What pages of other origins may send: what the API takes, and what clients send by themselves. EventSource replacements say
// Cache-Control: no-cache, as an EventSource does, which needs no leave for it.
const allowedHeaders = "Authorization,Content-Type,Accept,Cache-Control,Pragma,If-Match,If-None-Match,Idempotency-Key,Last-Event-ID," +
	"X-Request-Id,Traceparent,Tracestate"

// What they may read of answers.
const exposedHeaders = "Link,X-Next-Cursor,X-Previous-Cursor,X-Complete-Before,Idempotency-Replayed,ETag,Location,Retry-After,RateLimit,RateLimit-Policy,Allow,WWW-Authenticate," +
	"X-Request-Id,X-Trace-Id,Traceparent"

// allowOrigins lets browsers call from the configured origins. The origins are compared here: fiber's own list takes
// wildcards.
func (c Config) allowOrigins() fiber.Handler {
	allowed := make([]string, len(c.CORSOrigins))
	for i, origin := range c.CORSOrigins {
		allowed[i] = strings.ToLower(origin)
	}
	return cors.New(cors.Config{
		AllowOriginsFunc: func(origin string) bool {
			return slices.Contains(allowed, origin) || c.CORSLoopback && isLoopback(origin)
		},
		AllowMethods:  "GET,POST,PUT,PATCH,DELETE,HEAD",
		AllowHeaders:  allowedHeaders,
		ExposeHeaders: exposedHeaders,
		MaxAge:        int((10 * time.Minute).Seconds()),
	})
}

// isLoopback reports whether an origin is a page that this machine serves itself, at any port.
func isLoopback(origin string) bool {
	at, err := url.Parse(origin)
	if err != nil || at.Scheme != "http" || "http://"+at.Host != origin {
		return false
	}
	switch at.Hostname() {
	case "localhost", "127.0.0.1", "::1":
		return true
	}
	return false
}
