package httpapi

import (
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
)

// lingering is a listener whose connections can be closed so that a client still reads the answer. A request that is refused
// before all of it has been read, because it is too large, leaves bytes behind; closing then resets the connection, and the
// reset can overtake the answer.
type lingering struct{ net.Listener }

// Accept implements [net.Listener].
func (l lingering) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &lingeringConn{TCPConn: tcp}, nil
	}
	return conn, err //nolint:wrapcheck // the server looks at what kind of error it is
}

const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 16 << 20
)

type lingeringConn struct {
	*net.TCPConn
	linger atomic.Bool
}

// linger makes the connection of a request read what is still coming before it is closed.
func linger(c *fiber.Ctx) {
	if conn, ok := c.Context().Conn().(*lingeringConn); ok {
		conn.linger.Store(true)
	}
}

// Close closes the connection. If it is to linger it first ends the sending half and reads, for a moment, what comes.
func (c *lingeringConn) Close() error {
	if c.linger.Load() && c.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.TCPConn, lingerBytes)
	}
	return c.TCPConn.Close() //nolint:wrapcheck // it stands in for the connection
}
