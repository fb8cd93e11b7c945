package attacks

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ism-chat/ism/test/deployment"
)

// slowDeadline is when each of the slow connections must have been closed. The deadlines are 10 s for a head and 20 s for the next request.
const slowDeadline = 26 * time.Second

// slowConnections opens forty connections of each kind and waits until the other side closes them.
func slowConnections(t *testing.T, d *deployment.Deployment) {
	const each = 40
	bearer := "Authorization: Bearer " + d.Token(t, "alice") + "\r\n"
	kinds := map[string]struct{ said, drips string }{
		"nothing":                {},
		"half of a first line":   {said: "GET /hea"},
		"half of a head":         {said: "GET /health HTTP/1.1\r\nHost: x\r\n" + bearer},
		"a head, byte by byte":   {said: "GET /health HTTP/1.1\r\nHost: x\r\n", drips: "X-Slow: " + strings.Repeat("a", 100)},
		"half of a body":         {said: "POST /api/send-msg HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n" + bearer + "\r\n{"},
		"a stranger's half body": {said: "POST /api/send-msg HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"},
	}
	if behindGateway(d) { // one process by itself keeps a connection for ISM_HTTP_IDLE_TIMEOUT, which is longer than what proxies keep one
		kinds["a request, and no other"] = struct{ said, drips string }{said: "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"}
	}
	var all sync.WaitGroup
	for name, kind := range kinds {
		for range each {
			all.Go(func() {
				connection := connect(t, d)
				if connection == nil {
					return
				}
				defer connection.Close()
				begun := time.Now()
				_ = connection.SetDeadline(begun.Add(slowDeadline))
				_, _ = io.WriteString(connection, kind.said) // it may be refused meanwhile
				if kind.drips != "" {
					all.Go(func() { drip(connection, kind.drips) })
				}
				if _, err := io.Copy(io.Discard, connection); isTimeout(err) {
					t.Errorf("%s: a connection is held for more than %s", name, time.Since(begun).Round(time.Second))
				}
			})
		}
	}
	all.Wait()
}

// drip says a byte a second until nobody listens.
func drip(connection net.Conn, text string) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for _, one := range []byte(text) {
		<-second.C
		if _, err := connection.Write([]byte{one}); err != nil {
			return
		}
	}
}

// connect opens a connection to the front door. It gives nil, and an error of the test, if it cannot be had.
func connect(t *testing.T, d *deployment.Deployment) net.Conn {
	t.Helper()
	at, err := url.Parse(d.BaseURL)
	if err != nil {
		t.Error(err)
		return nil
	}
	connection, err := (&net.Dialer{Timeout: answerTimeout}).DialContext(t.Context(), "tcp", at.Host)
	if err != nil {
		t.Error(err)
		return nil
	}
	return connection
}
