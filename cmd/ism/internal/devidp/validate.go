package devidp

import (
	"fmt"
	"net"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/loopback"
)

// Validate says why the provider must not run: on an address that others can reach, or beside an issuer that is
// configured. Call it before anything listens. The variables in the faults are whole.
func Validate(httpAddress, configuredIssuer string) []config.Fault {
	var faults []config.Fault
	if configuredIssuer != "" {
		faults = append(faults, config.Fault{
			Variable: "ISM_OIDC_ISSUER",
			Problem:  "is set, and ISM_DEV_IDP_ENABLED is too: the development identity provider would let anybody in beside the issuer; allowed: one of the two",
		})
	}
	if !Loopback(httpAddress) {
		faults = append(faults, config.Fault{
			Variable: "ISM_HTTP_ADDRESS",
			Problem: fmt.Sprintf("%q can be reached from elsewhere, so the development identity provider is refused: it would let anybody in; "+
				"allowed: a loopback address such as 127.0.0.1:5403, or any address with an issuer of your own in ISM_OIDC_ISSUER", httpAddress),
		})
	}
	return faults
}

// Loopback reports whether a listen address, host:port, can be reached from its own machine only. An empty host is every
// interface; a name other than localhost could be anything.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	return loopback.Host(host)
}
