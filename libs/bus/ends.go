package bus

import (
	"math"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/telemetry"
)

// showEnds has metrics show until when the clients' certificates are good as they are now: clients read them when they are made, and not again.
func (b *Bus) showEnds() { b.certificatesEnd().Set(b.cfg.ends()) }

func (b *Bus) certificatesEnd() prometheus.Gauge {
	return telemetry.Register(b.tel.Metrics, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "ism_kafka_certificates_end_timestamp_seconds",
		Help: "When the certificates end that the process has read at its start to show Kafka's brokers and to know them, in seconds since 1970; +Inf: it has none.",
	}, []string{"brokers"})).WithLabelValues(strings.Join(b.cfg.Brokers, ","))
}

// ends is when the first certificate ends of those that are shown, or the last one of those who vouch for the brokers: a new authority is put beside the former.
// Files that cannot be read are faults of the configuration.
func (s Security) ends() float64 {
	first, last := math.Inf(1), math.Inf(-1)
	shown, _ := certificates.Files{Certificate: s.CertFile}.Ends()
	for _, one := range shown {
		first = min(first, float64(one.At.Unix()))
	}
	trusted, _ := certificates.Files{Authority: s.CAFile}.Ends()
	for _, one := range trusted {
		last = max(last, float64(one.At.Unix()))
	}
	if len(trusted) == 0 {
		return first
	}
	return min(first, last)
}
