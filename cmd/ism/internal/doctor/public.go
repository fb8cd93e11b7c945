package doctor

import (
	"context"
	"net"
)

// throughTarget reports whether what clients reach at a host is reached through the target instead: a public address on loopback
// means the machine that publishes the gateway, and in a container loopback is the container itself.
func (d *doctor) throughTarget(host string) bool {
	return isLoopback(host) && !isLoopback(d.target.Hostname())
}

// dialPublic dials as a client outside would.
func (d *doctor) dialPublic(ctx context.Context, network, address string) (net.Conn, error) {
	if host, _, err := net.SplitHostPort(address); err == nil && d.throughTarget(host) {
		address = hostPort(d.target)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}
