// Package lifecycle runs the parts of a deployable and stops them in order.
package lifecycle

import (
	"context"
	"log/slog"
	"time"
)

// Part is something that runs for as long as the deployable does.
type Part struct {
	Name string
	// Run runs the part until ctx is done, then drains it and returns. Returning before ctx is done ends the deployable.
	Run func(ctx context.Context) error
}

// Config is part of a deployable's configuration.
type Config struct {
	DrainDelay  time.Duration `envconfig:"DRAIN_DELAY" default:"0s" desc:"how long to stay up, not ready, before draining, so that load balancers notice"`
	StopTimeout time.Duration `envconfig:"STOP_TIMEOUT" default:"20s" desc:"how long all parts together may take to stop"`
}

// Group runs parts. Add them in the order in which they depend on each other: they are stopped in reverse.
type Group struct{}

// New makes an empty group.
func New(cfg Config, log *slog.Logger) *Group { panic("skeleton") }

// Add adds a part, before Run.
func (g *Group) Add(p Part) { panic("skeleton") }

// Draining is closed when the group begins to stop: readiness is off from then on.
func (g *Group) Draining() <-chan struct{} { panic("skeleton") }

// Run runs the parts until ctx is done or one of them ends, then stops the others.
func (g *Group) Run(ctx context.Context) error { panic("skeleton") }
