// Package lifecycle runs the parts of a deployable and stops them in order.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/ism-chat/ism/libs/config"
)

// Part is something that runs for as long as the deployable does.
type Part struct {
	Name string
	// Run runs the part until ctx is done, then drains it and returns. Returning before ctx is done ends the deployable.
	Run func(ctx context.Context) error
	// Beside says that neither the part nor the one before it needs the other: they are stopped together.
	Beside bool
}

// Config is part of a deployable's configuration.
type Config struct {
	DrainDelay  time.Duration `envconfig:"DRAIN_DELAY" default:"0s" desc:"how long to stay up, not ready, before draining, so that load balancers notice"`
	StopTimeout time.Duration `envconfig:"STOP_TIMEOUT" default:"20s" desc:"how long all parts together may take to stop"`
}

// Validate says what is wrong beyond the types.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.DrainDelay < 0 {
		faults = append(faults, config.Fault{Variable: "DRAIN_DELAY", Problem: fmt.Sprintf("%s is negative", c.DrainDelay)})
	}
	if c.StopTimeout <= 0 {
		faults = append(faults, config.Fault{Variable: "STOP_TIMEOUT", Problem: fmt.Sprintf("%s is not more than 0", c.StopTimeout)})
	}
	return faults
}

// Group runs parts. Add them in the order in which they depend on each other: they are stopped in reverse.
type Group struct {
	cfg      Config
	log      *slog.Logger
	parts    []Part
	draining chan struct{}
}

// New makes an empty group.
func New(cfg Config, log *slog.Logger) *Group {
	return &Group{cfg: cfg, log: log, draining: make(chan struct{})}
}

// Add adds a part, before Run.
func (g *Group) Add(p Part) { g.parts = append(g.parts, p) }

// Draining is closed when the group begins to stop: readiness is off from then on.
func (g *Group) Draining() <-chan struct{} { return g.draining }

// Run runs the parts until ctx is done or one of them ends, then stops the others; call it once. To stop is to close
// Draining, to wait for the drain delay, and to end the context of one part after the other, each after the part before
// it has returned, unless they are beside each other. When a part takes so long that a tenth of the stop timeout is left, all that remain are stopped at
// once, so that each gets the chance to drain. When the timeout is over Run returns without those that still run.
//
// The error names the parts that ended by themselves, that failed while stopping, and that would not stop. It is nil if
// ctx ended the group and all parts stopped well.
func (g *Group) Run(ctx context.Context) error {
	started := make([]*running, 0, len(g.parts))
	ended := make(chan *running, len(g.parts))
	for _, part := range g.parts {
		started = append(started, g.start(ctx, part, ended))
	}
	log := context.WithoutCancel(ctx)
	var errs []error
	select {
	case <-ctx.Done():
		g.log.InfoContext(log, "stopping", "reason", context.Cause(ctx).Error())
	case first := <-ended:
		first.reported = true
		err := first.endedEarly()
		errs = append(errs, err)
		g.log.ErrorContext(log, "stopping", "reason", err.Error())
	}
	close(g.draining)
	if g.cfg.DrainDelay > 0 {
		time.Sleep(g.cfg.DrainDelay)
	}
	return errors.Join(append(errs, g.stop(log, started)...)...)
}

// stop stops the parts in reverse order.
func (g *Group) stop(ctx context.Context, parts []*running) []error {
	begun := time.Now()
	inOrder := time.NewTimer(g.cfg.StopTimeout - g.cfg.StopTimeout/10)
	defer inOrder.Stop()
	over := time.NewTimer(g.cfg.StopTimeout)
	defer over.Stop()
	hurry := false
	for i := len(parts) - 1; i >= 0 && !hurry; i-- {
		for together := i; together >= 0; together-- {
			parts[together].cancel()
			if !parts[together].beside {
				break
			}
		}
		select {
		case <-parts[i].done:
			g.log.InfoContext(ctx, "part stopped", "part", parts[i].name, "after", time.Since(begun).String())
		case <-inOrder.C:
			hurry = true
			g.log.WarnContext(ctx, "part takes long to stop: the parts beneath it are stopped now", "part", parts[i].name)
		}
	}
	for _, part := range parts {
		part.cancel()
	}
	timedOut := false
	var errs []error
	var stuck []string
	for i := len(parts) - 1; i >= 0; i-- {
		if !timedOut {
			select {
			case <-parts[i].done:
			case <-over.C:
				timedOut = true
			}
		}
		select {
		case <-parts[i].done:
			if err := parts[i].failedToStop(); err != nil {
				errs = append(errs, err)
			}
		default:
			stuck = append(stuck, parts[i].name)
		}
	}
	if len(stuck) > 0 {
		errs = append(errs, fmt.Errorf("would not stop within %s: %s", g.cfg.StopTimeout, strings.Join(stuck, ", ")))
	}
	return errs
}

// running is a part under way. Its err is valid once done is closed.
type running struct {
	name     string
	beside   bool
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
	reported bool // the group ended because of it
}

// start runs a part in a goroutine of its own, with a context that only its turn to stop ends.
func (g *Group) start(ctx context.Context, part Part, ended chan<- *running) *running {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{name: part.Name, beside: part.Beside, cancel: cancel, done: make(chan struct{}), err: errGoexit}
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				r.err = fmt.Errorf("panic: %v", cause)
				g.log.ErrorContext(own, "part panicked", "part", part.Name, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			}
			close(r.done)
			ended <- r
		}()
		r.err = part.Run(own)
	}()
	return r
}

var (
	errEarly  = errors.New("returned although nothing had asked it to stop")
	errGoexit = errors.New("left its goroutine by runtime.Goexit")
)

// endedEarly is the error of a part that ended while the group was to run.
func (r *running) endedEarly() error {
	err := r.err
	if err == nil {
		err = errEarly
	}
	return fmt.Errorf("%s ended: %w", r.name, err)
}

// failedToStop is the error of a part that ended while the group was stopping, nil if it ended well.
func (r *running) failedToStop() error {
	if r.reported || r.err == nil || errors.Is(r.err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("stop %s: %w", r.name, r.err)
}
