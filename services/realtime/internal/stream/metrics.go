package stream

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
)

type metrics struct {
	open    prometheus.Gauge
	refused *prometheus.CounterVec
	ended   *prometheus.CounterVec
	events  prometheus.Counter
	bytes   prometheus.Counter
	delay   prometheus.Histogram
}

func newMetrics(registry *prometheus.Registry) *metrics {
	return &metrics{
		open: telemetry.Register(registry, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ism_realtime_streams_open",
			Help: "Open event streams.",
		})),
		refused: telemetry.Counters(registry, prometheus.CounterOpts{
			Name: "ism_realtime_streams_refused_total",
			Help: "Streams refused because there were too many, of the process or of the user.",
		}, "limit", "process", "user"),
		ended: telemetry.Counters(registry, prometheus.CounterOpts{
			Name: "ism_realtime_streams_ended_total",
			Help: "Event streams that ended, by reason: slow, gone, expired or drained.",
		}, "reason", endedSlow, endedGone, endedExpired, endedDrained),
		events: telemetry.Register(registry, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ism_realtime_events_written_total",
			Help: "Events written to streams.",
		})),
		bytes: telemetry.Register(registry, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ism_realtime_bytes_written_total",
			Help: "Bytes written to streams.",
		})),
		delay: telemetry.Register(registry, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "ism_realtime_delivery_delay_seconds",
			Help:    "From the time of an event to its being written to a stream's socket, for live events.",
			Buckets: []float64{.001, .0025, .005, .0075, .01, .015, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		})),
	}
}
