package devidp

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/loopback"
)

// localOnly refuses what has not been asked on this machine. That the provider listens on loopback does not say so: a reverse proxy or a tunnel
// asks from there for anybody, and so does the browser for a page of elsewhere, also by a name that has come to stand for loopback (DNS rebinding).
// A proxy that keeps all that from the provider cannot be told from a client of this machine.
func localOnly(c *fiber.Ctx) error {
	if host := string(c.Request().Host()); !Loopback(withPort(host)) {
		return httpapi.NewProblem(http.StatusMisdirectedRequest, "development-only", "For this machine only",
			fmt.Sprintf("the development identity provider answers on this machine alone, by the names localhost and loopback addresses; the request is for the host %.100q. "+
				"Elsewhere use an identity provider of your own: ISM_OIDC_ISSUER", host))
	}
	if name := forwardedBy(c); name != "" {
		return elsewhere("the request has been forwarded: it has the header " + name)
	}
	if origin := c.Get(fiber.HeaderOrigin); origin != "" && !localOrigin(origin) {
		return elsewhere(fmt.Sprintf("the page that asks is of another origin: %.100q", origin))
	}
	return c.Next() //nolint:wrapcheck // the handlers' errors as they are
}

func elsewhere(what string) error {
	return httpapi.NewProblem(http.StatusForbidden, "development-only", "For this machine only",
		"the development identity provider answers on this machine alone, and "+what+". Elsewhere use an identity provider of your own: ISM_OIDC_ISSUER")
}

// withPort gives a host of a request the port that it may lack.
func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "80")
}

// forwardedBy is the name of a header that a proxy, a tunnel or a content delivery network has added, or "".
func forwardedBy(c *fiber.Ctx) string {
	var found string
	c.Request().Header.VisitAll(func(name, _ []byte) {
		if lower := strings.ToLower(string(name)); found == "" && tellsOfProxy(lower) {
			found = lower
		}
	})
	return found
}

// tellsOfProxy reports whether a header, in lower case, is one that clients do not send by themselves.
func tellsOfProxy(header string) bool {
	switch header {
	case "forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cdn-loop", "x-envoy-external-address":
		return true
	}
	return strings.HasPrefix(header, "x-forwarded") || strings.HasPrefix(header, "x-original-") || strings.HasPrefix(header, "cf-")
}

// localOrigin reports whether a page of the origin is one that this machine serves. "null", of a page without an origin, is none.
func localOrigin(origin string) bool {
	at, err := url.Parse(origin)
	return err == nil && (at.Scheme == "http" || at.Scheme == "https") && loopback.Host(at.Hostname())
}
