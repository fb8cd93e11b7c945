package checks

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/examine"
)

// soon is before the end of a certificate from when on it is worth a word.
const soon = 30 * 24 * time.Hour

// secured reports whether there is something to look at in how clients and brokers know each other.
func (c *cluster) secured() bool {
	return c.security.CAFile != "" || c.security.CertFile != "" || c.security.OAuth.TokenURL != ""
}

// lookAtSecurity sees when certificates end, and whether a secret goes over the network in the open.
func (c *cluster) lookAtSecurity(n *examine.Notes, now time.Time) {
	for _, of := range []struct{ variable, path string }{
		{prefix + "CERT_FILE", c.security.CertFile}, {prefix + "CA_FILE", c.security.CAFile}, {prefix + "OAUTH_CA_FILE", c.security.OAuth.CAFile},
	} {
		if of.path != "" {
			lookAtCertificates(n, of.variable, of.path, now)
		}
	}
	if c.security.OAuth.TokenURL == "" {
		return
	}
	if endpoint, err := url.Parse(c.security.OAuth.TokenURL); err == nil && endpoint.Scheme == "http" && !loopback(endpoint.Hostname()) {
		n.AddAs(prefix+"OAUTH_TOKEN_URL", examine.Warning, "the client's secret goes to it without TLS", "use an https address")
		return
	}
	n.AddAs(prefix+"OAUTH_TOKEN_URL", examine.OK, "tokens come from "+c.security.OAuth.TokenURL, "")
}

func lookAtCertificates(n *examine.Notes, variable, path string, now time.Time) {
	certificates, err := bus.Certificates(path)
	if err != nil {
		n.AddAs(variable, examine.Fault, err.Error(), "correct "+variable)
		return
	}
	first := earliest(certificates)
	ends := first.NotAfter.UTC().Format("2006-01-02 15:04 MST")
	switch left := first.NotAfter.Sub(now); {
	case left <= 0:
		n.AddAs(variable, examine.Fault, fmt.Sprintf("the certificate of %s has ended, at %s: no new connection is made with it", first.Subject, ends),
			"replace the file, and restart the services one after the other")
	case left < soon:
		n.AddAs(variable, examine.Warning, fmt.Sprintf("the certificate of %s ends at %s", first.Subject, ends),
			"replace the file before, and restart the services one after the other")
	default:
		n.AddAs(variable, examine.OK, fmt.Sprintf("%s, until %s", first.Subject, ends), "")
	}
}

// earliest is the certificate that ends first.
func earliest(certificates []*x509.Certificate) *x509.Certificate {
	first := certificates[0]
	for _, other := range certificates[1:] {
		if other.NotAfter.Before(first.NotAfter) {
			first = other
		}
	}
	return first
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
