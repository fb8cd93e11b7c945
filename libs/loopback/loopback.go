// Package loopback tells the names of this machine alone from those that others have, too.
package loopback

import (
	"net/netip"
	"strings"
)

// Host reports whether a host, without a port, is the machine, or the container, that asks: localhost, and the addresses of the loopback. Any other name could
// lead anywhere, by whoever answers for it.
func Host(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Named is [Host] for names that whoever runs this machine has chosen, not a caller: those under localhost are of the machine as well (RFC 6761, section 6.3).
func Named(host string) bool {
	return Host(host) || strings.HasSuffix(strings.TrimSuffix(strings.ToLower(host), "."), ".localhost")
}
