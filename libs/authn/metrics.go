package authn

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
)

type metrics struct {
	tokens  *prometheus.CounterVec
	fetches *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) metrics {
	counter := func(name, about string, results ...string) *prometheus.CounterVec {
		return telemetry.Counters(registry, prometheus.CounterOpts{Name: name, Help: about}, "result", results...)
	}
	return metrics{
		tokens: counter("ism_authn_requests_total",
			"Requests to routes that need a bearer token, by result: accepted, refused, missing or unjudged (no keys yet).",
			"accepted", "refused", "missing", "unjudged"),
		fetches: counter("ism_authn_key_fetches_total", "Fetches of the issuer's keys, by result: ok or failed.", "ok", "failed"),
	}
}
