package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Outcomes of an operation, the values of the label outcome. Only OutcomeTimeout and OutcomeError are the system's fault.
const (
	OutcomeOK       = "ok"
	OutcomeRefused  = "refused"  // a proper answer that is no success: not found, exists already
	OutcomeCanceled = "canceled" // the caller went away
	OutcomeTimeout  = "timeout"
	OutcomeError    = "error"
)

// Outcome names how an operation ended. Refusals are the errors that are proper answers, matched with errors.Is.
func Outcome(err error, refusals ...error) string {
	if err == nil {
		return OutcomeOK
	}
	for _, refusal := range refusals {
		if errors.Is(err, refusal) {
			return OutcomeRefused
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return OutcomeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return OutcomeTimeout
	default:
		return OutcomeError
	}
}

// Register registers a collector, or gives the one of the same name and labels that somebody has registered before:
// several instances in a process, or services that share a registry, then count together. It panics when the name is
// taken by a metric of another kind or with other labels, which only a fault in the program can bring about.
func Register[C prometheus.Collector](registry prometheus.Registerer, collector C) C {
	err := registry.Register(collector)
	if err == nil {
		return collector
	}
	var taken prometheus.AlreadyRegisteredError
	if errors.As(err, &taken) {
		if existing, ok := taken.ExistingCollector.(C); ok {
			return existing
		}
	}
	panic(fmt.Sprintf("register a metric: %v", err))
}

// Counters registers a counter with one label and all the values that the label can have: each is 0 from the beginning, because
// Prometheus sees no increase in a counter that appears with its first count.
func Counters(registry prometheus.Registerer, opts prometheus.CounterOpts, label string, values ...string) *prometheus.CounterVec {
	counters := Register(registry, prometheus.NewCounterVec(opts, []string{label}))
	for _, value := range values {
		counters.WithLabelValues(value)
	}
	return counters
}

// buckets of all latencies, in seconds: half a millisecond to ten seconds, so that 10 ms and 100 ms can be read off.
func buckets() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

// Operations measures something that is done over and over: latency, traffic, errors and how much is under way.
// For a subsystem "store" the metrics are
//
//	ism_store_duration_seconds{labels}       histogram: latency
//	ism_store_operations_total{labels, outcome}  counter: traffic, and errors by their outcome
//	ism_store_in_flight{labels}              gauge: saturation, beside [Telemetry.Saturation]
//
// Labels must have few values: a route's pattern, never its path. Any number may be made for one registry.
type Operations struct {
	duration *prometheus.HistogramVec
	outcomes *prometheus.CounterVec
	inFlight *prometheus.GaugeVec
}

// Operations makes the metrics of a subsystem; about completes the sentence "Latency of …".
func (t *Telemetry) Operations(subsystem, about string, labels ...string) *Operations {
	name := func(suffix string) string { return prometheus.BuildFQName("ism", subsystem, suffix) }
	return &Operations{
		duration: Register(t.Metrics, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name("duration_seconds"), Help: "Latency of " + about + ".", Buckets: buckets(),
		}, labels)),
		outcomes: Register(t.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name("operations_total"), Help: "Number of " + about + ", by outcome: ok, refused, canceled, timeout or error.",
		}, append(labels[:len(labels):len(labels)], "outcome"))),
		inFlight: Register(t.Metrics, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: name("in_flight"), Help: "Number of " + about + " under way.",
		}, labels)),
	}
}

// With fixes the labels. Keep the result where it is used often.
func (o *Operations) With(values ...string) *Operation {
	outcome := func(name string) prometheus.Counter {
		return o.outcomes.WithLabelValues(append(values[:len(values):len(values)], name)...)
	}
	// Prometheus sees the first increase of a counter only if it was there before.
	outcome(OutcomeOK)
	outcome(OutcomeError)
	return &Operation{
		duration: o.duration.WithLabelValues(values...),
		inFlight: o.inFlight.WithLabelValues(values...),
		outcome:  outcome,
	}
}

// Operation is one kind of operation, all labels known.
type Operation struct {
	duration prometheus.Observer
	inFlight prometheus.Gauge
	outcome  func(name string) prometheus.Counter
}

// Begin measures one operation until the function that it returns is called, once, with an outcome, see [Outcome].
func (o *Operation) Begin() func(outcome string) {
	start := time.Now()
	o.inFlight.Inc()
	return func(outcome string) {
		o.inFlight.Dec()
		o.Observe(time.Since(start), outcome)
	}
}

// Observe counts an operation whose duration has been taken elsewhere. It is never under way.
func (o *Operation) Observe(duration time.Duration, outcome string) {
	o.duration.Observe(duration.Seconds())
	o.outcome(outcome).Inc()
}
