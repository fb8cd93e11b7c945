package deployment

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/wire"
)

// gateway is nginx in front of servers that answer with the name of the service they stand for.
type gateway struct {
	address string
	decides string       // the address of a server that answers with whether the request would be recorded
	counts  bool         // connections before they have said anything
	seen    atomic.Int64 // requests that came to services
	dropped atomic.Int64 // POSTs that a service took and did not answer
}

func startGateway(t *testing.T, settings ...map[string]string) *gateway {
	t.Helper()
	if _, err := exec.LookPath("nginx"); err != nil && !exists("/usr/sbin/nginx") && os.Getenv("ISM_TEST_REQUIRE_ENGINES") != "1" {
		t.Skip("NOT PROVED without nginx: run make test")
	}
	g := &gateway{address: FreeAddress(t), decides: FreeAddress(t)}
	upstreams := map[string]string{}
	for _, name := range []string{"rooms", "messages", "realtime", "notifications", "media", "keycloak", "s3"} {
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.seen.Add(1)
			if r.URL.Query().Has("drop") {
				if r.Method == http.MethodPost {
					g.dropped.Add(1)
				}
				panic(http.ErrAbortHandler)
			}
			w.Header().Set("X-Service", name)
			w.Header().Set("X-Saw-Request-Id", r.Header.Get("X-Request-Id"))
			w.Header().Set("X-Saw-Traceparent", r.Header.Get("Traceparent"))
			w.Header().Set("X-Saw-Authorization", r.Header.Get("Authorization"))
			w.Header().Set("X-Saw-Host", r.Host)
			for header, values := range r.Header {
				if !slices.Contains([]string{"X-Request-Id", "Authorization", "Accept-Encoding", "Origin", "Traceparent"}, header) {
					w.Header()["X-Saw-All-"+header] = values
				}
			}
			fmt.Fprint(w, "data: first\n\n")
			if r.URL.Path == "/api/sse" {
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}
		}))
		t.Cleanup(service.Close)
		upstreams[name] = service.Listener.Addr().String()
	}
	process := gatewayProcess(t, t.TempDir(), g.address, upstreams, settings...)
	beside := fmt.Sprintf("server { listen %s; location / { return 200 $gateway_recorded; } }\n", g.decides)
	if err := os.WriteFile(filepath.Join(filepath.Dir(process.args[1]), "conf.d", "beside.conf"), []byte(beside), 0o600); err != nil {
		t.Fatal(err)
	}
	g.counts = exists(filepath.Join(filepath.Dir(process.args[1]), "conf.d", "connections.main"))
	process.logFile = filepath.Join(t.TempDir(), "gateway.log")
	process.start(t)
	t.Cleanup(func() { process.stop(t) })
	process.awaitReady(t, &http.Client{Timeout: 5 * time.Second})
	return g
}

// ask sends the bytes as they are, which no HTTP client would.
func (g *gateway) ask(t *testing.T, request string) *http.Response {
	t.Helper()
	return g.askFrom(t, "127.0.0.1", request)
}

func line(method, target string, headers ...string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: ism\r\n%s\r\n", method, target, strings.Join(append(headers, ""), "\r\n"))
}

func TestGatewayPassesEachRouteToItsService(t *testing.T) {
	g := startGateway(t)
	for target, service := range map[string]string{
		"/": "rooms", "/health": "rooms", "/api/rooms": "rooms", "/api/rooms/1/users": "rooms", "/api/users/1": "rooms", "/api/admin/users/1": "rooms", "/api/admin/users:sync": "rooms",
		"/api/admin/users/1/disconnect": "realtime", "/api/admin/users/1/export": "rooms", "/api/admin/users/1/messages": "messages",
		"/api/admin/users/1/notifications": "notifications", "/api/admin/users/1/notifications/unread": "notifications", "/api/admin/users/1/devices/phone": "notifications",
		"/api/admin/rooms": "rooms", "/api/admin/rooms/1": "rooms", "/api/admin/rooms/1/members/2": "rooms", "/api/admin/rooms/1/retention": "messages",
		"/api/rooms/1/timelines": "rooms", "/api/rooms/1/timeline": "messages", "/api/rooms/1/timeline?limit=5": "messages",
		"/api/rooms/1/messages/2": "messages", "/api/rooms/1/messages": "rooms",
		"/api/send-msg": "messages", "/api/sse": "realtime", "/api/notify": "notifications", "/api/notifications": "notifications",
		"/hooks/shop":         "notifications",
		"/api/admin/webhooks": "notifications", "/api/admin/webhooks/1/deliveries": "notifications",
		"/api/media": "media", "/api/media/1/parts": "media", "/api/media/rooms/1/2.jpg": "media", "/api/rooms/1/upload-img": "media", "/api/rooms/1/upload-imgs": "rooms",
		"/ism-media/1/2/original?X-Amz-Signature=3": "s3",
		"/api/devices": "notifications", "/api/devices/vapid": "notifications", "/api/notify/settings": "notifications",
	} {
		response := g.ask(t, line("GET", target))
		if got := response.Header.Get("X-Service"); response.StatusCode != http.StatusOK || got != service {
			t.Errorf("%s: %d from %q, want it from %s", target, response.StatusCode, got, service)
		}
	}
	response := g.ask(t, line("GET", "/api/rooms", "X-Request-Id: a-1"))
	if response.Header.Get("X-Saw-Request-Id") != "a-1" {
		t.Errorf("the service saw %v", response.Header)
	}
	response = g.ask(t, line("GET", "/api/rooms", `X-Request-Id: a"b`))
	if got := response.Header.Get("X-Saw-Request-Id"); len(got) != 32 {
		t.Errorf("the service saw request id %q for one that cannot be used", got)
	}
}

// A client that is led from the API to a signed address at the same host sends its token there, too.
func TestGatewayKeepsTokensFromTheObjectStore(t *testing.T) {
	g := startGateway(t)
	for target, token := range map[string]string{"/api/media/1": "Bearer abc", "/ism-media/1/2/original?X-Amz-Signature=3": ""} {
		response := g.ask(t, line("GET", target, "Authorization: Bearer abc"))
		if got := response.Header.Get("X-Saw-Authorization"); response.StatusCode != http.StatusOK || got != token || response.Header.Get("X-Saw-Host") != "ism" {
			t.Errorf("%s: %d, and it saw %q at %q", target, response.StatusCode, got, response.Header.Get("X-Saw-Host"))
		}
	}
}

// A room's picture is the largest body that passes the gateway to a service.
func TestGatewayTakesAPictureOfFiveMegabytes(t *testing.T) {
	g := startGateway(t)
	body := strings.Repeat("a", 5<<20+64<<10)
	response := g.ask(t, line("POST", "/api/rooms/1/upload-img", fmt.Sprintf("Content-Length: %d", len(body)))+body)
	if got := response.Header.Get("X-Service"); response.StatusCode != http.StatusOK || got != "media" {
		t.Errorf("%d from %q", response.StatusCode, got)
	}
}

func TestGatewayPassesAStreamOnAsItComes(t *testing.T) {
	g := startGateway(t)
	first := make([]byte, len("data: first\n\n"))
	if _, err := io.ReadFull(g.ask(t, line("GET", "/api/sse", "Accept-Encoding: gzip")).Body, first); err != nil {
		t.Fatalf("read the first event of a stream that goes on: %v", err)
	}
}

func TestGatewayRefusesInProblems(t *testing.T) {
	g := startGateway(t, map[string]string{"KEYCLOAK_UPSTREAM": FreeAddress(t)}) // nobody
	long := strings.Repeat("a", 40<<10)
	for name, test := range map[string]struct {
		request string
		status  int
		code    string
	}{
		"unknown route":          {line("GET", "/nothing?token=x"), 404, "not-found"},
		"a quote in the path":    {line("GET", `/no"thing`), 404, "not-found"},
		"its own refusal":        {line("GET", "/-/problem"), 404, "not-found"},
		"path above the root":    {line("GET", "/../../etc/passwd"), 400, "bad-request"},
		"NUL in the path":        {line("GET", "/api/rooms/%00"), 400, "bad-request"},
		"half an escape":         {line("GET", "/%"), 400, "bad-request"},
		"no request at all":      {"HELLO\r\n\r\n", 400, "bad-request"},
		"no host":                {"GET /api/rooms HTTP/1.1\r\n\r\n", 400, "bad-request"},
		"HTTP/3.0 in a line":     {"GET /api/rooms HTTP/3.0\r\nHost: ism\r\n\r\n", 400, "bad-request"},
		"unknown encoding":       {line("POST", "/api/send-msg", "Transfer-Encoding: foo"), 400, "bad-request"},
		"two kinds of length":    {line("POST", "/api/send-msg", "Content-Length: 3", "Transfer-Encoding: chunked"), 400, "bad-request"},
		"TRACE":                  {line("TRACE", "/api/rooms"), 405, "method-not-allowed"},
		"body over the limit":    {line("POST", "/api/send-msg", "Content-Length: 300000"), 413, "body-too-large"},
		"headers too large":      {line("GET", "/api/rooms", "X: "+long), 431, "headers-too-large"},
		"path too long":          {line("GET", "/api/rooms?"+long), 431, "headers-too-large"},
		"picture over 6 MB":      {line("POST", "/api/rooms/1/upload-img", "Content-Length: 6300000"), 413, "body-too-large"},
		"medium through the API": {line("POST", "/api/media", "Content-Length: 300000"), 413, "body-too-large"},
		"nobody is there":        {line("GET", "/realms/ism"), 503, "service-unavailable"},
		"dropped by a service":   {line("GET", "/api/rooms?drop"), 503, "service-unavailable"},
		"dropped after a write":  {line("POST", "/api/send-msg?drop", "Content-Length: 0"), 503, "service-unavailable"},
	} {
		response := g.ask(t, test.request)
		var problem struct {
			Status                   int
			Code, ErrorCode, TraceID string
			Timestamp                string
		}
		if err := json.NewDecoder(response.Body).Decode(&problem); err != nil {
			t.Errorf("%s: %d with no problem: %v", name, response.StatusCode, err)
			continue
		}
		if response.StatusCode != test.status || problem.Status != test.status || problem.Code != test.code ||
			problem.ErrorCode != strings.ToUpper(strings.ReplaceAll(test.code, "-", "_")) || len(problem.TraceID) != 32 ||
			response.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d, %s, %+v, want %d %s", name, response.StatusCode, response.Header.Get("Content-Type"), problem, test.status, test.code)
		}
		if at, err := time.Parse(time.RFC3339, problem.Timestamp); err != nil || wire.At(at).String() != problem.Timestamp || time.Since(at).Abs() > time.Hour {
			t.Errorf("%s: timestamp %q, %v", name, problem.Timestamp, err)
		}
		if (test.status == 503) != (response.Header.Get("Retry-After") != "") || (test.status == 405) != (response.Header.Get("Allow") != "") {
			t.Errorf("%s: headers %v", name, response.Header)
		}
	}
	if got := g.dropped.Load(); got != 1 {
		t.Errorf("a POST was dropped by a service, and it saw %d: it was sent again", got)
	}
}

// What the gateway refuses itself a page must be able to read, above all when it is to try again.
func TestGatewayLetsPagesReadItsRefusals(t *testing.T) {
	g := startGateway(t, map[string]string{"KEYCLOAK_UPSTREAM": FreeAddress(t)}) // nobody
	for origin, allowed := range map[string]bool{
		"https://app.example.com": true, "capacitor://localhost": true,
		"https://app.example.co": false, "pp.example.com": false, "https://app.example.com,": false, "https://evil.example.com": false, "null": false, "": false,
	} {
		response := g.ask(t, line("GET", "/realms/ism", "Origin: "+origin))
		want, exposed := "", false
		if allowed {
			want, exposed = origin, true
		}
		header := response.Header
		if got := header.Get("Access-Control-Allow-Origin"); response.StatusCode != http.StatusServiceUnavailable || got != want ||
			strings.Contains(header.Get("Access-Control-Expose-Headers"), "Retry-After") != exposed || !strings.Contains(header.Get("Vary"), "Origin") {
			t.Errorf("from %q: %d %v", origin, response.StatusCode, header)
		}
	}
}

// Where one replica of a service does not listen, as while it starts, nobody notices; what may not be done twice is passed on once all the same.
func TestGatewayGoesOnToAReplicaThatListens(t *testing.T) {
	var seen atomic.Int64
	replica := func() string {
		service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("drop") {
				seen.Add(1)
				panic(http.ErrAbortHandler)
			}
		}))
		t.Cleanup(service.Close)
		return service.Listener.Addr().String()
	}
	const next = " max_fails=0; server " // a group of two, as names that have two addresses make it
	g := startGateway(t, map[string]string{"ROOMS_UPSTREAM": replica() + next + FreeAddress(t), "MESSAGES_UPSTREAM": replica() + next + replica()})
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		for range 10 {
			if response := g.ask(t, line(method, "/api/rooms", "Content-Length: 0")); response.StatusCode != http.StatusOK {
				t.Errorf("%s beside a replica that does not listen: %s", method, response.Status)
			}
		}
	}
	for method, again := range map[string]bool{"GET": true, "PUT": true, "DELETE": true, "POST": false, "PATCH": false} {
		seen.Store(0)
		response := g.ask(t, line(method, "/api/rooms/1/messages/2?drop", "Content-Length: 0"))
		if got := seen.Load(); response.StatusCode != http.StatusServiceUnavailable || (got > 1) != again {
			t.Errorf("%s that all replicas drop: %s, and they saw it %d times", method, response.Status, got)
		}
	}
}
