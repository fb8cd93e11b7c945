package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestAPortInUseIsAClearError(t *testing.T) {
	f := serve(t, nil)
	cfg := testConfig()
	cfg.Address = f.Address()
	err := New(cfg, Deps{Service: "test", Telemetry: telemetry.Discard(nil)}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "listen on "+cfg.Address) || !strings.Contains(err.Error(), "address already in use") {
		t.Error(err)
	}
}

func TestRunEndsAtOnceWhenItIsToldToBeforeItBegins(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := New(testConfig(), Deps{Service: "test", Telemetry: telemetry.Discard(nil)}).Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestRunEndsWhenItIsToldToWhileItBegins(t *testing.T) {
	for range 50 {
		s := New(testConfig(), Deps{Service: "test", Telemetry: telemetry.Discard(nil)})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		<-s.Listening()
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(timeout):
			t.Fatal("the server does not stop")
		}
	}
}

func TestRunTellsThatItsListenerEnded(t *testing.T) {
	f := serve(t, nil)
	if err := f.listener.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-f.ended:
	case <-time.After(timeout):
		t.Fatal("it serves nobody, and does not say so")
	}
	if f.err == nil || !strings.Contains(f.err.Error(), "the listener has ended") {
		t.Error(f.err)
	}
	f.err = nil
}

// hold has a route that answers when it is let go.
type hold struct {
	entered, leave chan struct{}
}

func newHold() *hold { return &hold{entered: newChannel(), leave: newChannel()} }

func (h *hold) mount(app *fiber.App) {
	app.Get("/hold", func(c *fiber.Ctx) error {
		close(h.entered)
		<-h.leave
		return c.SendString("done")
	})
}

func TestRequestsUnderWayAreFinished(t *testing.T) {
	h := newHold()
	f := serve(t, h.mount)
	connection := f.connect(t)
	write(t, connection, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
	<-h.entered
	f.cancel()
	servicetest.Await(t, "an end of listening", func() bool {
		more, err := net.Dial("tcp", f.Address())
		if err == nil {
			_ = more.Close()
		}
		return err != nil
	})
	select {
	case <-f.ended:
		t.Fatal("it ended with a request under way")
	default:
	}
	close(h.leave)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, response); got.status != http.StatusOK || string(got.body) != "done" || !response.Close {
		t.Errorf("%d %s %v", got.status, got.body, got.header)
	}
	if err := f.stop(t); err != nil {
		t.Error(err)
	}
}

func TestConnectionsWithoutRequestsDoNotHoldUpTheEnd(t *testing.T) {
	f := serve(t, echo)
	silent := f.connect(t)
	idle := f.connect(t)
	write(t, idle, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(idle), nil); err != nil {
		t.Fatal(err)
	}
	half := f.connect(t)
	write(t, half, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	refused := f.connect(t)
	write(t, refused, "garbage\r\n\r\n")
	servicetest.Await(t, "four connections", func() bool {
		f.connections.mu.Lock()
		defer f.connections.mu.Unlock()
		return len(f.connections.open) == 4
	})
	begun := time.Now()
	if err := f.stop(t); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > timeout/2 { // that is less than any of them may take by itself
		t.Errorf("the end took %s", took)
	}
	for name, connection := range map[string]net.Conn{"silent": silent, "idle": idle, "half": half, "refused": refused} {
		if _, err := io.Copy(io.Discard, connection); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARequestThatArrivesWhileStoppingIsAnswered(t *testing.T) {
	f := serve(t, echo)
	connection := f.connect(t)
	write(t, connection, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"text\"")
	servicetest.Await(t, "a connection", func() bool { return f.connections.count() == 1 })
	f.cancel()
	<-f.listener.closed
	write(t, connection, `:"a"}`)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, response); got.status != http.StatusOK || string(got.body) != "a" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A gateway keeps connections, and may use one just as the server is told to stop.
func TestAConnectionThatIsKeptIsAnsweredOnceMoreWhileStopping(t *testing.T) {
	f := serve(t, echo)
	f.KeepConnections(timeout)
	connection, never := f.connect(t), f.connect(t)
	reader := bufio.NewReader(connection)
	ask := func(wantClose bool) {
		t.Helper()
		write(t, connection, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"text\":\"a\"}")
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, response); got.status != http.StatusOK || string(got.body) != "a" || response.Close != wantClose {
			t.Errorf("%d %s, closed %v, want %v", got.status, got.body, response.Close, wantClose)
		}
	}
	ask(false)
	f.cancel()
	<-f.listener.closed
	servicetest.Await(t, "it to leave", f.leaving.Load)
	ask(true)
	if got, err := io.ReadAll(reader); len(got) > 0 || err != nil {
		t.Errorf("behind its answer the connection has %s, %v", got, err)
	}
	_ = never.Close() // the last one: nothing is waited for any more
	servicetest.Await(t, "its end", func() bool {
		select {
		case <-f.ended:
			return true
		default:
			return false
		}
	})
}

func TestWhatWouldNotEndIsCut(t *testing.T) {
	h := newHold()
	f := serve(t, h.mount)
	f.stopTimeout = 200 * time.Millisecond
	connection := f.connect(t)
	write(t, connection, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
	<-h.entered
	err := f.stop(t)
	if err == nil || !strings.Contains(err.Error(), "requests were still under way after 200ms") {
		t.Error(err)
	}
	f.err = nil
	if got, err := io.ReadAll(connection); len(got) > 0 || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	close(h.leave)
	servicetest.Await(t, "an end of the handler", func() bool { return f.App.Server().GetCurrentConcurrency() == 0 })
}

// TestHijackedConnectionsKeepNoDeadline holds fasthttp to what the write timeout of answers relies on.
func TestHijackedConnectionsKeepNoDeadline(t *testing.T) {
	t.Parallel()
	const timeout, writes = time.Second, 2
	var streams sync.WaitGroup
	failed := make(chan error, 1)
	f := serve(t, func(app *fiber.App) {
		app.Get("/stream", func(c *fiber.Ctx) error {
			streams.Add(1)
			c.Context().HijackSetNoResponse(true)
			c.Context().Hijack(func(conn net.Conn) {
				defer streams.Done()
				for range writes {
					<-time.After(timeout)
					if _, err := io.WriteString(conn, "data\n"); err != nil {
						failed <- err
						return
					}
				}
			})
			return nil
		})
	}, func(cfg *Config, _ *Deps) { cfg.WriteTimeout, cfg.ReadTimeout = timeout, timeout })
	connection := f.connect(t)
	write(t, connection, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
	got, err := io.ReadAll(connection)
	if err != nil || strings.Count(string(got), "data\n") != writes {
		t.Errorf("%s, %v", got, err)
	}
	streams.Wait()
	select {
	case err := <-failed:
		t.Error(err)
	default:
	}
}

func TestHijackedConnectionsAreLeftToTheirOwner(t *testing.T) {
	begun, leave := newChannel(), newChannel()
	var streams sync.WaitGroup
	f := serve(t, func(app *fiber.App) {
		app.Get("/stream", func(c *fiber.Ctx) error {
			streams.Add(1)
			c.Context().HijackSetNoResponse(true)
			c.Context().Hijack(func(conn net.Conn) {
				defer streams.Done()
				close(begun)
				<-leave
				_, _ = io.WriteString(conn, "bye")
			})
			return nil
		})
	})
	connection := f.connect(t)
	write(t, connection, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
	<-begun
	if err := f.stop(t); err != nil {
		t.Error(err)
	}
	close(leave)
	if got, err := io.ReadAll(connection); err != nil || string(got) != "bye" {
		t.Errorf("%s, %v", got, err)
	}
	streams.Wait()
}

// scarce is a listener that has no file descriptors left for a while.
type scarce struct {
	*net.TCPListener

	failures int
}

func (s *scarce) AcceptTCP() (*net.TCPConn, error) {
	if s.failures > 0 {
		s.failures--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return s.TCPListener.AcceptTCP()
}

func TestAShortageOfFileDescriptorsIsOutlived(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	l := newListener(&scarce{TCPListener: inner.(*net.TCPListener), failures: 3}, 16<<10, nil, slog.New(slog.NewJSONHandler(log, nil)))
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = accepted.Close()
	if records := log.records(t, "connections cannot be accepted"); len(records) != 3 || records[0]["level"] != "WARN" {
		t.Error(records)
	}
	ended := make(chan error, 1)
	l.acceptor = &scarce{TCPListener: inner.(*net.TCPListener), failures: 1000}
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-ended; err == nil {
		t.Error("a closed listener accepts")
	}
}

func TestInternalServer(t *testing.T) {
	f := run(t, NewInternal, nil, withProfiles, func(cfg *Config, _ *Deps) { cfg.CORSOrigins = []string{"https://app.example.com"} })
	for path, want := range map[string]string{
		"/health": "Healthy", "/ready": `"status":"ready"`, "/metrics": "ism_http_requests_total", "/debug/pprof/": "goroutine",
		"/debug/pprof/goroutine?debug=1": "goroutine profile", "/debug/pprof/cmdline": "httpapi.test",
	} {
		f.do(t, http.MethodGet, "/health", "")
		if got := f.do(t, http.MethodGet, path, "", "Origin", "https://app.example.com"); got.status != http.StatusOK || !strings.Contains(string(got.body), want) ||
			got.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v %.100s", path, got.status, got.header, got.body)
		}
	}
	f.do(t, http.MethodGet, "/", "").problem(t, http.StatusNotFound, "not-found")
	public := serve(t, nil)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/internal/rooms"} {
		public.do(t, http.MethodGet, path, "").problem(t, http.StatusNotFound, "not-found")
	}
}

func TestAProfileMayTakeItsTime(t *testing.T) {
	f := run(t, NewInternal, nil, withProfiles, func(cfg *Config, _ *Deps) { cfg.WriteTimeout = 10 * time.Millisecond })
	if got := f.do(t, http.MethodGet, "/debug/pprof/trace?seconds=1", ""); got.status != http.StatusOK || len(got.body) == 0 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	f := serve(t, echo)
	var clients sync.WaitGroup
	for i := range 20 {
		clients.Go(func() {
			for j := range 50 {
				text := fmt.Sprintf("%d-%d", i, j)
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/echo", strings.NewReader(`{"text":"`+text+`"}`))
				if err != nil {
					t.Error(err)
					return
				}
				request.Header.Set("Content-Type", "application/json")
				response, err := f.http.Do(request)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if err != nil || string(body) != text {
					t.Errorf("%q, want %q, %v", body, text, err)
				}
			}
		})
	}
	clients.Wait()
}

func TestConfigValidate(t *testing.T) {
	if faults := testConfig().Validate(); len(faults) > 0 {
		t.Error(faults)
	}
	good := testConfig()
	good.CORSOrigins = []string{"https://app.example.com", "http://localhost:5173", "capacitor://localhost"}
	if faults := good.Validate(); len(faults) > 0 {
		t.Error(faults)
	}
	for variable, change := range map[string]func(*Config){
		"ADDRESS": func(c *Config) { c.Address = "5403" }, "INTERNAL_ADDRESS": func(c *Config) { c.InternalAddress = "" },
		"BODY_LIMIT": func(c *Config) { c.BodyLimit = 0 }, "HEADER_LIMIT": func(c *Config) { c.HeaderLimit = 100 },
		"READ_TIMEOUT": func(c *Config) { c.ReadTimeout = 0 }, "WRITE_TIMEOUT": func(c *Config) { c.WriteTimeout = -1 },
		"HANDLER_TIMEOUT": func(c *Config) { c.HandlerTimeout = 0 }, "IDLE_TIMEOUT": func(c *Config) { c.IdleTimeout = 0 },
	} {
		cfg := testConfig()
		change(&cfg)
		if faults := cfg.Validate(); len(faults) != 1 || faults[0].Variable != variable {
			t.Errorf("%s: %v", variable, faults)
		}
	}
	for _, caller := range []string{"gateway", "10.0.0.0/33", "10.1.2", ""} {
		cfg := testConfig()
		cfg.TraceCallers = []string{"10.0.0.0/8", caller, "fc00::/7"}
		if faults := cfg.Validate(); len(faults) != 1 || faults[0].Variable != "TRACE_CALLERS" {
			t.Errorf("%q: %v", caller, faults)
		}
	}
	for _, origin := range []string{"*", "https://*.example.com", "https://app.example.com/", "app.example.com", "https://", "null", ""} {
		cfg := testConfig()
		cfg.CORSOrigins = []string{origin}
		if faults := cfg.Validate(); len(faults) != 1 || faults[0].Variable != "CORS_ORIGINS" {
			t.Errorf("%q: %v", origin, faults)
		}
	}
}
