package edge

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
)

type metrics struct {
	records     *prometheus.CounterVec
	replays     prometheus.Counter
	replayed    prometheus.Counter
	resyncs     *prometheus.CounterVec
	ringRecords prometheus.Gauge
	ringBytes   prometheus.Gauge
}

func newMetrics(registry *prometheus.Registry) metrics {
	return metrics{
		records: telemetry.Counters(registry, prometheus.CounterOpts{
			Name: "ism_realtime_records_read_total",
			Help: "Records of the logs that the edge has read, by what became of them.",
		}, "outcome", "kept", "repeat", "late", "outdated", "malformed", "expired", "unknown type", "unknown partition"),
		replays: telemetry.Register(registry, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ism_realtime_replays_total",
			Help: "Streams that resumed behind their last event id.",
		})),
		replayed: telemetry.Register(registry, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ism_realtime_replayed_events_total",
			Help: "Events that resumed streams had missed.",
		})),
		resyncs: telemetry.Counters(registry, prometheus.CounterOpts{
			Name: "ism_realtime_resyncs_total",
			Help: "How often streams told their clients to reload, by reason.",
		}, "reason", reasonMalformed, reasonOther, reasonExpired, reasonUnknown, reasonUnreadable, reasonLate, reasonJumped),
		ringRecords: telemetry.Register(registry, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ism_realtime_ring_records",
			Help: "Events kept for resuming streams.",
		})),
		ringBytes: telemetry.Register(registry, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ism_realtime_ring_bytes",
			Help: "Memory of the events kept for resuming streams, about.",
		})),
	}
}
