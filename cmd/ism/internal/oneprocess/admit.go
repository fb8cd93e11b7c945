package oneprocess

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// admitWithin is how long a connection may take to prove itself.
	admitWithin = 10 * time.Second
	// strangersBytes is the most that a request has before that; those of a client of the process have some 300 bytes.
	strangersBytes = 16 << 10
	// requestBytes is the most that a request has, as Kafka's own socket.request.max.bytes.
	requestBytes = 100 << 20
	// proofs is how many SaslAuthenticate requests SCRAM takes (RFC 5802, section 3). The broker closes the connection at the first that is wrong.
	proofs = 2
)

// admit listens for the broker. The broker believes what connects to it to be a Kafka client: it takes memory for a request of any size, and ends the process
// at one of an unknown kind, before it asks who that is. So it is given only connections that hand it what it can take.
func admit(network, address string) (net.Listener, error) {
	listener, err := net.Listen(network, address) //nolint:noctx // kfake gives no context
	if err != nil {
		return nil, err //nolint:wrapcheck // the broker's start says what it was doing
	}
	return admitting{listener}, nil
}

type admitting struct{ net.Listener }

// Accept implements [net.Listener].
func (a admitting) Accept() (net.Conn, error) {
	accepted, err := a.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // it is the listener
	}
	if err := accepted.SetReadDeadline(time.Now().Add(admitWithin)); err != nil {
		_ = accepted.Close() // the broker finds it closed
	}
	return &admittedConn{Conn: accepted}, nil
}

// admittedConn looks at the head of each request before the broker sees any of it. One goroutine reads it.
type admittedConn struct {
	net.Conn

	head   [headBytes]byte
	unread []byte // of the head
	body   int    // bytes of the request behind the head that were not read yet
	proven int    // SaslAuthenticate requests so far
}

// A request begins with how long what follows is, in 4 bytes, and its kind, in 2.
const headBytes, kindAt = 6, 4

var errNotAdmitted = errors.New("the connection is of no client of this process")

// Read implements [net.Conn].
func (c *admittedConn) Read(into []byte) (int, error) {
	if len(c.unread) == 0 && c.body == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if len(c.unread) > 0 {
		n := copy(into, c.unread)
		c.unread = c.unread[n:]
		return n, nil
	}
	n, err := c.Conn.Read(into[:min(len(into), c.body)])
	c.body -= n
	return n, err //nolint:wrapcheck // it is the connection
}

// next reads the head of the next request.
func (c *admittedConn) next() error {
	if _, err := io.ReadFull(c.Conn, c.head[:]); err != nil {
		return err //nolint:wrapcheck // it is the connection
	}
	length, kind := binary.BigEndian.Uint32(c.head[:]), kmsg.Key(binary.BigEndian.Uint16(c.head[kindAt:]))
	limit := uint32(requestBytes)
	if c.proven < proofs {
		limit = strangersBytes
	}
	if length < headBytes-kindAt || length > limit || !c.mayAsk(kind) {
		return fmt.Errorf("%w: it asks for %d, with %d bytes", errNotAdmitted, kind, length)
	}
	if kind == kmsg.SASLAuthenticate {
		if c.proven++; c.proven == proofs {
			if err := c.SetReadDeadline(time.Time{}); err != nil {
				return err //nolint:wrapcheck // it is the connection
			}
		}
	}
	c.unread, c.body = c.head[:], int(length)-(headBytes-kindAt)
	return nil
}

func (c *admittedConn) mayAsk(kind kmsg.Key) bool {
	switch kind {
	case kmsg.ApiVersions, kmsg.SASLHandshake, kmsg.SASLAuthenticate:
		return true
	default:
		return c.proven >= proofs && kmsg.RequestForKey(kind.Int16()) != nil
	}
}
