package eventloop

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// config has deadlines that nothing meets, and no keep-alives: tests that are about them set their own.
func config() Config {
	return Config{
		Config: stream.Config{
			KeepAlive: time.Hour, WriteTimeout: servicetest.Timeout, Retry: 2 * time.Second, QueueEvents: 10_000, QueueBytes: 10 << 20,
		},
		MaxStreams: 5000, MaxPerUser: 10, Silent: servicetest.Timeout,
	}
}

// feed is a source of one partition whose events all go to every stream.
type feed struct {
	mu       sync.Mutex
	position int64
	backlog  []sse.Frame
	subs     map[stream.Subscriber]bool
	stuck    bool   // Attach waits for its context
	arriving string // data of an event that comes just before the position is read
}

func newFeed() *feed { return &feed{position: 41, subs: map[stream.Subscriber]bool{}} }

func (f *feed) Attach(ctx context.Context, _ uuid.UUID, _ string, sub stream.Subscriber) (stream.Attachment, error) {
	if f.stuck {
		<-ctx.Done()
		return stream.Attachment{}, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subs[sub] = true
	at := positionOf(f.position)
	return stream.Attachment{Seq: at.Seq, Opening: append(at.ID, '\n'), Backlog: f.backlog}, nil
}

func (f *feed) Detach(_ uuid.UUID, sub stream.Subscriber) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.subs, sub)
}

func (f *feed) Position() sse.Position {
	f.mu.Lock()
	data := f.arriving
	f.arriving = ""
	f.mu.Unlock()
	if data != "" {
		f.send(data)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return positionOf(f.position)
}

func (f *feed) streams() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subs)
}

// send moves the position and, with data, delivers an event there.
func (f *feed) send(data string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.position++
	if data != "" {
		f.offer(frame(f.position, data))
	}
}

// offer needs the lock.
func (f *feed) offer(next sse.Frame) {
	for sub := range f.subs {
		if !sub.Offer(next) {
			delete(f.subs, sub)
		}
	}
}

func positionOf(offset int64) sse.Position {
	return sse.Position{Seq: uint64(offset + 1), ID: fmt.Appendf(nil, "id: 7-%d\n", offset)}
}

func frame(offset int64, data string) sse.Frame {
	at := positionOf(offset)
	return sse.Frame{ID: at.ID, Seq: at.Seq, Event: &sse.Event{Data: fmt.Appendf(nil, "data: %s\n\n", data), At: time.Now()}}
}

func text(frame sse.Frame) string { return string(frame.ID) + string(frame.Event.Data) }

// options are what few tests want otherwise.
type options struct {
	descriptors uint64
	telemetry   *telemetry.Telemetry
	httpTimeout time.Duration // the HTTP server's, to read and to write
}

// world is a running HTTP server with the streams of a feed.
type world struct {
	*Server

	t       *testing.T
	source  *feed
	address string
	log     *logged
}

// logged is what has been logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// onEach runs a test on each transport that this system has.
func onEach(t *testing.T, test func(t *testing.T, over func(*host) transport)) {
	for name, over := range transports() {
		t.Run(name, func(t *testing.T) { test(t, over) })
	}
}

func serve(t *testing.T, over func(*host) transport, cfg Config) *world {
	t.Helper()
	return serveWith(t, over, cfg, options{})
}

// serveWith runs the server between handlers that add to the answer's header.
func serveWith(t *testing.T, over func(*host) transport, cfg Config, with options) *world {
	t.Helper()
	tel := cmp.Or(with.telemetry, telemetry.Discard(nil))
	w := &world{t: t, source: newFeed(), log: &logged{}}
	tel.Log = slog.New(slog.NewTextHandler(w.log, nil))
	w.Server = newServer(cfg, w.source, tel, cmp.Or(with.descriptors, 1<<20), over)
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true,
		Immutable:             true, // as in httpapi: what streams are opened with outlives the request
		ReadTimeout:           cmp.Or(with.httpTimeout, servicetest.Timeout),
		WriteTimeout:          cmp.Or(with.httpTimeout, servicetest.Timeout),
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
		user, err := uuid.Parse(c.Query("user"))
		if err != nil {
			return fiber.ErrBadRequest
		}
		lifetime, err := time.ParseDuration(c.Query("for", "1h"))
		if err != nil {
			return fiber.ErrBadRequest
		}
		return w.Serve(c, Request{User: user, Session: authn.Session{UserID: user, ID: c.Query("sid")}, LastEventID: c.Query("last_event_id"), ExpiresAt: time.Now().Add(lifetime)})
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = listener.Addr().String()
	ended := make(chan error, 1)
	go func() { ended <- app.Listener(listener) }()
	t.Cleanup(func() {
		_ = listener.Close() // ends Serve, also one that is only about to begin
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := app.ShutdownWithTimeout(servicetest.Timeout); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("shut down: %v", err)
		}
		w.drain()
		http.DefaultClient.CloseIdleConnections()
		if w.source.streams() != 0 {
			t.Errorf("%d streams are still subscribed", w.source.streams())
		}
	})
	return w
}

// drain ends all streams. It has time enough: none is cut.
func (w *world) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), servicetest.Timeout)
	defer cancel()
	w.Drain(ctx)
}

// ended is how many streams have ended for a reason.
func (w *world) ended(reason stream.Reason) int {
	return int(testutil.ToFloat64(w.metrics.ended.WithLabelValues(reason.String())))
}

// await waits until so many streams are open.
func (w *world) await(streams int) {
	w.t.Helper()
	servicetest.Await(w.t, fmt.Sprintf("%d streams are open", streams), func() bool {
		open, _ := w.registry.saturation()
		return int(open) == streams && w.source.streams() == streams
	})
}

// client is the client's end of a connection, of which it reads everything as it comes, unless it is stalled.
type client struct {
	*net.TCPConn

	t    *testing.T
	done chan struct{} // closed when everything has been read

	mu   sync.Mutex
	text strings.Builder
	err  error
}

func (w *world) dial(request string) *client {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &client{TCPConn: conn.(*net.TCPConn), t: w.t, done: make(chan struct{})} //nolint:forcetypeassert // tcp
	w.t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write([]byte(request)); err != nil {
		w.t.Fatal(err)
	}
	return c
}

func request(user uuid.UUID, query string) string {
	return "GET /api/sse?user=" + user.String() + query + " HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n"
}

// stalled opens a stream of which nothing is read, with little room for what is not.
func (w *world) stalled(user uuid.UUID) *client {
	w.t.Helper()
	c := w.dial(request(user, ""))
	_ = c.SetReadBuffer(4 << 10)
	return c
}

// open opens a stream, and waits until it has begun.
func (w *world) open(user uuid.UUID, query string) *client {
	w.t.Helper()
	c := w.dial(request(user, query))
	go c.read(make([]byte, 4<<10))
	c.await("\n\n")
	return c
}

func (c *client) read(buffer []byte) {
	defer close(c.done)
	for {
		n, err := c.TCPConn.Read(buffer)
		c.mu.Lock()
		c.text.Write(buffer[:n])
		c.err = err
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// body is the text of the stream so far.
func (c *client) body() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, body, _ := strings.Cut(c.text.String(), "\r\n\r\n")
	return body
}

func (c *client) await(text string) {
	c.t.Helper()
	servicetest.Await(c.t, fmt.Sprintf("the client has read %.100q", text), func() bool { return strings.Contains(c.body(), text) })
}

// awaitEnd waits until the stream has ended, as the server's end of it, not by a reset.
func (c *client) awaitEnd() string {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(servicetest.Timeout):
		c.t.Fatal("the stream has not ended")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil || c.err.Error() != "EOF" {
		c.t.Errorf("the stream ended with %v", c.err)
	}
	_, body, _ := strings.Cut(c.text.String(), "\r\n\r\n")
	return body
}

const opening = "retry: 2000\nid: 7-41\n\n"

// users gives so many of them.
func users(n int) []uuid.UUID {
	return slices.Collect(func(yield func(uuid.UUID) bool) {
		for range n {
			if !yield(uuid.New()) {
				return
			}
		}
	})
}
