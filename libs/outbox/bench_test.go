package outbox_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

// BenchmarkCommitToLog commits one event after the other, some time apart, and measures from the commit to the log's acknowledgement, on Postgres and Kafka.
func BenchmarkCommitToLog(b *testing.B) {
	s := onPostgres(b, newDatabase(b))
	_, producer := onKafka(b)
	r := newRelay(b, s)
	run(b, r, producer)
	first, _ := appendRead(b, s, uuid.New())
	r.Await(b.Context(), first)
	var times []time.Duration
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for b.Loop() {
		<-tick.C
		row, _ := appendRead(b, s, uuid.New())
		committed := time.Now()
		r.Await(b.Context(), row)
		times = append(times, time.Since(committed))
	}
	slices.Sort(times)
	for name, share := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99} {
		b.ReportMetric(float64(times[int(share*float64(len(times)-1))].Microseconds())/1000, name)
	}
}
