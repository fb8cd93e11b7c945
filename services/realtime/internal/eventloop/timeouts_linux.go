package eventloop

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxUnsent is how many bytes of a stream the kernel takes that it cannot send yet. Without it, it keeps megabytes for a client that
// does not read.
const maxUnsent = 64 << 10

// setTimeouts bounds how long the kernel waits for a client's machine that has vanished, and how much it keeps for a client that does not
// read. On a broken connection it does nothing.
func setTimeouts(conn net.Conn, silent time.Duration) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silent.Milliseconds()))
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
	})
}
