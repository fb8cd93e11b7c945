package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gofiber/fiber/v2/middleware/pprof"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const greeting = "Hello, world! I'm your new ISM. 🤗"

// stopPatience is how long requests under way may take when the server stops; more than any handler's deadline is not needed.
const stopPatience = 15 * time.Second

// Server is one listener with its routes.
type Server struct {
	App *fiber.App

	address   string
	listening chan struct{} // closed once listener is set
	listener  net.Listener
}

// New makes the public server, with GET /, /health and /ready.
func New(cfg Config, deps Deps) *Server {
	s := newServer(cfg.Address, "public", cfg, deps)
	s.App.Get("/", func(c *fiber.Ctx) error { return c.SendString(greeting) })
	return s
}

// NewInternal makes the internal server, with /health, /ready, /metrics and /debug/pprof/.
func NewInternal(cfg Config, deps Deps) *Server {
	s := newServer(cfg.InternalAddress, "internal", cfg, deps)
	metrics := promhttp.HandlerFor(deps.Telemetry.Metrics, promhttp.HandlerOpts{})
	s.App.Get("/metrics", adaptor.HTTPHandler(metrics))
	s.App.Use(pprof.New())
	return s
}

func newServer(address, listener string, cfg Config, deps Deps) *Server {
	answer := &answers{log: deps.Telemetry.Log}
	writeTimeout := cfg.WriteTimeout
	if listener == "internal" {
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
		WriteTimeout:   writeTimeout,
		IdleTimeout:    cfg.IdleTimeout,
		ErrorHandler:   answer.fail,
	})
	use(app, listener, cfg, deps, answer)
	readiness := newReadiness(deps)
	app.Get("/health", func(c *fiber.Ctx) error { return c.SendString("Healthy") })
	app.Get("/ready", readiness.answer)
	return &Server{App: app, address: address, listening: make(chan struct{})}
}

// Listening is closed once the server listens.
func (s *Server) Listening() <-chan struct{} { return s.listening }

// Address is where the server listens, once Listening is closed: with the port that the system chose, where 0 was
// configured.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Run listens until ctx is done, then finishes the requests under way. It is a lifecycle part. Hijacked connections are
// their owner's to end.
func (s *Server) Run(ctx context.Context) error {
	var listen net.ListenConfig
	plain, err := listen.Listen(ctx, "tcp", s.address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.address, err)
	}
	listener := lingering{plain}
	s.listener = listener
	close(s.listening)
	served := make(chan error, 1)
	go func() { served <- s.App.Listener(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", s.address, err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	err = s.App.ShutdownWithContext(patience)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop serving on %s: requests were still under way after %s", s.address, stopPatience)
	}
	if err := errors.Join(err, <-served); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop serving on %s: %w", s.address, err)
	}
	return nil
}
