package web

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// securityPolicy is the Content-Security-Policy (CSP 3): scripts and styles are files of the client's own, and no text becomes markup by a script (Trusted
// Types).
func securityPolicy(cfg Config, other []string) (string, error) {
	issuer, err := origin(cfg.Issuer)
	if err != nil {
		return "", fmt.Errorf("the issuer: %w", err)
	}
	reached := []string{issuer}
	for _, address := range append([]string{cfg.URL}, other...) {
		if address == "" {
			continue
		}
		at, err := origin(address)
		if err != nil {
			return "", fmt.Errorf("an origin to reach: %w", err)
		}
		if !slices.Contains(reached, at) {
			reached = append(reached, at)
		}
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"connect-src 'self' " + strings.Join(reached, " "),
		"img-src 'self' blob:", // of media, which are fetched
		"worker-src 'self'",
		"manifest-src 'self'",
		"base-uri 'none'",
		"form-action 'self' " + issuer,
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types ism-worker", // of the service worker's own address, whatever it is asked for
	}, "; "), nil
}

// CheckOrigin says why an address cannot stand in the policy, if it cannot.
func CheckOrigin(address string) error {
	_, err := origin(address)
	return err
}

// origin is that of an address, as CSP writes it: scheme, host and a port.
func origin(address string) (string, error) {
	at, err := url.Parse(address)
	if err != nil || (at.Scheme != "http" && at.Scheme != "https") || at.Host == "" || at.User != nil || strings.ContainsAny(at.Host, " ;,'\"*") {
		return "", fmt.Errorf("%q is no http or https address", address)
	}
	return at.Scheme + "://" + strings.ToLower(at.Host), nil
}

// securityHeaders are those of every answer. The sign-in comes back with a code in the address, which goes nowhere from there.
func securityHeaders(policy string) [][2]string {
	return [][2]string{
		{"Content-Security-Policy", policy},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
		{"Referrer-Policy", "no-referrer"},
		{"X-Content-Type-Options", "nosniff"},
		{"X-Frame-Options", "DENY"},
	}
}
