// Package deployable is the composition root's foundation: what every deployable has, started and stopped in one order.
package deployable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/internalapi"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/ratelimit"
	"github.com/ism-chat/ism/libs/signouts"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Config is what every deployable is configured with. Embed it.
type Config struct {
	telemetry.Config
	Lifecycle lifecycle.Config       `envconfig:"LIFECYCLE"`
	HTTP      httpapi.Config         `envconfig:"HTTP"`
	Rate      ratelimit.Config       `envconfig:"HTTP_RATE"`
	Internal  internalapi.Credential `envconfig:"INTERNAL"`
	OIDC      authn.Config           `envconfig:"OIDC"`
	Kafka     bus.Config             `envconfig:"KAFKA"`
}

// Validate says where settings do not go together: the requests under way must be finished before the process is ended.
func (c *Config) Validate() []config.Fault {
	least := httpapi.StopTimeout(c.HTTP)
	if c.Lifecycle.StopTimeout >= least {
		return nil
	}
	most := c.Lifecycle.StopTimeout - (least - c.HTTP.HandlerTimeout)
	return []config.Fault{{Variable: "LIFECYCLE_STOP_TIMEOUT", Problem: fmt.Sprintf(
		"%s does not go with ISM_HTTP_HANDLER_TIMEOUT, %s: requests under way would be cut; allowed: ISM_LIFECYCLE_STOP_TIMEOUT from %s on, or ISM_HTTP_HANDLER_TIMEOUT up to %s",
		c.Lifecycle.StopTimeout, c.HTTP.HandlerTimeout, least, max(most, 0))}}
}

// StrangersMayAsk reports whether the internal listener is reached from other machines, and needs no credential.
func (c *Config) StrangersMayAsk() bool {
	return !c.Internal.Needed() && !c.Internal.Secured() && !httpapi.OnLoopback(c.HTTP.InternalAddress)
}

// Common is what the configuration of every deployable embeds.
func (c *Config) Common() *Config { return c }

// load reads the configuration of a service's own program, and reports what is missing of the issuer together with all other faults.
func load(cfg any, common *Config) error {
	err := config.Load(cfg)
	var faults config.Faults
	if err != nil && !errors.As(err, &faults) {
		return fmt.Errorf("read the configuration: %w", err)
	}
	for _, missing := range authn.Missing(common.OIDC) {
		if !slices.ContainsFunc(faults, func(f config.Fault) bool { return f.Variable == missing.Variable }) {
			faults = append(faults, missing)
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return faults
}

// Service is one of the suite's services, as a deployable runs it.
type Service interface {
	// Routes adds the service's public API.
	Routes(api fiber.Router)
	// InternalRoutes adds what other services call.
	InternalRoutes(internal fiber.Router)
	// Parts are what the service does besides answering requests. Those that others need stand before them: they all start together and
	// stop in reverse, see [lifecycle.Group].
	Parts() []lifecycle.Part
	// Checks are what must work for the service to be ready.
	Checks() []httpapi.Check
}

// Host holds what every deployable has.
type Host struct {
	Telemetry *telemetry.Telemetry
	Verifier  *authn.Verifier
	Bus       *bus.Bus
	// SignOuts are whose tokens are refused and whose streams end, for all services of the process.
	SignOuts *signouts.SignOuts
	// Credential is what the internal listeners of other services are shown.
	Credential internalapi.Credential

	name   string
	cfg    Config
	limits *ratelimit.Limits
	group  *lifecycle.Group
	// replicated is whether others may serve beside it, behind a gateway: nobody is to notice that it comes or goes.
	replicated bool
}

const (
	// listenAtLatest is after how long a replica listens that is not ready: its answers and /ready say then what is missing.
	listenAtLatest = 5 * time.Second
	// connectionsKept is how long a replica that stops answers on connections that the gateway keeps.
	connectionsKept = time.Second
)

// Exit codes of a deployable: ExitUsage for a command line or configuration that cannot be used.
const (
	exitFailure = 1
	ExitUsage   = 2
)

// Program is the main function of a service's own program, whose configuration C embeds [Config]. Without arguments it builds the service
// and runs it, see [Main]; with "health" it asks the one that runs beside it whether it is ready, see [Health]; other commands are the
// program's own. It gives the exit code.
func Program[C any, P interface {
	*C
	Common() *Config
}](args []string, name string, build func(cfg *C, host *Host) (Service, error), commands ...Command) int {
	if len(args) == 0 {
		return Main(func(ctx context.Context) error { return run[C, P](ctx, name, build) })
	}
	return runCommand(name, args, append([]Command{health()}, commands...), os.Stdout, os.Stderr)
}

func run[C any, P interface {
	*C
	Common() *Config
}](ctx context.Context, name string, build func(cfg *C, host *Host) (Service, error)) error {
	cfg := new(C)
	common := P(cfg).Common()
	if err := load(cfg, common); err != nil {
		return err
	}
	host, err := New(ctx, name, *common)
	if err != nil {
		return err
	}
	host.replicated = true
	host.ReportRenamed(cfg)
	service, err := build(cfg, host)
	if err != nil {
		return fmt.Errorf("build %s: %w", name, err)
	}
	return host.Run(ctx, service)
}

// Main runs a deployable until it is told to stop by SIGINT or SIGTERM, and gives its exit code: 0, 1 for a failure and
// 2 for a faulty configuration.
func Main(run func(ctx context.Context) error) int {
	ctx, stop := untilTold()
	defer stop()
	return exitCode(run(ctx), "stopped: ", os.Stderr)
}

// untilTold ends by SIGINT or SIGTERM.
func untilTold() (ctx context.Context, stop func()) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// exitCode tells an error, behind what says whose it is, and gives the exit code for it.
func exitCode(err error, whose string, stderr io.Writer) int {
	var faults config.Faults
	switch {
	case err == nil:
		return 0
	case errors.As(err, &faults):
		_, _ = fmt.Fprintln(stderr, err)
		return ExitUsage
	default:
		_, _ = fmt.Fprintf(stderr, "%s%v\n", whose, err)
		return exitFailure
	}
}

// New makes what every deployable has.
func New(ctx context.Context, name string, cfg Config) (*Host, error) {
	tel, err := telemetry.New(ctx, cfg.Config, name)
	if err != nil {
		return nil, fmt.Errorf("start telemetry: %w", err)
	}
	return With(tel, name, cfg)
}

// With is [New] with telemetry that has been started before, by a deployable that needs it earlier. The host shuts it down.
func With(tel *telemetry.Telemetry, name string, cfg Config) (*Host, error) {
	verifier, err := authn.New(cfg.OIDC, tel)
	if err != nil {
		return nil, fmt.Errorf("prepare token verification: %w", err)
	}
	limits, err := ratelimit.New(cfg.Rate, tel, time.Now)
	if err != nil {
		return nil, fmt.Errorf("prepare users' limits: %w", err)
	}
	verifier.Then(limits.Handle)
	out := signouts.New(cfg.OIDC, tel)
	verifier.Heed(out)
	return &Host{
		Telemetry:  tel,
		Verifier:   verifier,
		SignOuts:   out,
		Bus:        bus.New(cfg.Kafka, tel),
		Credential: cfg.Internal,
		name:       name,
		cfg:        cfg,
		limits:     limits,
		group:      lifecycle.New(cfg.Lifecycle, tel.Log),
	}, nil
}

// ReportRenamed logs which settings of the configuration are set by a name that they had before.
func (h *Host) ReportRenamed(cfg any) {
	for _, rename := range config.Renamed(cfg) {
		h.Telemetry.Log.Warn("a setting has a new name; the former one will not be read for ever", "former", rename.Former, "variable", rename.Variable)
	}
}

// Draining is closed when the deployable begins to stop: what waits for something to happen is to answer then.
func (h *Host) Draining() <-chan struct{} { return h.group.Draining() }

// Add adds a part beneath the services: it stops after all of them. Add parts before Run.
func (h *Host) Add(part lifecycle.Part) { h.group.Add(part) }

// LargeBodies is a service with routes that take larger bodies than others.
type LargeBodies interface {
	LargeBodies() []httpapi.LargeBody
}

// Limited is a service with routes whose requests are of classes of their own in users' limits.
type Limited interface {
	Limited() []ratelimit.Route
}

// Route adds what a service answers to its listeners.
func Route(service Service, public, internal *httpapi.Server) {
	service.Routes(public.App)
	service.InternalRoutes(internal.App)
	if large, ok := service.(LargeBodies); ok {
		public.TakeLarge(large.LargeBodies()...)
	}
}

// guard has the internal listener answer to the other services alone, as far as they have a credential.
func (h *Host) guard(deps *httpapi.Deps) {
	credential := h.cfg.Internal.Keep(h.Telemetry.Log)
	deps.Accepts = func(authorization string) bool { return credential.Now().Accepts(authorization) }
	if h.cfg.Internal.Secured() {
		deps.TLS = certificates.Keep("the certificates of the internal listener", h.cfg.Internal.Certificates(), h.Telemetry.Log).Server()
	}
}

// Run runs the services until ctx is done.
func (h *Host) Run(ctx context.Context, services ...Service) error {
	checks := []httpapi.Check{
		{Name: "oidc", Check: h.Verifier.Ready},
		{Name: "kafka", Check: h.Bus.Ready},
		{Name: "kafka-access", Check: h.Bus.Access},
		{Name: "sign-outs", Check: h.SignOuts.Ready},
	}
	for _, service := range services {
		checks = append(checks, service.Checks()...)
	}
	deps := httpapi.Deps{Service: h.name, Telemetry: h.Telemetry, Checks: checks, Draining: h.group.Draining()}
	h.guard(&deps)
	if h.cfg.StrangersMayAsk() {
		h.Telemetry.Log.Warn("whoever reaches the internal listener may ask there: neither ISM_INTERNAL_SECRET nor ISM_INTERNAL_TLS_CERT_FILE is set", "address", h.cfg.HTTP.InternalAddress)
	}
	public, internal := httpapi.New(h.cfg.HTTP, deps), httpapi.NewInternal(h.cfg.HTTP, deps)
	h.group.Add(lifecycle.Part{Name: "internal listener", Run: internal.Run})
	h.group.Add(lifecycle.Part{Name: "token verification", Run: h.Verifier.Run})
	h.group.Add(lifecycle.Part{Name: "sign-outs", Run: h.SignOuts.Follow(h.Bus), Beside: true})
	for _, service := range services {
		Route(service, public, internal)
		if limited, ok := service.(Limited); ok {
			h.limits.Name(limited.Limited()...)
		}
		for _, part := range service.Parts() {
			h.group.Add(part)
		}
	}
	h.group.Add(lifecycle.Part{Name: "public listener", Run: func(ctx context.Context) error {
		if h.replicated {
			public.KeepConnections(connectionsKept)
			public.AwaitReady(ctx, listenAtLatest)
		}
		return public.Run(ctx) //nolint:wrapcheck // it says what it is
	}})
	err := h.group.Run(ctx)
	h.Bus.Close()
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, h.Telemetry.Shutdown(flush))
}
