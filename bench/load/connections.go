package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	maxConnections = 1000             // to the messenger at once, besides the streams
	maxIdle        = 20 * time.Second // below what servers keep an idle connection for
)

// connections send messages. An HTTP client's connection has two goroutines of its own, which all of a request goes through; here the
// sender writes and reads it.
type connections struct {
	base  string // URL without the last slash
	host  string
	dial  func(ctx context.Context) (net.Conn, error)
	slots chan struct{}

	mu   sync.Mutex
	idle []*connection
}

type connection struct {
	net.Conn
	answers *bufio.Reader
	since   time.Time // when it became idle
}

func newConnections(baseURL string) (*connections, error) {
	base, err := url.Parse(strings.TrimRight(baseURL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("%q is no base URL", baseURL)
	}
	address := base.Host
	if base.Port() == "" {
		address = net.JoinHostPort(base.Hostname(), base.Scheme)
	}
	c := &connections{base: base.String(), host: base.Host, slots: make(chan struct{}, maxConnections)}
	plain, secure := &net.Dialer{}, &tls.Dialer{}
	c.dial = func(ctx context.Context) (net.Conn, error) { return plain.DialContext(ctx, "tcp", address) }
	if base.Scheme == "https" {
		c.dial = func(ctx context.Context) (net.Conn, error) { return secure.DialContext(ctx, "tcp", address) }
	}
	return c, nil
}

// head is the constant part of a user's requests.
func (c *connections) head(token string) []byte {
	return []byte("POST /api/send-msg HTTP/1.1\r\nHost: " + c.host + "\r\nAuthorization: Bearer " + token +
		"\r\nContent-Type: application/json\r\nContent-Length: ")
}

// send sends a text, which needs no escapes in JSON, before the deadline, and gives the answer's status.
func (c *connections) send(ctx context.Context, head []byte, room uuid.UUID, text string, deadline time.Time) (status int, err error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return 0, ctx.Err() //nolint:wrapcheck // told by its kind alone
	}
	conn, err := c.take(ctx)
	if err != nil {
		return 0, err
	}
	status, keep, err := conn.exchange(head, room, text, deadline)
	if err != nil || !keep {
		_ = conn.Close()
		return status, err
	}
	c.give(conn)
	return status, nil
}

func (c *connection) exchange(head []byte, room uuid.UUID, text string, deadline time.Time) (status int, keep bool, err error) {
	if err := c.SetDeadline(deadline); err != nil {
		return 0, false, err //nolint:wrapcheck // told by its kind alone
	}
	body := `{"chatRoomId":"` + room.String() + `","msgType":"Text","msgBody":{"text":"` + text + `"}}`
	request := make([]byte, 0, len(head)+len(body)+16)
	request = append(request, head...)
	request = strconv.AppendInt(request, int64(len(body)), 10)
	request = append(request, "\r\n\r\n"...)
	request = append(request, body...)
	if _, err := c.Write(request); err != nil {
		return 0, false, err //nolint:wrapcheck // told by its kind alone
	}
	answer, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return 0, false, err //nolint:wrapcheck // told by its kind alone
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, false, err //nolint:wrapcheck // told by its kind alone
	}
	return answer.StatusCode, !answer.Close, nil
}

// take gives the connection that was used last, so that as few as possible are open.
func (c *connections) take(ctx context.Context) (*connection, error) {
	c.mu.Lock()
	for len(c.idle) > 0 {
		last := c.idle[len(c.idle)-1]
		c.idle = c.idle[:len(c.idle)-1]
		if time.Since(last.since) < maxIdle {
			c.mu.Unlock()
			return last, nil
		}
		_ = last.Close()
	}
	c.mu.Unlock()
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn, answers: bufio.NewReaderSize(conn, 2<<10)}, nil
}

func (c *connections) give(conn *connection) {
	conn.since = time.Now()
	c.mu.Lock()
	c.idle = append(c.idle, conn)
	c.mu.Unlock()
}

func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.idle {
		_ = conn.Close()
	}
	c.idle = nil
}

// failure names what became of a send that was not acknowledged.
func failure(status int, err error) string {
	switch {
	case err == nil:
		return strconv.Itoa(status)
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	default:
		return "connection"
	}
}
