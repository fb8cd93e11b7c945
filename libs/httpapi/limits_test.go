package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

// noErrors checks that a client's fault was nobody's alarm.
func (f *fixture) noErrors(t *testing.T) {
	t.Helper()
	if text := f.log.String(); strings.Contains(text, `"level":"ERROR"`) || strings.Contains(text, `"level":"WARN"`) {
		t.Errorf("a client's fault was logged as ours: %s", text)
	}
}

func TestLargeBodiesAreRefused(t *testing.T) {
	f := serve(t, echo)
	for _, size := range []int{64<<10 + 1, 1 << 20, 10 << 20} {
		body := strings.Repeat("a", size)
		got := f.do(t, http.MethodPost, "/echo", body, "Content-Type", "application/json", "X-Request-Id", "r-413")
		problem := got.problem(t, http.StatusRequestEntityTooLarge, "body-too-large")
		if problem["path"] != "/echo" || got.header.Get("X-Request-Id") != "r-413" {
			t.Errorf("%v %v", problem, got.header)
		}
		chunked := f.request(t, http.MethodPost, "/echo", "", "Content-Type", "application/json")
		chunked.Body, chunked.ContentLength = io.NopCloser(strings.NewReader(body)), -1
		f.send(t, chunked).problem(t, http.StatusRequestEntityTooLarge, "body-too-large")
		f.do(t, http.MethodPost, "/nonsense", body, "Expect", "100-continue").problem(t, http.StatusRequestEntityTooLarge, "body-too-large")
	}
	record := f.log.await(t, "request", func(r map[string]any) bool { return r["request_id"] == "r-413" })
	if record["level"] != "INFO" || record["status"] != 413.0 || record["method"] != "POST" || record["route"] != noRoute || record["code"] != "body-too-large" {
		t.Error(record)
	}
	f.noErrors(t)
	if got := f.do(t, http.MethodPost, "/echo", `{"text":"`+strings.Repeat("a", 64<<10-11)+`"}`, "Content-Type", "application/json"); got.status != http.StatusOK {
		t.Errorf("a body of the limit: %d %s", got.status, got.body)
	}
}

func TestLargeHeadersAreRefused(t *testing.T) {
	f := serve(t, echo)
	for _, size := range []int{16 << 10, 1 << 20} {
		f.do(t, http.MethodGet, "/health", "", "X-Large", strings.Repeat("a", size)).
			problem(t, http.StatusRequestHeaderFieldsTooLarge, "headers-too-large")
	}
	f.do(t, http.MethodGet, "/"+strings.Repeat("a", 16<<10), "").problem(t, http.StatusRequestHeaderFieldsTooLarge, "headers-too-large")
	if got := f.do(t, http.MethodGet, "/health", "", "X-Large", strings.Repeat("a", 15<<10)); got.status != http.StatusOK {
		t.Errorf("15 KB: %d %s", got.status, got.body)
	}
	f.noErrors(t)
}

func TestSlowRequestsAreEnded(t *testing.T) {
	const limit = 300 * time.Millisecond
	f := serve(t, echo, func(cfg *Config, _ *Deps) { cfg.ReadTimeout = limit })
	for name, head := range map[string]string{
		"a header that trickles": "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"a body that trickles":   "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
		"nothing":                "",
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			connection := f.connect(t)
			write(t, connection, head)
			stop := make(chan struct{})
			defer close(stop)
			if head != "" {
				go func() {
					tick := time.NewTicker(limit / 10)
					defer tick.Stop()
					for {
						select {
						case <-stop:
							return
						case <-tick.C:
							if _, err := io.WriteString(connection, "a"); err != nil {
								return
							}
						}
					}
				}()
			}
			response, err := http.ReadResponse(bufio.NewReader(connection), nil)
			if err != nil {
				t.Fatal(err)
			}
			read(t, response).problem(t, http.StatusRequestTimeout, "request-timeout")
			if took := time.Since(begun); took < limit || took > limit+9*time.Second {
				t.Errorf("ended after %s", took)
			}
		})
	}
	f.noErrors(t)
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	f := serve(t, nil, func(cfg *Config, _ *Deps) { cfg.IdleTimeout = 100 * time.Millisecond })
	connection := f.connect(t)
	write(t, connection, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
	rest, err := io.ReadAll(connection)
	if err != nil || !strings.HasSuffix(string(rest), "\r\n\r\nHealthy") {
		t.Errorf("%s, %v", rest, err)
	}
}

func TestWrongMethods(t *testing.T) {
	f := serve(t, echo)
	for _, c := range []struct{ method, path, allow string }{
		{"GET", "/echo", "POST"},
		{"PUT", "/echo", "POST"},
		{"DELETE", "/echo", "POST"},
		{"OPTIONS", "/echo", "POST"},
		{"HEAD", "/echo", "POST"},
		{"POST", "/things/7", "GET, HEAD"},
		{"POST", "/", "GET, HEAD"},
		{"TRACE", "/health", "GET, HEAD"},
	} {
		got := f.do(t, c.method, c.path, "")
		if allow := got.header.Get("Allow"); allow != c.allow {
			t.Errorf("%s %s: Allow %q, want %q", c.method, c.path, allow, c.allow)
		}
		if c.method == http.MethodHead {
			if got.status != http.StatusMethodNotAllowed || len(got.body) > 0 {
				t.Errorf("HEAD: %d %s", got.status, got.body)
			}
			continue
		}
		got.problem(t, http.StatusMethodNotAllowed, "method-not-allowed")
	}
	f.do(t, "GET", "/nonsense", "").problem(t, http.StatusNotFound, "not-found")
	f.do(t, "BREW", "/echo", "").problem(t, http.StatusBadRequest, "bad-request")
	f.noErrors(t)
}

// TestNoise sends what is no HTTP, or breaks off: an answer at most, and no alarm.
func TestNoise(t *testing.T) {
	f := serve(t, echo)
	head := "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for name, c := range map[string]struct{ raw, answer string }{
		"garbage":                  {"\x16\x03\x01\x02\x00\x01\xfc\x03\x03\r\n\r\n", "400"},
		"a NUL in the line":        {"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		"no length that is one":    {head + "Content-Length: -1\r\n\r\n{}", ""},
		"a length of letters":      {head + "Content-Length: ten\r\n\r\n{}", "400"},
		"a bad chunk":              {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
		"half a body, then an end": {head + "Content-Length: 10\r\n\r\n{}", ""},
		"half a header":            {"POST /echo HT", ""},
		"an enormous length":       {head + "Content-Length: 99999999999999\r\n\r\n{}", "413"},
	} {
		t.Run(name, func(t *testing.T) {
			connection := f.connect(t)
			write(t, connection, c.raw)
			if err := connection.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(connection)
			if err != nil {
				t.Fatal(err)
			}
			if status := "HTTP/1.1 " + c.answer; c.answer != "" && (!strings.HasPrefix(string(got), status) || !strings.Contains(string(got), mimeProblem)) {
				t.Errorf("%s", got)
			}
			if strings.Contains(string(got), " 500 ") || strings.Contains(string(got), " 502 ") || strings.Contains(string(got), "error when reading") {
				t.Errorf("%s", got)
			}
		})
	}
	reset := f.connect(t)
	write(t, reset, head+"Content-Length: 10\r\n\r\n{}")
	if err := reset.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := reset.Close(); err != nil {
		t.Fatal(err)
	}
	if got := f.do(t, http.MethodGet, "/health", ""); got.status != http.StatusOK {
		t.Error(got.status)
	}
	if err := f.stop(t); err != nil {
		t.Error(err)
	}
	f.noErrors(t)
	if text := f.log.String(); strings.Contains(text, `"status":5`) {
		t.Errorf("a client's fault was answered as ours: %s", text)
	}
}

// TestValuesOutliveTheirRequest guards against fasthttp's memory, which the next request of a connection overwrites.
func TestValuesOutliveTheirRequest(t *testing.T) {
	var kept []string
	f := serve(t, func(app *fiber.App) {
		app.Post("/keep/:name", func(c *fiber.Ctx) error {
			kept = append(kept, c.Params("name"), c.Query("q"), c.Get("X-Kept"), c.Path(), c.OriginalURL())
			return nil
		})
	})
	var want []string
	for i := range 20 {
		name := fmt.Sprintf("name-%d", i)
		f.do(t, http.MethodPost, "/keep/"+name+"?q="+name, "", "X-Kept", name)
		want = append(want, name, name, name, "/keep/"+name, "/keep/"+name+"?q="+name)
	}
	if strings.Join(kept, " ") != strings.Join(want, " ") {
		t.Errorf("%q", kept)
	}
}
