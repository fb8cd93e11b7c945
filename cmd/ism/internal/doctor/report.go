package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// Result is the outcome of a check.
type Result string

// What comes of a check. What could not be looked at is never ok.
const (
	OK         Result = "ok"
	Fault      Result = "fault"
	Warning    Result = "warning"
	NotChecked Result = "not checked"
)

// Finding is what a check found.
type Finding struct {
	Group  string `json:"group"`
	Check  string `json:"check"`
	Result Result `json:"result"`
	Found  string `json:"found"`
	Do     string `json:"do,omitempty"` // what to do about it, or what it takes to check it
}

// notes take a check's findings, until it has used up its time.
type notes struct {
	group, check string

	mu       sync.Mutex
	closed   bool
	findings []Finding
}

func (n *notes) add(result Result, found, do string) { n.addAs(n.check, result, found, do) }

// addAs adds a finding that has a name of its own.
func (n *notes) addAs(check string, result Result, found, do string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.findings = append(n.findings, Finding{n.group, check, result, found, do})
	}
}

func (n *notes) ok(format string, args ...any) { n.add(OK, fmt.Sprintf(format, args...), "") }

// close gives the findings; what comes later is dropped.
func (n *notes) close() []Finding {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	return n.findings
}

// report is what the doctor says.
type report struct {
	Target   string         `json:"target"`
	Findings []Finding      `json:"findings"`
	Counts   map[Result]int `json:"counts"`
}

func newReport(target string, findings []Finding) report {
	r := report{Target: target, Findings: findings, Counts: map[Result]int{OK: 0, Fault: 0, Warning: 0, NotChecked: 0}}
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
	var groups []string
	for _, f := range r.Findings {
		width = max(width, len(f.Check))
		if !slices.Contains(groups, f.Group) {
			groups = append(groups, f.Group)
		}
	}
	var text strings.Builder
	for _, group := range groups {
		fmt.Fprintf(&text, "%s\n", group)
		for _, f := range r.Findings {
			if f.Group != group {
				continue
			}
			fmt.Fprintf(&text, "  %-*s  %-*s  %s\n", len(NotChecked), f.Result, width, f.Check, f.Found)
			if f.Do != "" {
				fmt.Fprintf(&text, "  %*s  do: %s\n", len(NotChecked)+2+width, "", f.Do)
			}
		}
		text.WriteString("\n")
	}
	fmt.Fprintf(&text, "%d ok, %s, %s, %d not checked\n", r.Counts[OK], count(r.Counts[Fault], "fault"), count(r.Counts[Warning], "warning"), r.Counts[NotChecked])
	if _, err := io.WriteString(out, text.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// count says how many there are of a thing.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// leastSecret is the length from which a secret is looked for in what is printed; shorter ones would garble ordinary words.
const leastSecret = 6

// redact takes secrets out of the findings: a library may have put one into its error.
func redact(findings []Finding, secrets []string) {
	var pairs []string
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may contain another
	for _, secret := range secrets {
		if len(secret) >= leastSecret {
			pairs = append(pairs, secret, "[secret]")
		}
	}
	hide := strings.NewReplacer(pairs...)
	for i := range findings {
		findings[i].Found, findings[i].Do = hide.Replace(findings[i].Found), hide.Replace(findings[i].Do)
	}
}
