package fanout

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
)

type metrics struct {
	in, out prometheus.Counter
}

func newMetrics(registry *prometheus.Registry) metrics {
	return metrics{
		in: telemetry.Register(registry, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ism_realtime_fanout_records_in_total",
			Help: "Records of rooms that the fan-out has handled.",
		})),
		out: telemetry.Register(registry, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ism_realtime_fanout_records_out_total",
			Help: "Deliveries that the fan-out has written. Divided by the records in: its amplification.",
		})),
	}
}
