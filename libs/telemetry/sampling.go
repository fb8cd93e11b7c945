package telemetry

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Sampling says which lines about what went well are logged. What failed is always logged.
type Sampling struct {
	Requests float64       // share of the traces whose requests are logged, 0 to 1
	Messages float64       // share of the traces whose messages are
	Slow     time.Duration // from this on a request is logged in any case
}

// logAll is what holds without a configuration.
func logAll() Sampling { return Sampling{Requests: 1, Messages: 1, Slow: time.Second} }

// Lines are lines of one kind in the log, of which a share is kept. Those that are left out are counted:
//
//	ism_log_lines_left_out_total{line}
type Lines struct {
	bound   uint64
	leftOut prometheus.Counter
}

// RequestLines are the access log's lines about requests that succeeded, and were not slow.
func (t *Telemetry) RequestLines() *Lines { return t.lines("request", t.Sampling.Requests) }

// MessageLines are the lines about each message and each notification that was accepted.
func (t *Telemetry) MessageLines() *Lines { return t.lines("message", t.Sampling.Messages) }

func (t *Telemetry) lines(kind string, share float64) *Lines {
	leftOut := Counters(t.Metrics, prometheus.CounterOpts{
		Name: "ism_log_lines_left_out_total", Help: "Number of lines about what went well that the log's sampling has left out.",
	}, "line", "request", "message")
	return &Lines{bound: boundOf(share), leftOut: leftOut.WithLabelValues(kind)}
}

// Keep reports whether the line of this context's trace is logged, and counts it where it is not. It goes by the trace's id alone, so that all
// services keep the lines of the same traces; where there is no trace, the line is kept.
func (l *Lines) Keep(ctx context.Context) bool {
	span := trace.SpanContextFromContext(ctx)
	if !span.HasTraceID() || randomOf(span.TraceID()) < l.bound {
		return true
	}
	l.leftOut.Inc()
	return false
}

const shares = 1 << 63 // as finely as shares are told apart

func boundOf(share float64) uint64 {
	if share >= 1 {
		return shares
	}
	return uint64(share * shares)
}

// randomOf is a trace's part that decides, of 63 bits: the one by which OpenTelemetry's TraceIDRatioBased samples traces, so that with the same
// share the traces that are sampled are those whose lines are kept.
func randomOf(id trace.TraceID) uint64 { return binary.BigEndian.Uint64(id[8:]) >> 1 }
