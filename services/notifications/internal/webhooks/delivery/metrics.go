package delivery

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/store"
)

type metrics struct {
	attempts *prometheus.CounterVec
	took     prometheus.Histogram
	givenUp  prometheus.Counter
	disabled *prometheus.CounterVec
	pending  *prometheus.GaugeVec
}

// outcomes of attempts, as the metric has them.
const (
	outcomeTaken       = "taken"
	outcomeRefused     = "refused"     // it was answered with another status than 2xx
	outcomeUnreachable = "unreachable" // it was not answered
)

func newMetrics(tel *telemetry.Telemetry) metrics {
	register := tel.Metrics
	m := metrics{
		attempts: telemetry.Register(register, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ism_webhooks_attempts_total", Help: "Webhooks sent, by what came of it: taken, refused or unreachable.",
		}, []string{"outcome"})),
		took: telemetry.Register(register, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ism_webhooks_attempt_seconds", Help: "How long receivers take to answer.", Buckets: []float64{0.05, 0.2, 1, 5, 15},
		})),
		givenUp: telemetry.Register(register, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ism_webhooks_given_up_total", Help: "Deliveries that are tried no more.",
		})),
		disabled: telemetry.Register(register, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ism_webhooks_disabled_total", Help: "Endpoints that were disabled: gone or failing.",
		}, []string{"reason"})),
		pending: telemetry.Register(register, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ism_webhooks_pending_deliveries", Help: "Deliveries that are pending, by their state, counted each minute up to 10,000.",
		}, []string{"state"})),
	}
	for _, outcome := range []string{outcomeTaken, outcomeRefused, outcomeUnreachable} {
		m.attempts.WithLabelValues(outcome)
	}
	for _, reason := range []string{Gone, Failing} {
		m.disabled.WithLabelValues(reason)
	}
	return m
}

// tell counts an attempt that was recorded, and logs what somebody may have to do something about. Disabled says that it has disabled the endpoint.
func (d *Deliveries) tell(ctx context.Context, endpoint store.Endpoint, disabled bool, delivery store.Delivery, outcome Outcome) {
	d.metrics.took.Observe(outcome.Took.Seconds())
	switch {
	case outcome.taken():
		d.metrics.attempts.WithLabelValues(outcomeTaken).Inc()
	case outcome.Status != 0:
		d.metrics.attempts.WithLabelValues(outcomeRefused).Inc()
	default:
		d.metrics.attempts.WithLabelValues(outcomeUnreachable).Inc()
	}
	log := d.log.With("webhook_id", endpoint.ID.String(), "delivery_id", delivery.ID.String(), "status", outcome.Status, "error", outcome.Error)
	if delivery.State == store.GivenUp {
		d.metrics.givenUp.Inc()
		log.WarnContext(ctx, "a webhook is given up", "attempts", delivery.Attempts)
	}
	if disabled {
		d.metrics.disabled.WithLabelValues(endpoint.Reason).Inc()
		log.ErrorContext(ctx, "an endpoint of webhooks is disabled", "reason", endpoint.Reason, "failing_since", endpoint.FailingSince)
	}
}
