// Package report keeps the rows of measurements in a file, and makes a table of their medians.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ism-chat/ism/bench/load"
)

// The phases of a deployment's life.
const (
	Cold = "cold" // from the first second after the services are ready
	Warm = "warm"
	Rest = "rest" // streams are open, nobody writes
)

// Row is one measurement of one deployment of one build.
type Row struct {
	Build      string `json:"build"`
	Deployment string `json:"deployment"`
	Phase      string `json:"phase"`
	Run        int    `json:"run"` // from 1
	load.Result
	// CPU is what each part used, in ms a message that was acknowledged; at rest, in ms a second.
	CPU map[string]float64 `json:"cpuMs"`
	// Machine is what the whole machine used meanwhile, in the same unit: where it is much more than all parts, others were at work.
	Machine float64 `json:"machineMs"`
	// Cores is how many cores all parts kept busy.
	Cores float64 `json:"coresBusy"`
	// Memory is what each part held at the end, in MiB.
	Memory map[string]float64 `json:"memoryMiB"`
	// Requests to Kafka by API, a message; at rest, a second. Empty where the services do not tell.
	Requests map[string]float64 `json:"kafkaRequests,omitempty"`
}

// Total sums the parts of a row up.
func Total(parts map[string]float64) float64 {
	sum := 0.0
	for _, part := range parts {
		sum += part
	}
	return sum
}

// Append adds rows to a file, a line of JSON each.
func Append(file string, rows ...Row) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("keep results: %w", err)
	}
	out, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep results: %w", err)
	}
	defer func() { err = cmp.Or(err, out.Close()) }()
	for _, row := range rows {
		if err := json.NewEncoder(out).Encode(row); err != nil {
			return fmt.Errorf("keep results: %w", err)
		}
	}
	return nil
}

// series are the rows that are runs of the same.
type series struct {
	deployment, phase string
	rate              int
	build             string
}

// Table gives the medians of rows that are runs of the same, builds beside each other.
func Table(rows []Row) string {
	runs := map[series][]Row{}
	for _, row := range rows {
		key := series{row.Deployment, row.Phase, row.Rate, row.Build}
		runs[key] = append(runs[key], row)
	}
	keys := slices.SortedFunc(maps.Keys(runs), func(a, b series) int {
		phases := []string{Cold, Warm, Rest}
		return cmp.Or(cmp.Compare(a.deployment, b.deployment), cmp.Compare(slices.Index(phases, a.phase), slices.Index(phases, b.phase)), cmp.Compare(a.rate, b.rate), cmp.Compare(a.build, b.build))
	})
	var b strings.Builder
	b.WriteString("| deployment | phase | messages/s | build | runs | send→ack p50 / p99 ms | send→deliver p50 / p99 ms | refused | lost / twice | sustained/s | CPU ms a message | cores | MiB | Kafka requests a message |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, key := range keys {
		of := runs[key]
		m := func(figure func(Row) float64) float64 { return median(of, figure) }
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %d | ", key.deployment, key.phase, key.rate, key.build, len(of))
		if key.phase == Rest {
			b.WriteString("- | - | - | - | - | ")
		} else {
			fmt.Fprintf(&b, "%.1f / %.1f | %.1f / %.1f | %.1f %% | %.0f / %.0f | %.0f | ",
				m(func(r Row) float64 { return r.Ack.P50 }), m(func(r Row) float64 { return r.Ack.P99 }),
				m(func(r Row) float64 { return r.Delivery.P50 }), m(func(r Row) float64 { return r.Delivery.P99 }),
				m(func(r Row) float64 { return 100 * float64(r.Failed) / float64(max(r.Sent, 1)) }),
				m(func(r Row) float64 { return float64(r.Expected - r.Delivered) }), m(func(r Row) float64 { return float64(r.Repeated) }),
				m(func(r Row) float64 { return r.Sustained }))
		}
		fmt.Fprintf(&b, "%s | %.2f | %s | %s |\n", parts(of, 2, func(r Row) map[string]float64 { return r.CPU }),
			m(func(r Row) float64 { return r.Cores }), parts(of, 0, func(r Row) map[string]float64 { return r.Memory }),
			parts(of, 2, func(r Row) map[string]float64 { return r.Requests }))
	}
	b.WriteString("\nAt rest, CPU and requests are those of a second.\n")
	return b.String()
}

// parts gives the total and what it consists of, the largest first.
func parts(of []Row, decimals int, figures func(Row) map[string]float64) string {
	names := map[string]float64{}
	for _, row := range of {
		for name := range figures(row) {
			names[name] = median(of, func(r Row) float64 { return figures(r)[name] })
		}
	}
	if len(names) == 0 {
		return "-"
	}
	sorted := slices.SortedFunc(maps.Keys(names), func(a, b string) int { return cmp.Or(cmp.Compare(names[b], names[a]), cmp.Compare(a, b)) })
	var each []string
	for _, name := range sorted {
		each = append(each, fmt.Sprintf("%s %.*f", name, decimals, names[name]))
	}
	total := median(of, func(r Row) float64 { return Total(figures(r)) })
	return fmt.Sprintf("**%.*f**: %s", decimals, total, strings.Join(each, ", "))
}

// median is the middle figure, of an even number the mean of the two.
func median(of []Row, figure func(Row) float64) float64 {
	figures := make([]float64, len(of))
	for i, row := range of {
		figures[i] = figure(row)
	}
	slices.Sort(figures)
	return (figures[(len(figures)-1)/2] + figures[len(figures)/2]) / 2
}
