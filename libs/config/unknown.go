package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const harness = prefix + "_TEST_"

// ofCommands are what commands read that speak to a running ISM: whoever has exported them starts services, too.
func ofCommands(variable string) bool {
	switch strings.TrimSuffix(variable, fileSuffix) {
	case prefix + "_URL", prefix + "_TOKEN", prefix + "_CLIENT_ID", prefix + "_CLIENT_SECRET":
		return true
	default:
		return false
	}
}

// unknown finds the variables that nothing reads.
func unknown(env map[string]string, settings []setting) Faults {
	known := make(map[string]bool, len(settings))
	for _, s := range settings {
		for _, variable := range s.variables() {
			known[variable] = true
		}
	}
	var faults Faults
	for _, variable := range slices.Sorted(maps.Keys(env)) {
		if !known[variable] && !strings.HasPrefix(variable, harness) && !ofCommands(variable) {
			faults = append(faults, Fault{Variable: variable, Problem: unread(variable, env[variable], known)})
		}
	}
	return faults
}

func unread(variable, value string, known map[string]bool) string {
	if whole, ok := strings.CutSuffix(variable, fileSuffix); ok && known[whole] {
		return fmt.Sprintf("is not read: only secrets can be in files; set %s itself", whole)
	}
	if strings.HasSuffix(variable, "_SERVICE_HOST") || strings.Contains(variable, "_SERVICE_PORT") || strings.HasPrefix(value, "tcp://") {
		return "is not read; Kubernetes sets such variables for its services: give the pod enableServiceLinks: false"
	}
	if len(known) == 0 {
		return "is not read, nor is any other variable"
	}
	return "is not read; the nearest that is: " + nearest(variable, known)
}

// nearest gives the name that the fewest edits lead to; of several, the first in the alphabet.
func nearest(variable string, known map[string]bool) string {
	best, fewest := "", 0
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if edits := distance(variable, name); best == "" || edits < fewest {
			best, fewest = name, edits
		}
	}
	return best
}

// distance counts the edits from a to b: letters put in, left out, replaced, and neighbours swapped (optimal string
// alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
