package realtime_test

import (
	"bufio"
	"fmt"
	"iter"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
)

// raw is a stream of which a test reads the text itself, or does not.
type raw struct{ conn net.Conn }

func rawStream(t *testing.T, w *world, n *node, user wire.Member, header map[string]string) raw {
	t.Helper()
	all := map[string]string{"Authorization": "Bearer " + w.issuer.Token(t, user.ID, user.DisplayName)}
	maps.Copy(all, header)
	return rawRequest(t, n, all)
}

// rawRequest asks for a stream with the given header alone.
func rawRequest(t *testing.T, n *node, header map[string]string) raw {
	t.Helper()
	address, path, found := strings.Cut(strings.TrimPrefix(n.base, "http://"), "/")
	if !found {
		path = "api/sse"
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * servicetest.Timeout))
	request := fmt.Sprintf("GET /%s HTTP/1.1\r\nHost: test\r\n", path)
	for name, value := range header {
		request += name + ": " + value + "\r\n"
	}
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		t.Fatal(err)
	}
	return raw{conn}
}

// lines are the lines of the stream, without those of the answer's header, and closes the connection.
func (r raw) lines(t *testing.T) iter.Seq[string] {
	return func(yield func(string) bool) {
		defer r.conn.Close()
		lines := bufio.NewScanner(r.conn)
		lines.Buffer(nil, 1<<20)
		if !lines.Scan() || lines.Text() != "HTTP/1.1 200 OK" {
			t.Errorf("the answer is %q, %v", lines.Text(), lines.Err())
			return
		}
		for lines.Scan() && lines.Text() != "" {
			continue
		}
		for lines.Scan() {
			if !yield(lines.Text()) {
				return
			}
		}
	}
}
