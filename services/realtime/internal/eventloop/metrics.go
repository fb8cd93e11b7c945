package eventloop

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
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
	reasons := make([]string, 0, len(stream.Reasons()))
	for _, reason := range stream.Reasons() {
		reasons = append(reasons, reason.String())
	}
	return &metrics{
		open: telemetry.Register(registry, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ism_realtime_streams_open",
			Help: "Open event streams.",
		})),
		refused: telemetry.Counters(registry, prometheus.CounterOpts{
			Name: "ism_realtime_streams_refused_total",
			Help: "Streams refused because there were too many in this process.",
		}, "limit", "process"),
		ended: telemetry.Counters(registry, prometheus.CounterOpts{
			Name: "ism_realtime_streams_ended_total",
			Help: "Event streams that ended, by reason: slow, gone, silent, garbage, expired, replaced, disconnected, signed-out or drained.",
		}, "reason", reasons...),
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

// written counts a chunk, and measures how late its frames are.
func (m *metrics) written(chunk stream.Chunk, now time.Time) {
	m.events.Add(float64(len(chunk.Frames)))
	if !chunk.Live {
		return
	}
	for _, frame := range chunk.Frames {
		m.delay.Observe(max(0, now.Sub(frame.Event.At).Seconds()))
	}
}

// observeQueues reports what waits for clients, at each scrape.
func observeQueues(registry *prometheus.Registry, s *Server) {
	telemetry.Register(registry, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ism_realtime_queue_bytes",
		Help: "Bytes of events that wait for clients, those included that are being written.",
	}, func() float64 {
		total := 0
		for _, c := range s.registry.each() {
			_, bytes := c.waiting()
			total += bytes
		}
		return float64(total)
	}))
}
