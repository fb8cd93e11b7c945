package deployment

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Whoever asks too much is told so in a way that pages can read, by address, whatever is written into Authorization, and hurts nobody else.
func TestGatewayLimitsAnAddress(t *testing.T) {
	t.Parallel()
	g := startGateway(t, map[string]string{"GATEWAY_RATE_ADDRESS": "1", "GATEWAY_BURST_ADDRESS": "20", "GATEWAY_TRUSTED_PROXIES": "127.0.0.9"})
	origin := "Origin: https://app.example.com"
	flood := func(from string, header func(i int) string) (served int) {
		for i := range 60 {
			response := g.askFrom(t, from, line("GET", "/api/rooms", origin, header(i)))
			if response.StatusCode == http.StatusOK {
				served++
				continue
			}
			var problem struct{ Code string }
			if err := json.NewDecoder(response.Body).Decode(&problem); err != nil || response.StatusCode != http.StatusTooManyRequests ||
				problem.Code != "too-many-requests" || response.Header.Get("Retry-After") != "1" ||
				response.Header.Get("Access-Control-Allow-Origin") != "https://app.example.com" ||
				!strings.Contains(response.Header.Get("Access-Control-Expose-Headers"), "Retry-After") {
				t.Fatalf("%d %v %v %+v", response.StatusCode, response.Header, err, problem)
			}
		}
		return served
	}
	tokens := []string{"Authorization: Bearer a.b.%d", "Authorization: bearer a.b.%d", "Authorization: Bearer  a.b.%d", "X-A: %d", "X-Forwarded-For: 192.0.2.%d"}
	for name, test := range map[string]struct {
		from   string
		header func(i int) string
	}{
		"tokens that are all new":           {"127.0.0.2", func(i int) string { return fmt.Sprintf(tokens[i%len(tokens)], i) }},
		"one network of IPv6, by a proxy":   {"127.0.0.9", func(i int) string { return fmt.Sprintf("X-Forwarded-For: 2001:db8::%x", i+1) }},
		"one address of IPv4, by the proxy": {"127.0.0.9", func(int) string { return "X-Forwarded-For: 192.0.2.77" }},
	} {
		if served := flood(test.from, test.header); served < 20 || served > 50 {
			t.Errorf("%s: %d of 60 were served", name, served)
		}
	}
	if served := flood("127.0.0.9", func(i int) string { return fmt.Sprintf("X-Forwarded-For: 2001:db8:0:%x::1", i+1) }); served != 60 {
		t.Errorf("networks of IPv6 that are all others: %d of 60 were served", served)
	}
	if served := flood("127.0.0.9", func(i int) string { return fmt.Sprintf("X-Forwarded-For: ::ffff:198.51.100.%d", i+1) }); served != 60 {
		t.Errorf("addresses of IPv4 in another form: %d of 60 were served", served)
	}
	if response := g.askFrom(t, "127.0.0.3", line("GET", "/api/rooms")); response.StatusCode != http.StatusOK {
		t.Errorf("another address: %d", response.StatusCode)
	}
	if response := g.askFrom(t, "127.0.0.2", line("OPTIONS", "/api/rooms", origin, "Access-Control-Request-Method: GET")); response.StatusCode != http.StatusOK {
		t.Errorf("a preflight of an address over its limit: %d, and so its page cannot read why", response.StatusCode)
	}
}

// Streams of an address have a limit of their own. What is over it is a problem, and other requests and other addresses go on.
func TestGatewayLimitsStreamsOfAnAddress(t *testing.T) {
	t.Parallel()
	g := startGateway(t, map[string]string{"GATEWAY_STREAMS_ADDRESS": "5"})
	stream := line("GET", "/api/sse", "Origin: https://app.example.com")
	for i := range 5 {
		if response := g.askFrom(t, "127.0.0.2", stream); response.StatusCode != http.StatusOK {
			t.Fatalf("stream %d: %d", i, response.StatusCode)
		}
	}
	for _, target := range []string{"/api/sse", "/api/poll", "/api/%73se"} {
		response := g.askFrom(t, "127.0.0.2", line("GET", target, "Origin: https://app.example.com"))
		if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") != "5" ||
			response.Header.Get("Access-Control-Allow-Origin") == "" || response.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s beside 5 streams: %d %v", target, response.StatusCode, response.Header)
		}
	}
	if response := g.askFrom(t, "127.0.0.2", line("GET", "/api/rooms")); response.StatusCode != http.StatusOK {
		t.Errorf("a request beside the streams: %d", response.StatusCode)
	}
	if response := g.askFrom(t, "127.0.0.3", stream); response.StatusCode != http.StatusOK {
		t.Errorf("a stream of another address: %d", response.StatusCode)
	}
}

// Requests that one address leaves half sent are as many as its connections may be, and nobody else notices.
func TestGatewayLimitsBodiesThatDoNotCome(t *testing.T) {
	t.Parallel()
	g := startGateway(t, map[string]string{"GATEWAY_CONNECTIONS_ADDRESS": "20"})
	half := line("POST", "/api/send-msg", "Content-Length: 1000") + "{"
	var held []net.Conn
	for range 60 {
		connection := g.dial(t, "127.0.0.2")
		if _, err := io.WriteString(connection, half); err == nil {
			held = append(held, connection)
		}
	}
	var waiting atomic.Int64
	var all sync.WaitGroup
	answered := time.Now().Add(5 * time.Second) // less than nginx waits for the rest of a request
	for _, connection := range held {
		_ = connection.SetReadDeadline(answered)
		all.Go(func() {
			if _, err := connection.Read(make([]byte, 1)); isTimeout(err) {
				waiting.Add(1) // the others have a 429, or were closed
			}
		})
	}
	all.Wait()
	if n := waiting.Load(); n > 20 {
		t.Errorf("%d requests of one address are held half sent, want at most 20", n)
	}
	if response := g.askFrom(t, "127.0.0.3", line("GET", "/api/rooms")); response.StatusCode != http.StatusOK {
		t.Errorf("another address: %d", response.StatusCode)
	}
}

// Thousands of connections of one address that say half a word, or nothing, are closed by their deadline, or at once where nginx can count
// them (entrypoint/15-settings.envsh), and whoever else asks meanwhile is served.
func TestGatewayServesOthersBesideSlowConnections(t *testing.T) {
	t.Parallel()
	const slow, most = 3000, 500
	g := startGateway(t, map[string]string{"GATEWAY_CONNECTIONS_ADDRESS": fmt.Sprint(most)})
	alone := g.latencies(t, "127.0.0.3", 200)
	var all sync.WaitGroup
	var mu sync.Mutex
	var connections []net.Conn
	for worker := range 4 {
		all.Go(func() {
			for i := worker; i < slow; i += 4 {
				connection, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}, Timeout: 10 * time.Second}).Dial("tcp", g.address)
				if err != nil {
					continue // refused, which is as well
				}
				if i%3 != 0 { // a third of them says nothing at all
					_, _ = io.WriteString(connection, "GET /api/rooms HTTP/1.1\r\nHost: ism\r\nX-A: b\r\n")
				}
				mu.Lock()
				connections = append(connections, connection)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	t.Cleanup(func() {
		for _, connection := range connections {
			_ = connection.Close()
		}
	})
	begun := time.Now()
	beside := g.latencies(t, "127.0.0.3", 200)
	t.Logf("p50 and p99 of another address: %v %v alone, %v %v beside %d slow connections", alone[100], alone[198], beside[100], beside[198], slow)

	if open := stillOpen(connections, time.Now().Add(5*time.Second)); g.counts && open > most {
		t.Errorf("%d connections of one address are held, want at most %d", open, most)
	}
	if open := stillOpen(connections, begun.Add(25*time.Second)); open != 0 {
		t.Errorf("%d half-sent heads are held after 25 s, and their deadline is 10", open)
	}
}

// stillOpen is how many connections the other side has not closed by then.
func stillOpen(connections []net.Conn, then time.Time) int64 {
	var open atomic.Int64
	var all sync.WaitGroup
	for _, connection := range connections {
		_ = connection.SetReadDeadline(then)
		all.Go(func() {
			if _, err := io.Copy(io.Discard, connection); isTimeout(err) {
				open.Add(1)
			}
		})
	}
	all.Wait()
	return open.Load()
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// latencies are those of requests one after another, each on a connection of its own, the shortest first.
func (g *gateway) latencies(t *testing.T, from string, count int) []time.Duration {
	t.Helper()
	var all []time.Duration
	for range count {
		begun := time.Now()
		if response := g.askFrom(t, from, line("GET", "/api/rooms", "Connection: close")); response.StatusCode != http.StatusOK {
			t.Fatalf("%d for %s", response.StatusCode, from)
		}
		all = append(all, time.Since(begun))
	}
	slices.Sort(all)
	return all
}
