// Package stream carries event streams over HTTP connections.
package stream

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

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/edge"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// Config says how streams behave.
type Config struct {
	KeepAlive    time.Duration // between comments
	WriteTimeout time.Duration // of one write
	Retry        time.Duration // how long clients wait before they reconnect
	QueueEvents  int           // most events that wait for a client
	QueueBytes   int           // most bytes that wait for a client, more only for a single event
	MaxStreams   int           // of this process
	MaxPerUser   int           // of one user in this process
}

// Source is where streams get their events from.
type Source interface {
	Attach(ctx context.Context, user uuid.UUID, lastEventID string, sub edge.Subscriber) (edge.Attachment, error)
	Detach(user uuid.UUID, sub edge.Subscriber)
	Position(user uuid.UUID) sse.ID
}

// Request is what a stream is opened with.
type Request struct {
	User        uuid.UUID
	LastEventID string    // "" to begin now
	ExpiresAt   time.Time // when the stream must end
}

// Hijacked carries each stream on the connection of its request, taken over from the HTTP server, with one goroutine.
type Hijacked struct {
	cfg     Config
	source  Source
	metrics *metrics
	tracer  trace.Tracer

	ctx  context.Context // done once Drain is called
	stop context.CancelFunc
	wait sync.WaitGroup // for the streams

	mu      sync.Mutex
	open    map[*place]struct{}
	perUser map[uuid.UUID]int
}

// place is one of the streams that may be open at a time.
type place struct {
	user  uuid.UUID
	queue *queue // nil until the connection has been taken over
}

// NewHijacked makes the streams' layer. Drain it at the end.
func NewHijacked(cfg Config, source Source, tel *telemetry.Telemetry) *Hijacked {
	ctx, stop := context.WithCancel(context.Background())
	h := &Hijacked{
		cfg: cfg, source: source, metrics: newMetrics(tel.Metrics), ctx: ctx, stop: stop,
		tracer: tel.Tracer.Tracer("github.com/ism-chat/ism/services/realtime/stream"),
		open:   map[*place]struct{}{}, perUser: map[uuid.UUID]int{},
	}
	tel.Saturation("streams", "process", func() (used, limit float64) {
		h.mu.Lock()
		defer h.mu.Unlock()
		return float64(len(h.open)), float64(cfg.MaxStreams)
	})
	return h
}

// claimPatience is how long the HTTP server may take to hand over a connection. It never does where the connection breaks
// in between, and says nothing.
const claimPatience = 5 * time.Second

// Serve answers the request with a stream. Errors are problems: too-many-streams, draining.
func (h *Hijacked) Serve(c *fiber.Ctx, request Request) error {
	if c.Method() == http.MethodHead {
		setHeader(c)
		return nil
	}
	taken, err := h.take(request.User)
	if err != nil {
		return err
	}
	setHeader(c)
	claim := time.AfterFunc(claimPatience, func() { h.leave(taken) })
	fast := c.Context()
	fast.HijackSetNoResponse(true) // it would end in a Content-Length
	fast.Hijack(func(conn net.Conn) {
		if !claim.Stop() {
			return
		}
		defer h.leave(taken)
		// The header is read only now: whoever handled the request before us had its chance to add to it.
		header := append([]byte(nil), fast.Response.Header.Header()...)
		h.carry(underlying(conn), header, request, taken)
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

func (h *Hijacked) carry(conn conn, header []byte, request Request, taken *place) {
	defer func() { _ = conn.Close() }() // the stream is over
	s := &stream{
		cfg: h.cfg, source: h.source, metrics: h.metrics, tracer: h.tracer, request: request, conn: conn,
		queue: newQueue(h.cfg, conn),
	}
	h.mu.Lock()
	taken.queue = s.queue
	h.mu.Unlock()
	h.metrics.open.Inc()
	defer h.metrics.open.Dec()
	h.metrics.ended.WithLabelValues(s.run(h.ctx, header, spread)).Inc()
}

// spread makes the clients of a process that stops come back one after another.
func spread() time.Duration { return 500*time.Millisecond + rand.N(4500*time.Millisecond) } //nolint:gosec // no secret

// take takes a place.
func (h *Hijacked) take(user uuid.UUID) (*place, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.ctx.Err() != nil:
		return nil, unavailable("draining", "Stopping", "this node is stopping")
	case len(h.open) >= h.cfg.MaxStreams:
		h.metrics.refused.WithLabelValues("process").Inc()
		return nil, unavailable("too-many-streams", "Too many streams", "this node has no place for another stream")
	case h.perUser[user] >= h.cfg.MaxPerUser:
		h.metrics.refused.WithLabelValues("user").Inc()
		problem := httpapi.NewProblem(http.StatusTooManyRequests, "too-many-streams", "Too many streams", "close one of your open streams first")
		problem.RetryAfter = h.cfg.KeepAlive
		return nil, problem
	}
	taken := &place{user: user}
	h.open[taken] = struct{}{}
	h.perUser[user]++
	h.wait.Add(1)
	return taken, nil
}

func unavailable(code, title, detail string) error {
	problem := httpapi.NewProblem(http.StatusServiceUnavailable, code, title, detail)
	problem.RetryAfter = time.Second
	return problem
}

func (h *Hijacked) leave(taken *place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.open, taken)
	if h.perUser[taken.user]--; h.perUser[taken.user] == 0 {
		delete(h.perUser, taken.user)
	}
	h.wait.Done()
}

// Drain ends all streams, each with its last events and the time after which its client is to come back, and waits for
// them. Those that have not ended when ctx is done are cut.
func (h *Hijacked) Drain(ctx context.Context) {
	h.mu.Lock()
	h.stop()
	h.mu.Unlock()
	cut := context.AfterFunc(ctx, h.cut)
	defer cut()
	h.wait.Wait()
}

func (h *Hijacked) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for taken := range h.open {
		if taken.queue != nil {
			taken.queue.abort()
		}
	}
}
