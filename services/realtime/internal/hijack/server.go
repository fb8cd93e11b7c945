// Package hijack carries each event stream on the connection of its request, which it takes over from the HTTP server, with one
// goroutine that writes. What it writes is decided by package stream.
package hijack

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// Config says how streams behave, and how many there may be.
type Config struct {
	stream.Config
	MaxStreams int // of this process
	MaxPerUser int // of one user in this process
}

// Request is what a stream is opened with.
type Request struct {
	User        uuid.UUID
	LastEventID string    // "" to begin now
	ExpiresAt   time.Time // when the stream must end
}

// Server answers requests with streams.
type Server struct {
	cfg     Config
	source  Source
	metrics *metrics
	tracer  trace.Tracer

	ctx  context.Context // done once Drain is called
	stop context.CancelFunc
	wait sync.WaitGroup // for the streams

	mu      sync.Mutex
	open    map[*slot]struct{}
	perUser map[uuid.UUID]int
}

// New makes the streams' connection layer. Drain it at the end.
func New(cfg Config, source Source, tel *telemetry.Telemetry) *Server {
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{
		cfg: cfg, source: source, metrics: newMetrics(tel.Metrics), ctx: ctx, stop: stop,
		tracer: tel.Tracer.Tracer("github.com/ism-chat/ism/services/realtime/stream"),
		open:   map[*slot]struct{}{}, perUser: map[uuid.UUID]int{},
	}
	tel.Saturation("streams", "process", func() (used, limit float64) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return float64(len(s.open)), float64(cfg.MaxStreams)
	})
	return s
}

// handoverTimeout is how long the HTTP server may take to hand over a connection. It never does where the connection breaks
// in between, and says nothing.
const handoverTimeout = 5 * time.Second

// Serve answers the request with a stream. Errors are problems: too-many-streams, draining.
func (s *Server) Serve(c *fiber.Ctx, request Request) error {
	if c.Method() == http.MethodHead {
		setHeader(c)
		return nil
	}
	admitted, err := s.admit(request.User)
	if err != nil {
		return err
	}
	setHeader(c)
	handover := time.AfterFunc(handoverTimeout, func() { s.release(admitted) })
	fast := c.Context()
	fast.HijackSetNoResponse(true) // it would end in a Content-Length
	fast.Hijack(func(conn net.Conn) {
		if !handover.Stop() {
			return
		}
		defer s.release(admitted)
		// The header is read only now: whoever handled the request before us had its chance to add to it.
		header := append([]byte(nil), fast.Response.Header.Header()...)
		s.carry(underlying(conn), header, request, admitted)
	})
	return nil
}

func setHeader(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentType, sse.ContentType)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no") // nginx
	c.Response().SetConnectionClose()
}

// underlying is the TCP connection itself, which can write several buffers at once.
func underlying(hijacked net.Conn) conn {
	if wrapper, ok := hijacked.(interface{ UnsafeConn() net.Conn }); ok {
		return wrapper.UnsafeConn()
	}
	return hijacked
}

func (s *Server) carry(conn conn, header []byte, request Request, admitted *slot) {
	defer func() { _ = conn.Close() }() // the stream is over
	c := &connection{
		source: s.source, metrics: s.metrics, tracer: s.tracer, request: request, conn: conn,
		changed: make(chan struct{}, 1), stream: stream.New(&s.cfg.Config, request.ExpiresAt),
	}
	s.mu.Lock()
	admitted.conn = c
	if s.ctx.Err() != nil {
		c.drain() // Drain has not seen it
	}
	s.mu.Unlock()
	s.metrics.open.Inc()
	defer s.metrics.open.Dec()
	s.metrics.ended.WithLabelValues(string(c.run(s.ctx, header))).Inc()
}

// EndUser ends the open streams of a user.
func (s *Server) EndUser(user uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eachOpen(func(c *connection) {
		if c.request.User == user {
			c.end(stream.Gone)
		}
	})
}

// Drain ends all streams, each with its last events and the time after which its client is to come back, and waits for
// them. Those that have not ended when ctx is done are cut.
func (s *Server) Drain(ctx context.Context) {
	s.mu.Lock()
	s.eachOpen((*connection).drain) // before their context is done, so that they know why it is
	s.stop()
	s.mu.Unlock()
	cut := context.AfterFunc(ctx, s.cut)
	defer cut()
	s.wait.Wait()
}

func (s *Server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eachOpen(func(c *connection) { c.end(stream.Drained) })
}

// eachOpen calls do for each stream whose connection has been taken over. The caller holds the lock.
func (s *Server) eachOpen(do func(*connection)) {
	for admitted := range s.open {
		if admitted.conn != nil {
			do(admitted.conn)
		}
	}
}

// spread makes the clients of a process that stops come back one after another.
func spread() time.Duration { return 500*time.Millisecond + rand.N(4500*time.Millisecond) } //nolint:gosec // no secret
