//go:build !linux

package eventloop

import (
	"net"
	"time"
)

// setTimeouts makes the system look after a client's machine that has vanished: it probes connections that are quiet. What is written to
// such a machine is given up after a time of the system's own.
func setTimeouts(conn net.Conn, silent time.Duration) {
	const probes = 4
	if tcp, ok := conn.(interface {
		SetKeepAliveConfig(config net.KeepAliveConfig) error
	}); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: silent / 2, Interval: silent / 2 / probes, Count: probes})
	}
}
