package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ism-chat/ism/bench/load"
	"github.com/ism-chat/ism/test/deployment"
)

const (
	users    = 20
	roomSize = 10
	rate     = 100 // messages a second
	duration = 20 * time.Second
	warmUp   = 5 * time.Second
	idle     = 10 * time.Second
)

// BenchmarkOneProcess measures the messenger in one process: its start, its memory at rest, and messages.
func BenchmarkOneProcess(b *testing.B) {
	for b.Loop() {
		begun := time.Now()
		d := deployment.OneProcess(b)
		b.ReportMetric(float64(time.Since(begun).Milliseconds()), "start-ms")
		<-time.After(idle)
		b.ReportMetric(float64(d.Memory(b, "ism"))/(1<<20), "idle-MiB")
		measure(b, d, "one-process")
		b.ReportMetric(float64(d.Memory(b, "ism"))/(1<<20), "loaded-MiB")
	}
}

// BenchmarkFiveProcesses measures the five services on the engines, behind the gateway.
func BenchmarkFiveProcesses(b *testing.B) {
	for b.Loop() {
		d := deployment.FiveProcesses(b)
		measure(b, d, "five-processes")
		for _, service := range []string{"rooms", "messages", "realtime"} {
			b.ReportMetric(float64(d.Memory(b, service))/(1<<20), service+"-MiB")
		}
	}
}

func measure(b *testing.B, d *deployment.Deployment, name string) {
	b.Helper()
	result, err := load.Run(b.Context(), load.Options{
		BaseURL: d.BaseURL, Issuer: d.Issuer, ClientID: "ism-demo", Users: load.Names(users), RoomSize: roomSize,
		Rate: rate, Duration: duration, WarmUp: warmUp,
	})
	if err != nil {
		b.Fatal(err)
	}
	if result.Failed > 0 || result.Delivered != result.Expected {
		b.Errorf("%d sends failed, %d of %d delivered", result.Failed, result.Delivered, result.Expected)
	}
	b.Logf("%s\n%s", d.Name, result.Table())
	b.ReportMetric(result.Ack.P50, "ack-p50-ms")
	b.ReportMetric(result.Ack.P99, "ack-p99-ms")
	b.ReportMetric(result.Delivery.P50, "deliver-p50-ms")
	b.ReportMetric(result.Delivery.P99, "deliver-p99-ms")
	raw, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.MkdirAll("results", 0o750); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("results", name+".json"), append(raw, '\n'), 0o600); err != nil {
		b.Fatal(err)
	}
}
