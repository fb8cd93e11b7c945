package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/ism-chat/ism/libs/examine"
)

// report is what the doctor says, in the order of its groups.
type report struct {
	Target   string                 `json:"target"`
	Findings []examine.Finding      `json:"findings"`
	Counts   map[examine.Result]int `json:"counts"`
}

func newReport(target string, findings []examine.Finding) report {
	r := report{Target: target, Findings: findings, Counts: map[examine.Result]int{examine.OK: 0, examine.Fault: 0, examine.Warning: 0, examine.NotChecked: 0}}
	for _, f := range findings {
		r.Counts[f.Result]++
	}
	return r
}

func (r report) writeJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func (r report) writeText(out io.Writer) error {
	width := 0
	for _, f := range r.Findings {
		width = max(width, len(f.Check))
	}
	var text strings.Builder
	group, gap := "", ""
	for _, f := range r.Findings {
		if f.Group != group {
			text.WriteString(gap + f.Group + "\n")
			group, gap = f.Group, "\n"
		}
		fmt.Fprintf(&text, "  %-*s  %-*s  %s\n", len(examine.NotChecked), f.Result, width, f.Check, f.Found)
		if f.Do != "" {
			fmt.Fprintf(&text, "  %*s  do: %s\n", len(examine.NotChecked)+2+width, "", f.Do)
		}
	}
	fmt.Fprintf(&text, gap+"%d ok, %s, %s, %d not checked\n", r.Counts[examine.OK], examine.Count(r.Counts[examine.Fault], "fault"), examine.Count(r.Counts[examine.Warning], "warning"), r.Counts[examine.NotChecked])
	if _, err := io.WriteString(out, text.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
