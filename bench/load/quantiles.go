package load

import (
	"slices"
	"time"
)

// Quantiles of durations, in milliseconds.
type Quantiles struct {
	P50 float64 `json:"p50Ms"`
	P90 float64 `json:"p90Ms"`
	P99 float64 `json:"p99Ms"`
	Max float64 `json:"maxMs"`
}

// quantiles are by nearest rank; they are 0 of nothing.
func quantiles(times []time.Duration) Quantiles {
	if len(times) == 0 {
		return Quantiles{}
	}
	sorted := slices.Sorted(slices.Values(times))
	at := func(percent int) float64 {
		rank := (len(sorted)*percent + 99) / 100
		return float64(sorted[max(rank, 1)-1].Microseconds()) / 1000
	}
	return Quantiles{P50: at(50), P90: at(90), P99: at(99), Max: at(100)}
}
