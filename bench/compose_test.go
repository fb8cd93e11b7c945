//go:build compose

package main

import (
	"testing"
	"time"

	"github.com/ism-chat/ism/bench/load"
	"github.com/ism-chat/ism/test/deployment"
)

// BenchmarkCompose measures the compose stack as it is, through its gateway and with everything traced.
func BenchmarkCompose(b *testing.B) {
	for b.Loop() {
		measure(b, deployment.Compose(b).Deployment, "compose")
	}
}

// BenchmarkComposeTracing compares the throughput with one request in ten traced to that without tracing, in turns.
func BenchmarkComposeTracing(b *testing.B) {
	const turns = 3
	stack := deployment.Compose(b)
	throughput := func(endpoint, ratio, percent string) float64 {
		b.Setenv("ISM_OTLP_ENDPOINT", endpoint)
		b.Setenv("ISM_TRACE_RATIO", ratio)
		b.Setenv("GATEWAY_TRACE_PERCENT", percent)
		stack.Up(b)
		perSecond, err := load.Throughput(b.Context(), load.Options{
			BaseURL: stack.BaseURL, Issuer: stack.Issuer, ClientID: "ism-web", Users: load.Names(users), RoomSize: roomSize,
			Duration: 15 * time.Second, WarmUp: 5 * time.Second,
		})
		if err != nil {
			b.Fatal(err)
		}
		return perSecond
	}
	for b.Loop() {
		var without, with float64
		for range turns {
			off := throughput("", "1", "0.01")
			on := throughput("http://jaeger:4317", "0.1", "10")
			b.Logf("without tracing %.0f messages/s, with one in ten traced %.0f", off, on)
			without, with = without+off/turns, with+on/turns
		}
		b.ReportMetric(without, "untraced-msg/s")
		b.ReportMetric(with, "traced-msg/s")
		b.ReportMetric(with/without, "ratio")
	}
}
