// Package httpapi builds the HTTP servers of every deployable, so that all of them answer alike.
package httpapi

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/telemetry"
)

// Config is part of a deployable's configuration, under HTTP.
type Config struct {
	Address         string        `envconfig:"ADDRESS" default:":5403" desc:"where the public API listens, host:port"`
	InternalAddress string        `envconfig:"INTERNAL_ADDRESS" default:"127.0.0.1:9403" desc:"where metrics, pprof and internal calls listen, host:port; never expose it"`
	BodyLimit       int           `envconfig:"BODY_LIMIT" default:"262144" desc:"largest request body, bytes"`
	HeaderLimit     int           `envconfig:"HEADER_LIMIT" default:"16384" desc:"largest request header, bytes"`
	ReadTimeout     time.Duration `envconfig:"READ_TIMEOUT" default:"10s" desc:"how long a request may take to arrive"`
	HandlerTimeout  time.Duration `envconfig:"HANDLER_TIMEOUT" default:"10s" desc:"deadline of the work for one request"`
	IdleTimeout     time.Duration `envconfig:"IDLE_TIMEOUT" default:"75s" desc:"how long an idle connection is kept"`
	CORSOrigins     []string      `envconfig:"CORS_ORIGINS" desc:"origins that browsers may call from, comma-separated; wildcards are not allowed"`
}

// Check is one thing that must work for a deployable to be ready.
type Check struct {
	Name  string
	Check func(ctx context.Context) error
}

// Deps is what a server needs of its deployable.
type Deps struct {
	Service   string // name in logs, metrics and spans
	Telemetry *telemetry.Telemetry
	Checks    []Check         // for GET /ready
	Draining  <-chan struct{} // closed when the deployable begins to stop; /ready is 503 from then on
}

// Server is one listener with its routes.
type Server struct {
	App *fiber.App
}

// New makes the public server, with GET /, /health and /ready.
func New(cfg Config, deps Deps) *Server { panic("skeleton") }

// NewInternal makes the internal server, with /health, /ready, /metrics and /debug/pprof/.
func NewInternal(cfg Config, deps Deps) *Server { panic("skeleton") }

// Run listens until ctx is done, then finishes the requests under way. It is a lifecycle part.
func (s *Server) Run(ctx context.Context) error { panic("skeleton") }

// Problem is an error with an answer: RFC 9457 problem+json. It is an error, so handlers return it.
type Problem struct {
	Status int
	Code   string // stable, kebab-case, for example "room-not-found"
	Title  string // the same for every occurrence of the code
	Detail string // about this occurrence; never internals
	// RetryAfter, if not zero, becomes the header Retry-After, in whole seconds.
	RetryAfter time.Duration
	// Cause goes to the log, never to the client.
	Cause error
}

func (p *Problem) Error() string { panic("skeleton") }
func (p *Problem) Unwrap() error { return p.Cause }

// NewProblem makes a problem.
func NewProblem(status int, code, title, detail string) *Problem {
	return &Problem{Status: status, Code: code, Title: title, Detail: detail}
}

// Because returns a copy of the problem with the cause.
func (p *Problem) Because(cause error) *Problem { c := *p; c.Cause = cause; return &c }

// Decode reads the request's JSON body into target, strictly.
func Decode(c *fiber.Ctx, target any) error { panic("skeleton") }
