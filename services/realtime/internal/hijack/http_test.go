package hijack

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// serve runs an HTTP server with the streams of a source, between handlers that add to the answer's header.
func serve(t *testing.T, cfg Config, source Source) (h *Server, address string) {
	t.Helper()
	h = New(cfg, source, telemetry.Discard(nil))
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true,
		ReadTimeout:           200 * time.Millisecond, // streams must outlive it
		WriteTimeout:          200 * time.Millisecond,
		ErrorHandler: func(c *fiber.Ctx, err error) error {
			var problem *httpapi.Problem
			if errors.As(err, &problem) {
				return c.Status(problem.Status).SendString(problem.Code)
			}
			return fiber.DefaultErrorHandler(c, err)
		},
	})
	app.Use(func(c *fiber.Ctx) error {
		c.Set("X-Before", "1")
		err := c.Next()
		c.Set("X-After", "2")
		return err
	})
	app.Get("/api/sse", func(c *fiber.Ctx) error {
		return h.Serve(c, Request{User: uuid.MustParse(c.Query("user")), ExpiresAt: time.Now().Add(time.Minute)})
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Listener(listener) }()
	t.Cleanup(func() {
		if err := app.Shutdown(); err != nil {
			t.Errorf("shut down: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		h.Drain(ctx)
		http.DefaultClient.CloseIdleConnections()
	})
	return h, "http://" + listener.Addr().String()
}

func get(t *testing.T, method, address string, user uuid.UUID) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address+"/api/sse?user="+user.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// lines reads so many lines.
func lines(t *testing.T, from *bufio.Reader, n int) string {
	t.Helper()
	var all strings.Builder
	for range n {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v", all.String(), err)
		}
		all.WriteString(line)
	}
	return all.String()
}

func TestAnswerIsAnEventStream(t *testing.T) {
	cfg := config()
	cfg.KeepAlive = 100 * time.Millisecond
	source := newFeed()
	_, address := serve(t, cfg, source)
	response := get(t, http.MethodGet, address, uuid.New())
	if response.StatusCode != http.StatusOK || response.Proto != "HTTP/1.1" || len(response.TransferEncoding) != 0 || response.ContentLength != -1 || !response.Close {
		t.Errorf("%s %d, %v, length %d, close %v", response.Proto, response.StatusCode, response.TransferEncoding, response.ContentLength, response.Close)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Before": "1", "X-After": "2",
	} {
		if got := response.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	body := bufio.NewReader(response.Body)
	if got := lines(t, body, 3); got != "retry: 2000\nid: 7-41\n\n" {
		t.Errorf("opening %q", got)
	}
	if got := lines(t, body, 8); got != strings.Repeat(":\n\n", 4) { // for longer than the server's timeouts
		t.Errorf("keep-alives %q", got)
	}
	source.send("late")
	if got := lines(t, body, 3); !strings.Contains(got, "id: 7-42\ndata: late\n") {
		t.Errorf("event %q", got)
	}
}

func TestHeadAnswersAndEnds(t *testing.T) {
	source := newFeed()
	_, address := serve(t, config(), source)
	response := get(t, http.MethodHead, address, uuid.New())
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" || source.streams() != 0 {
		t.Errorf("%d %s, %d streams", response.StatusCode, response.Header, source.streams())
	}
}

func TestTooManyStreamsAreRefused(t *testing.T) {
	cfg := config()
	cfg.MaxStreams, cfg.MaxPerUser = 3, 2
	h, address := serve(t, cfg, newFeed())
	alice, bob := uuid.New(), uuid.New()
	open := func(user uuid.UUID) *http.Response { return get(t, http.MethodGet, address, user) }
	refused := func(user uuid.UUID, status int) {
		t.Helper()
		response := open(user)
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != status || string(body) != "too-many-streams" {
			t.Errorf("status %d %s, want %d", response.StatusCode, body, status)
		}
	}
	for range 2 {
		if response := open(alice); response.StatusCode != http.StatusOK {
			t.Fatalf("status %d", response.StatusCode)
		}
	}
	refused(alice, http.StatusTooManyRequests)
	if other := open(bob); other.StatusCode != http.StatusOK {
		t.Fatalf("status %d", other.StatusCode)
	}
	refused(bob, http.StatusServiceUnavailable)
	cutOne(t, h)
	if again := open(bob); again.StatusCode != http.StatusOK {
		t.Errorf("after one has gone: status %d", again.StatusCode)
	}
}

// cutOne cuts one of the open streams and waits until its slot is free.
func cutOne(t *testing.T, h *Server) {
	t.Helper()
	h.mu.Lock()
	before := len(h.open)
	for admitted := range h.open {
		if admitted.conn != nil {
			admitted.conn.end(stream.Slow)
			break
		}
	}
	h.mu.Unlock()
	servicetest.Await(t, "the slot is free", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.open) < before
	})
}
