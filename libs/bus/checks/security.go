package checks

import (
	"net/url"
	"time"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/loopback"
)

// secured reports whether there is something to look at in how clients and brokers know each other.
func (c *cluster) secured() bool {
	return c.security.CAFile != "" || c.security.CertFile != "" || c.security.OAuth.TokenURL != ""
}

// lookAtSecurity sees which certificates end soon, and whether a secret goes over the network in the open.
func (c *cluster) lookAtSecurity(n *examine.Notes, now time.Time) {
	shown := n.CertificatesOfStart(prefix+"CERT_FILE and CA_FILE", certificates.Files{Certificate: c.security.CertFile, Authority: c.security.CAFile}, now)
	issuers := n.Certificates(prefix+"OAUTH_CA_FILE", certificates.Files{Authority: c.security.OAuth.CAFile}, now)
	if shown && issuers && (c.security.CertFile != "" || c.security.CAFile != "") {
		n.OK("none ends within thirty days")
	}
	if c.security.OAuth.TokenURL == "" {
		return
	}
	if endpoint, err := url.Parse(c.security.OAuth.TokenURL); err == nil && endpoint.Scheme == "http" && !loopback.Named(endpoint.Hostname()) {
		n.AddAs(prefix+"OAUTH_TOKEN_URL", examine.Warning, "the client's secret goes to it without TLS", "use an https address")
		return
	}
	n.AddAs(prefix+"OAUTH_TOKEN_URL", examine.OK, "tokens come from "+c.security.OAuth.TokenURL, "")
}
