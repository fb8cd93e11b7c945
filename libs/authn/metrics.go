package authn

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	tokens  *prometheus.CounterVec
	fetches *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry) (metrics, error) {
	tokens, err := counter(registry, "ism_authn_tokens_total", "Bearer tokens judged, by result: accepted, refused, missing or unjudged (no keys yet).")
	if err != nil {
		return metrics{}, err
	}
	fetches, err := counter(registry, "ism_authn_key_fetches_total", "Fetches of the issuer's keys, by result: ok or failed.")
	if err != nil {
		return metrics{}, err
	}
	return metrics{tokens: tokens, fetches: fetches}, nil
}

// counter registers a counter by result, or gives the one that another verifier of the same process has registered.
func counter(registry *prometheus.Registry, name, about string) (*prometheus.CounterVec, error) {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: about}, []string{"result"})
	err := registry.Register(vec)
	var registered prometheus.AlreadyRegisteredError
	if errors.As(err, &registered) {
		if existing, ok := registered.ExistingCollector.(*prometheus.CounterVec); ok {
			return existing, nil
		}
	}
	return vec, err
}
