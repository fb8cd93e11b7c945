package eventloop

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// Config says how streams behave, and how many there may be.
type Config struct {
	stream.Config

	MaxStreams int           // of this process
	MaxPerUser int           // of one user in this process; one more ends the oldest
	Silent     time.Duration // how long a client's machine may acknowledge nothing of what is written
	DrainOver  time.Duration // over which streams end when the process stops; 0 is at once
	// SignedOut reports whether the session has been ended with which a stream is opened. It is known to it before [Server.EndSignedOut] is called.
	SignedOut func(of authn.Session) bool
}

// Source is where streams get their events from.
type Source interface {
	Attach(ctx context.Context, user uuid.UUID, lastEventID string, sub stream.Subscriber) (stream.Attachment, error)
	Detach(user uuid.UUID, sub stream.Subscriber)
	Position() sse.Position
}

// Request is what a stream is opened with.
type Request struct {
	User        uuid.UUID
	Session     authn.Session // of the token
	LastEventID string        // "" to begin now
	ExpiresAt   time.Time     // when the stream must end
}

// transport gives connections to carriers.
type transport interface {
	// take prepares to carry the connection, which is closed when the HTTP server's handler returns, and sets its carrier.
	take(c *connection, conn net.Conn) error
	// carry carries a connection that was taken, once its stream has begun. It may return before its end.
	carry(c *connection)
	// loops says what the event loops have; nil where there are none.
	loops() []Loop
	// stop waits for what take has started, after the last stream has ended.
	stop()
}

// Server answers requests with streams.
type Server struct {
	host

	cfg       Config
	log       *slog.Logger
	transport transport

	ctx  context.Context // of what streams wait for before they begin; done once they drain
	stop context.CancelFunc
}

// New makes the streams' connection layer. Drain it at the end.
func New(cfg Config, source Source, tel *telemetry.Telemetry) *Server {
	return newServer(cfg, source, tel, descriptorLimit(), newTransport)
}

func newServer(cfg Config, source Source, tel *telemetry.Telemetry, descriptors uint64, over func(*host) transport) *Server {
	if fit := streamsWithin(descriptors); cfg.MaxStreams > fit {
		tel.Log.Warn("the limit of file descriptors allows fewer streams than are configured: raise it (ulimit -n), or lower ISM_REALTIME_MAX_STREAMS",
			"descriptors", descriptors, "configured", cfg.MaxStreams, "allowed", fit)
		cfg.MaxStreams = fit
	}
	cfg.LastEvent = lastEvent
	ctx, stop := context.WithCancel(context.Background())
	m := newMetrics(tel.Metrics)
	s := &Server{
		cfg: cfg, log: tel.Log, ctx: ctx, stop: stop,
		host: host{
			source: source, clock: newClock(), metrics: m, registry: newRegistry(cfg, source, m), silent: cfg.Silent,
			tracer: tel.Tracer.Tracer("github.com/ism-chat/ism/services/realtime/stream"),
		},
	}
	s.transport = over(&s.host)
	observeQueues(tel.Metrics, s)
	tel.Saturation("streams", "process", s.registry.saturation)
	return s
}

// handoverTimeout is how long the HTTP server may take to hand over a connection. It never does where the connection breaks
// in between, and says nothing.
const handoverTimeout = 5 * time.Second

// Serve answers the request with a stream. Errors are problems: not-acceptable, too-many-streams, draining.
func (s *Server) Serve(c *fiber.Ctx, request Request) error {
	if !accepted(c.Get(fiber.HeaderAccept)) {
		return httpapi.NewProblem(http.StatusNotAcceptable, "not-acceptable", "Not acceptable", "this is a text/event-stream, which the request does not accept")
	}
	if c.Method() == http.MethodHead {
		setHeader(c)
		return nil
	}
	opened := &connection{
		user: request.User, session: request.Session, stream: stream.New(&s.cfg.Config, s.clock.at(request.ExpiresAt)), openedAt: s.clock.now(), bucket: noBucket,
	}
	if err := s.registry.admit(opened); err != nil {
		return err
	}
	if err := s.stillSignedIn(opened); err != nil {
		s.registry.release(opened)
		return err
	}
	setHeader(c)
	handover := time.AfterFunc(handoverTimeout, func() { s.registry.release(opened) })
	fast := c.Context()
	fast.HijackSetNoResponse(true) // it would end in a Content-Length
	lastEventID := request.LastEventID
	fast.Hijack(func(conn net.Conn) {
		if !handover.Stop() {
			return
		}
		// The header is read only now: whoever handled the request before us had its chance to add to it.
		s.carry(opened, underlying(conn), append([]byte(nil), fast.Response.Header.Header()...), lastEventID)
	})
	return nil
}

// stillSignedIn looks once more whether the stream's session has been ended, now that it would be ended with it: otherwise one that ends between
// the check of its token and here would leave its stream open. The error is the answer.
func (s *Server) stillSignedIn(c *connection) error {
	if s.cfg.SignedOut != nil && s.cfg.SignedOut(c.session) {
		return authn.Unauthorized()
	}
	return nil
}

// accepted reports whether a request's Accept takes event streams, as RFC 9110 has it in section 12.5.1.
func accepted(accept string) bool {
	if strings.TrimSpace(accept) == "" {
		return true
	}
	for one := range strings.SplitSeq(accept, ",") {
		mediaType, parameters, err := mime.ParseMediaType(one)
		if err != nil || mediaType != sse.ContentType && mediaType != "text/*" && mediaType != "*/*" {
			continue
		}
		if weight, err := strconv.ParseFloat(cmp.Or(parameters["q"], "1"), 64); err == nil && weight > 0 {
			return true
		}
	}
	return false
}

func setHeader(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentType, sse.ContentType)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no") // nginx
	c.Response().SetConnectionClose()
}

// underlying is the TCP connection itself.
func underlying(hijacked net.Conn) net.Conn {
	if wrapper, ok := hijacked.(interface{ UnsafeConn() net.Conn }); ok {
		return wrapper.UnsafeConn()
	}
	return hijacked
}

// carry subscribes a connection and gives it to its carrier. The connection is the HTTP server's to close when carry returns.
func (s *Server) carry(c *connection, conn net.Conn, header []byte, lastEventID string) {
	if err := s.transport.take(c, conn); err != nil {
		s.registry.release(c)
		s.log.WarnContext(s.ctx, "a stream's connection cannot be taken over", "error", err)
		return
	}
	s.metrics.open.Inc()
	opening := stream.Opening{Header: header}
	attachment, err := s.source.Attach(s.ctx, c.user, lastEventID, c)
	if err != nil {
		c.end(stream.Gone)
	} else {
		c.attached = true
		opening.Text, opening.Seq, opening.Backlog = attachment.Opening, attachment.Seq, attachment.Backlog
	}
	c.begin(s.clock.now(), opening)
	s.transport.carry(c)
}

// EndUser ends the user's streams, with the event that says why.
func (s *Server) EndUser(user uuid.UUID, reason stream.Reason) {
	for _, c := range s.registry.of(user) {
		c.close(reason, 0, s.source.Position())
	}
}

// EndSignedOut ends the streams whose sessions have been ended, with the event that says so: of the user or, where that is nil, of all.
func (s *Server) EndSignedOut(user uuid.UUID) {
	candidates := s.registry.of(user)
	if user == uuid.Nil {
		candidates = s.registry.each()
	}
	for _, c := range candidates {
		if s.cfg.SignedOut(c.session) {
			c.close(stream.SignedOut, 0, s.source.Position())
		}
	}
}

// EndAll ends all streams, each with the time after which its client is to come back. It does not wait, and others may begin.
func (s *Server) EndAll() {
	position := s.source.Position()
	for _, c := range s.registry.each() {
		c.close(stream.Drained, spread(), position)
	}
}

// Drain ends all streams, each with its last events and the time after which its client is to come back, and waits for
// them. Those that have not ended when ctx is done are cut.
func (s *Server) Drain(ctx context.Context) {
	s.drain(ctx, s.registry.drain())
	s.stop() // only now, so that those that are about to begin know why
	select {
	case <-s.registry.empty:
	case <-ctx.Done():
		for _, c := range s.registry.each() {
			c.end(stream.Drained)
		}
		<-s.registry.empty
	}
	s.transport.stop()
}

// drainStep is how often some of the streams are ended, where they are ended over a time.
const drainStep = 20 * time.Millisecond

// drain ends streams, evenly over the time that is configured.
func (s *Server) drain(ctx context.Context, streams []*connection) {
	begun := time.Now()
	step := time.NewTicker(drainStep)
	defer step.Stop()
	for done := 0; done < len(streams); {
		until := len(streams)
		if elapsed := time.Since(begun); elapsed < s.cfg.DrainOver {
			until = int(float64(len(streams)) * float64(elapsed) / float64(s.cfg.DrainOver))
		}
		position := s.source.Position()
		for ; done < until; done++ {
			streams[done].close(stream.Drained, spread(), position)
		}
		if done == len(streams) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-step.C:
		}
	}
}

// spread makes the clients of a process that stops come back one after another.
func spread() time.Duration { return 500*time.Millisecond + rand.N(4500*time.Millisecond) } //nolint:gosec // no secret

// reasonOf is why a stream ends whose connection fails.
func reasonOf(err error) stream.Reason {
	switch {
	case errors.Is(err, syscall.ETIMEDOUT):
		return stream.Silent
	case errors.Is(err, os.ErrDeadlineExceeded):
		return stream.Slow
	default:
		return stream.Gone
	}
}
