package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// lingerTime is how long a connection is kept after an answer to a request that was not read to its end.
const lingerTime = 5 * time.Second

// conn is a connection of the server.
type conn struct {
	*net.TCPConn

	gate   gate
	unread atomic.Bool // something of the last request may not have been read
}

// secured is a connection by TLS. What is read from it goes through the gate of the connection under it.
type secured struct {
	*tls.Conn

	under *conn
}

// Read reads what is a request beyond doubt. The first one shakes hands.
func (s *secured) Read(p []byte) (int, error) { return s.under.gate.Read(p) }

// Close closes the connection, in the way that linger has set.
func (s *secured) Close() error {
	_ = s.CloseWrite() // says that nothing follows; before hands were shaken there is nobody to be told
	return s.under.Close()
}

// connOf is the server's own of a connection that fasthttp has; nil: it is none.
func connOf(of net.Conn) *conn {
	switch c := of.(type) {
	case *conn:
		return c
	case *secured:
		return c.under
	default:
		return nil
	}
}

// hasCertificate reports whether a certificate was shown on a connection, of the authority that the listener has.
func hasCertificate(of net.Conn) bool {
	s, ok := of.(*secured)
	return ok && len(s.ConnectionState().VerifiedChains) > 0
}

// Read reads what is a request beyond doubt.
func (c *conn) Read(p []byte) (int, error) { return c.gate.Read(p) }

// linger makes the server take in what the client still sends when it closes the connection: closing at once would reset
// it, which throws the answer away before the client has read it (RFC 9112, section 9.6).
func linger(of net.Conn) {
	if c := connOf(of); c != nil {
		c.unread.Store(true)
	}
}

// Close closes the connection, in the way that linger has set.
func (c *conn) Close() error {
	if c.unread.Swap(false) && c.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.Copy(io.Discard, readOnly{c.TCPConn})
	}
	return c.TCPConn.Close() //nolint:wrapcheck // it is the connection
}

// readOnly keeps io.Copy from methods that do not read into its buffer.
type readOnly struct{ io.Reader }

// acceptor is a listener of TCP.
type acceptor interface {
	net.Listener
	AcceptTCP() (*net.TCPConn, error)
}

// listener accepts connections. It may be closed more than once, and outlives a shortage of file descriptors, at which
// fasthttp would stop serving.
type listener struct {
	acceptor

	log     *slog.Logger
	most    int         // bytes of a request's head
	tls     *tls.Config // nil: none
	closing func() error
	closed  chan struct{}
}

func newListener(on acceptor, headerLimit int, secure *tls.Config, log *slog.Logger) *listener {
	l := &listener{acceptor: on, most: headerLimit, tls: secure, log: log, closed: make(chan struct{})}
	l.closing = sync.OnceValue(func() error {
		close(l.closed)
		return on.Close()
	})
	return l
}

func (l *listener) Close() error { return l.closing() }

func (l *listener) Accept() (net.Conn, error) {
	const least, most = 5 * time.Millisecond, time.Second
	for delay := least; ; delay = min(2*delay, most) {
		accepted, err := l.AcceptTCP()
		if err == nil {
			return l.connection(accepted), nil
		}
		if !exhausted(err) {
			return nil, err //nolint:wrapcheck // fasthttp recognises a closed listener by its error
		}
		l.log.WarnContext(context.Background(), "connections cannot be accepted", "error", err, "again_after", delay.String())
		select {
		case <-l.closed:
			return nil, net.ErrClosed
		case <-time.After(delay):
		}
	}
}

// connection is what fasthttp gets.
func (l *listener) connection(accepted *net.TCPConn) net.Conn {
	c := &conn{TCPConn: accepted, gate: gate{from: accepted, most: l.most}}
	if l.tls == nil {
		return c
	}
	s := &secured{Conn: tls.Server(accepted, l.tls), under: c}
	c.gate.from = s.Conn
	return s
}

// exhausted reports whether a connection could not be accepted for lack of something that becomes free again.
func exhausted(err error) bool {
	for _, shortage := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, shortage) {
			return true
		}
	}
	return false
}

// connections are those that the server holds, until they are closed or hijacked.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
}

// follow is fasthttp's hook.
func (k *connections) follow(c net.Conn, state fasthttp.ConnState) {
	switch state {
	case fasthttp.StateNew:
		k.mu.Lock()
		defer k.mu.Unlock()
		k.open[c] = struct{}{}
	case fasthttp.StateHijacked, fasthttp.StateClosed:
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.open, c)
	case fasthttp.StateActive, fasthttp.StateIdle:
	}
}

func (k *connections) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.open)
}

// hurry sets the deadline of everything that is still to be read, and gives the number of connections. It does not reach handlers:
// they begin when their request has been read.
func (k *connections) hurry(until time.Time) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.open {
		_ = c.SetReadDeadline(until)
	}
	return len(k.open)
}

// cut ends the connections that remain, as their clients see it. It leaves closing them to fasthttp, which panics where it cannot set a
// deadline because the connection is closed (1.51, Server.serveConn).
func (k *connections) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.open {
		if c := connOf(c); c != nil {
			_ = c.CloseRead()
			_ = c.CloseWrite()
		}
	}
}
