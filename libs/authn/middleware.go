package authn

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/telemetry"
)

type callerKey struct{}

// Require is the middleware that lets only requests with a valid bearer token through (RFC 6750 section 2.1; a token in
// the query or in a form is not looked at). All others get the same 401, whatever was wrong, or 503 while the issuer's keys
// have not been fetched, or not for too long. A valid token without the scope that is required gets 403.
func (v *Verifier) Require() fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx := c.UserContext()
		principal, err := v.judge(ctx, c.Request().Header.PeekAll(fiber.HeaderAuthorization))
		if err != nil {
			return err
		}
		user := principal.UserID.String()
		trace.SpanFromContext(ctx).SetAttributes(attribute.String("enduser.id", user))
		c.SetUserContext(telemetry.With(ctx, slog.String("user_id", user)))
		c.Locals(callerKey{}, principal)
		if v.then != nil {
			return v.then(c)
		}
		return c.Next()
	}
}

func unavailable(detail string, err error) error {
	return httpapi.Unavailable("issuer-unavailable", "Issuer unavailable", detail, err)
}

// insufficient is the answer to a token that may do nothing here (RFC 6750 section 3.1).
func insufficient() error {
	problem := httpapi.NewProblem(http.StatusForbidden, "insufficient-scope", "Forbidden", "the token lacks the scope or role that is needed to use this API")
	problem.Challenge = `Bearer error="insufficient_scope"`
	return problem
}

// Then has every request that Require lets through pass a handler, before those behind it. It is for before the first request.
func (v *Verifier) Then(handle fiber.Handler) { v.then = handle }

// Admit gives who a request is from, by its head: for what must be known before its body is received. The error is the answer, as Require gives it.
func (v *Verifier) Admit(ctx context.Context, head httpapi.Head) (Principal, error) {
	return v.judge(ctx, head.Values(fiber.HeaderAuthorization))
}

// judge gives whose bearer token is in the Authorization headers of a request. The error is the answer.
func (v *Verifier) judge(ctx context.Context, headers [][]byte) (Principal, error) {
	token, err := bearer(headers)
	if err != nil {
		v.tokens.WithLabelValues("missing").Inc()
		v.log.DebugContext(ctx, "request without a bearer token", "reason", err.Error())
		return Principal{}, unauthorized()
	}
	principal, err := v.Verify(ctx, token)
	switch {
	case errors.Is(err, ErrNoKeys):
		v.tokens.WithLabelValues("unjudged").Inc()
		return Principal{}, unavailable("tokens cannot be verified yet", err)
	case errors.Is(err, ErrOldKeys):
		v.tokens.WithLabelValues("unjudged").Inc()
		return Principal{}, unavailable("tokens cannot be verified: their issuer has not answered for too long", err)
	case errors.Is(err, ErrNoSignOuts):
		v.tokens.WithLabelValues("unjudged").Inc()
		return Principal{}, unavailable("tokens cannot be verified yet: it is not known who was signed out", err)
	case errors.Is(err, ErrScope):
		v.tokens.WithLabelValues("refused").Inc()
		v.log.InfoContext(ctx, "token refused", "reason", reason(err))
		return Principal{}, insufficient()
	case err != nil:
		v.tokens.WithLabelValues("refused").Inc()
		v.log.InfoContext(ctx, "token refused", "reason", reason(err))
		return Principal{}, unauthorized()
	}
	v.tokens.WithLabelValues("accepted").Inc()
	return principal, nil
}

// RequireAdmin is the middleware, behind Require, that lets only callers through whose token has the role of administrators.
func (v *Verifier) RequireAdmin() fiber.Handler {
	return func(c *fiber.Ctx) error {
		if !Caller(c).Admin {
			return httpapi.NewProblem(http.StatusForbidden, "forbidden", "Forbidden", "the token lacks the role of administrators")
		}
		return c.Next()
	}
}

// RequireBackend is the middleware, behind Require, that lets only the backend through: clients that are configured as such, and administrators.
func (v *Verifier) RequireBackend() fiber.Handler {
	return func(c *fiber.Ctx) error {
		if !Caller(c).Backend {
			return httpapi.NewProblem(http.StatusForbidden, "forbidden", "Forbidden", "the token is not the backend's")
		}
		return c.Next()
	}
}

// reason puts the libraries' nested errors on one line of the log.
func reason(err error) string { return clip(strings.ReplaceAll(err.Error(), "\n", ": ")) }

// bearer gives the token of the request's only Authorization header.
func bearer(headers [][]byte) (string, error) {
	if len(headers) != 1 {
		return "", errors.New("not exactly one Authorization header")
	}
	scheme, token, _ := strings.Cut(string(headers[0]), " ")
	token = strings.Trim(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errors.New("no bearer token in the Authorization header")
	}
	return token, nil
}

// Unauthorized is the answer to whoever has no valid token, or has one no longer.
func Unauthorized() error { return unauthorized() }

func unauthorized() error {
	problem := httpapi.NewProblem(http.StatusUnauthorized, "unauthorized", "Unauthorized", "a valid bearer token is required")
	problem.Challenge = "Bearer"
	return problem
}

// Caller is the principal of a request that has passed Require. It panics where Require is missing: a wiring fault.
func Caller(c *fiber.Ctx) Principal {
	principal, ok := c.Locals(callerKey{}).(Principal)
	if !ok {
		panic("authn: the route is not behind Require")
	}
	return principal
}
