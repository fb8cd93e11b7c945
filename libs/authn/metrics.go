package authn

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
)

type metrics struct {
	tokens  *prometheus.CounterVec
	fetches *prometheus.CounterVec
	fetched *prometheus.GaugeVec
}

func newMetrics(registry prometheus.Registerer) metrics {
	counter := func(name, about string, results ...string) *prometheus.CounterVec {
		return telemetry.Counters(registry, prometheus.CounterOpts{Name: name, Help: about}, "result", results...)
	}
	return metrics{
		tokens: counter("ism_authn_requests_total",
			"Requests to routes that need a bearer token, by result: accepted, refused, missing or unjudged (no keys yet, or too old ones, or not known yet who was signed out).",
			"accepted", "refused", "missing", "unjudged"),
		fetches: counter("ism_authn_key_fetches_total", "Fetches of the issuer's keys, by result: ok or failed.", "ok", "failed"),
		fetched: telemetry.Register(registry, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ism_authn_keys_fetched_timestamp_seconds",
			Help: "When the issuer's keys were last fetched, in seconds since 1970; 0: not yet. They are trusted for ISM_OIDC_MAX_KEY_AGE.",
		}, []string{"issuer"})),
	}
}
