package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gofiber/fiber/v2/middleware/pprof"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
)

const greeting = "Hello, world! I'm your new ISM. 🤗"

// The listeners' names in metrics.
const (
	public   = "public"
	internal = "internal"
)

// When the server stops, a request that has not wholly arrived has arrivalTimeout to do so, and one that is worked on
// has its handler's deadline and stopMargin.
const (
	arrivalTimeout = time.Second
	stopMargin     = 5 * time.Second
)

// StopTimeout is how long a server may take to stop.
func StopTimeout(cfg Config) time.Duration { return cfg.HandlerTimeout + stopMargin }

// Server is one listener with its routes.
type Server struct {
	App *fiber.App

	address        string
	secure         *tls.Config // nil: no TLS
	headerLimit    int
	readTimeout    time.Duration
	handlerTimeout time.Duration
	stopTimeout    time.Duration
	log            *slog.Logger
	listening      chan struct{} // closed once listener is set
	listener       *listener
	connections    *connections
	readiness      *readiness
	leaving        *atomic.Bool  // connections are closed behind their next answer
	kept           time.Duration // how long connections that clients keep are answered on while it stops
}

// New makes the public server, with GET /, /health and /ready.
func New(cfg Config, deps Deps) *Server {
	s := newServer(cfg.Address, public, cfg, deps)
	s.App.Get("/", func(c *fiber.Ctx) error { return c.SendString(greeting) })
	return s
}

// NewInternal makes the internal server, with /health, /ready, /metrics and, where that is switched on, /debug/pprof/. All but the first three are for who
// shows the credential of the services, by TLS and by what is sent, as far as there is one. On loopback it answers to the names of loopback alone: pages of browsers on this machine may have come by another.
func NewInternal(cfg Config, deps Deps) *Server {
	s := newServer(cfg.InternalAddress, internal, cfg, deps)
	metrics := promhttp.HandlerFor(deps.Telemetry.Metrics, promhttp.HandlerOpts{})
	if OnLoopback(cfg.InternalAddress) {
		s.App.Use(refuseNames)
	}
	s.App.Get("/metrics", adaptor.HTTPHandler(metrics))
	if deps.TLS != nil {
		s.secure = deps.TLS
		s.App.Use(refuseUncertified)
	}
	if deps.Accepts != nil {
		s.App.Use(refuseStrangers(deps.Accepts))
	}
	if cfg.PProf {
		s.App.Use("/debug/pprof", pprof.New())
	}
	return s
}

func newServer(address, listener string, cfg Config, deps Deps) *Server {
	observer := newObserver(listener, cfg, deps.Telemetry)
	writeTimeout := cfg.WriteTimeout
	if listener == internal {
		writeTimeout = 0 // a profile takes as long as it is asked to
	}
	app := fiber.New(fiber.Config{
		AppName:               deps.Service,
		DisableStartupMessage: true,
		CaseSensitive:         true,
		// Values read from a request outlive it, in caches and in what is stored: fasthttp's own memory would change
		// under them.
		Immutable:      true,
		BodyLimit:      cfg.BodyLimit,
		ReadBufferSize: cfg.HeaderLimit,
		ReadTimeout:    cfg.ReadTimeout,
		// Only answers: fasthttp takes all deadlines off a connection that is hijacked (1.51, Server.serveConn).
		WriteTimeout: writeTimeout,
		IdleTimeout:  cfg.IdleTimeout,
		ErrorHandler: observer.unreadable,
		// A form is read only by a handler that wants one.
		DisablePreParseMultipartForm: true,
		// With this check and no trusted proxies, fiber ignores every X-Forwarded header.
		EnableTrustedProxyCheck: true,
	})
	connections := &connections{open: map[net.Conn]struct{}{}}
	app.Server().ConnState = connections.follow
	app.Server().CloseOnShutdown = true
	leaving := new(atomic.Bool)
	app.Server().Handler = readable(app, observer, leaving)
	app.Use(observer.handle)
	if listener == public && (len(cfg.CORSOrigins) > 0 || cfg.CORSLoopback) {
		app.Use(cfg.allowOrigins())
	}
	app.Use(refused)
	readiness := newReadiness(deps)
	app.Get("/health", func(c *fiber.Ctx) error { return c.SendString("Healthy") })
	app.Get("/ready", readiness.answer)
	return &Server{
		App: app, address: address, headerLimit: cfg.HeaderLimit, readTimeout: cfg.ReadTimeout, handlerTimeout: cfg.HandlerTimeout, stopTimeout: StopTimeout(cfg), log: deps.Telemetry.Log,
		listening: make(chan struct{}), connections: connections, readiness: readiness, leaving: leaving,
	}
}

// readable refuses what must not come to any middleware: requests that are not beyond doubt, and methods that HTTP does not have, which fiber
// would answer, and not with a problem.
func readable(app *fiber.App, observer *observer, leaving *atomic.Bool) fasthttp.RequestHandler {
	serve := app.Server().Handler
	return func(ctx *fasthttp.RequestCtx) {
		var err error
		switch fault := faultOn(ctx.Conn()); {
		case fault != nil:
			linger(ctx.Conn())
			ctx.Response.SetConnectionClose()
			err = fault
		case !slices.Contains(fiber.DefaultMethods, string(ctx.Method())):
			err = fiber.ErrBadRequest
		default:
			serve(ctx)
			if leaving.Load() {
				ctx.Response.SetConnectionClose()
			}
			return
		}
		c := app.AcquireCtx(ctx)
		defer app.ReleaseCtx(c)
		observer.refuse(c, err)
	}
}

// Listening is closed once the server listens.
func (s *Server) Listening() <-chan struct{} { return s.listening }

// Address is where the server listens, once Listening is closed: with the port that the system chose, where 0 was
// configured.
func (s *Server) Address() string { return s.listener.Addr().String() }

// KeepConnections has the server answer for so long on connections that clients keep, when it is told to stop, and close each behind that: a request that
// meets a connection as it is closed is lost, and gateways do not send all of those again. Call it before Run.
func (s *Server) KeepConnections(most time.Duration) { s.kept = most }

// AwaitReady waits until what GET /ready asks for works, at most so long, or until ctx is done. Who runs the server only then is not asked for what it
// cannot do yet: callers do not reach it, and go to another replica.
func (s *Server) AwaitReady(ctx context.Context, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	s.readiness.await(ctx)
}

// Run listens until ctx is done, then finishes the requests under way; call it once. It is a lifecycle part. Hijacked
// connections are their owner's to end.
func (s *Server) Run(ctx context.Context) error {
	var listen net.ListenConfig
	on, err := listen.Listen(ctx, "tcp", s.address)
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end before it began
		}
		return fmt.Errorf("listen on %s: %w", s.address, err)
	}
	s.listener = newListener(on.(acceptor), s.headerLimit, s.secure, s.log) //nolint:forcetypeassert // a listener of TCP is one
	close(s.listening)
	served := make(chan error, 1)
	go func() { served <- s.App.Listener(s.listener) }()
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("serve on %s: the listener has ended", s.address), err, s.stop(ctx))
	case <-ctx.Done():
	}
	_ = s.listener.Close() // ends Serve, also one that is only about to begin
	s.seeOff()
	return errors.Join(<-served, s.stop(ctx))
}

// seeOff answers what still comes by connections that clients keep.
func (s *Server) seeOff() {
	s.leaving.Store(true)
	over := time.NewTimer(s.kept)
	defer over.Stop()
	tick := time.NewTicker(arrivalTimeout / 20)
	defer tick.Stop()
	for s.kept > 0 && s.connections.count() > 0 {
		select {
		case <-tick.C:
		case <-over.C:
			return
		}
	}
}

// stop finishes what is under way.
func (s *Server) stop(ctx context.Context) error {
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.stopTimeout)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- s.App.ShutdownWithContext(stopping) }()
	err := s.await(stopped)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		s.connections.cut()
		return fmt.Errorf("stop serving on %s: requests were still under way after %s", s.address, s.stopTimeout)
	case err != nil:
		return fmt.Errorf("stop serving on %s: %w", s.address, err)
	default:
		return nil
	}
}

// await waits until fasthttp has stopped, and then until all connections are closed. fasthttp waits for a connection that has sent nothing
// or half a request as long as for one whose request is being answered, so those get a deadline here.
func (s *Server) await(stopped <-chan error) error {
	arrival := time.Now().Add(arrivalTimeout)
	tick := time.NewTicker(arrivalTimeout / 20)
	defer tick.Stop()
	for ended := false; ; {
		if open := s.connections.hurry(arrival); ended && open == 0 {
			return nil
		}
		select {
		case err := <-stopped:
			if err != nil {
				return err
			}
			ended, stopped = true, nil
		case <-tick.C:
		}
	}
}
