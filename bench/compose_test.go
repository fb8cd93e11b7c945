//go:build compose

package main

import (
	"testing"
	"time"

	"github.com/ism-chat/ism/bench/load"
	"github.com/ism-chat/ism/test/deployment"
)

// heating is how long the stack is loaded before it is measured: its JVMs take thousands of messages to compile what is hot.
const heating = 60 * time.Second

// BenchmarkCompose measures the compose stack as it is, through its gateway and with everything traced: as it is after its
// start, and warm.
func BenchmarkCompose(b *testing.B) {
	stack := deployment.Compose(b)
	for b.Loop() {
		measure(b, stack.Deployment, "compose-cold")
		throughput(b, stack, heating)
		// What it remembers of that would be at its memory's limit, which slows everything on the machine.
		stack.Run(b, "restart", "jaeger")
		measure(b, stack.Deployment, "compose")
	}
}

func throughput(b *testing.B, stack *deployment.Stack, duration time.Duration, shares ...float64) (perSecond []float64) {
	b.Helper()
	perSecond, err := load.Throughput(b.Context(), load.Options{
		BaseURL: stack.BaseURL, Issuer: stack.Issuer, ClientID: "ism-demo", Users: load.Names(users), RoomSize: roomSize,
		Duration: duration, WarmUp: warmUp,
	}, shares...)
	if err != nil {
		b.Fatal(err)
	}
	return perSecond
}

// BenchmarkComposeTracing compares the throughput with one request in ten traced to that with none: in turns of two seconds within
// one load, as the requests themselves ask for it: the stack must run with GATEWAY_TRACE_CONTEXT=propagate.
func BenchmarkComposeTracing(b *testing.B) {
	stack := deployment.Compose(b)
	for b.Loop() {
		throughput(b, stack, heating)
		stack.Run(b, "restart", "jaeger")
		perSecond := throughput(b, stack, 3*time.Minute, 0, 0.1)
		b.ReportMetric(perSecond[0], "untraced-msg/s")
		b.ReportMetric(perSecond[1], "traced-msg/s")
		b.ReportMetric(perSecond[1]/perSecond[0], "ratio")
	}
}
