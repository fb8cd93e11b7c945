package httpapi

import (
	"net"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/loopback"
)

// refuseStrangers answers 401 to whoever is none of the services.
func refuseStrangers(accepts func(authorization string) bool) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if accepts(c.Get(fiber.HeaderAuthorization)) {
			return c.Next() //nolint:wrapcheck // the handlers' errors as they are
		}
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
		return NewProblem(http.StatusUnauthorized, "service-credential", "Service credential needed",
			"this is for other services, which show the secret that ISM_INTERNAL_SECRET gives them")
	}
}

// refuseUncertified answers 401 to whoever has not shown a certificate of the services' authority.
func refuseUncertified(c *fiber.Ctx) error {
	if hasCertificate(c.Context().Conn()) {
		return c.Next() //nolint:wrapcheck // the handlers' errors as they are
	}
	return NewProblem(http.StatusUnauthorized, "service-credential", "Service credential needed",
		"this is for other services, which show a certificate of the authority that ISM_INTERNAL_TLS_CA_FILE names")
}

// refuseNames answers 421 to a request for a host that is not this machine's loopback: a page whose name was made to lead here would send one.
func refuseNames(c *fiber.Ctx) error {
	if OnLoopback(string(c.Context().Host())) {
		return c.Next() //nolint:wrapcheck // the handlers' errors as they are
	}
	return NewProblem(http.StatusMisdirectedRequest, "wrong-host", "Wrong host", "this listens on loopback, and is asked by its names: localhost, 127.0.0.1 or [::1]")
}

// OnLoopback reports whether an address, with or without a port, names this machine's loopback: who listens there is reached from this machine alone.
func OnLoopback(address string) bool {
	host := address
	if name, _, err := net.SplitHostPort(address); err == nil {
		host = name
	}
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	return loopback.Host(host)
}
