package examine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ism-chat/ism/libs/config"
)

// Result is the outcome of a check.
type Result string

// The outcomes of a check. What could not be looked at is never ok.
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

// Notes take a check's findings until its time is up.
type Notes struct {
	group, check string

	mu       sync.Mutex
	closed   bool
	findings []Finding
}

// Add adds a finding, and what to do about it.
func (n *Notes) Add(result Result, found, do string) { n.AddAs(n.check, result, found, do) }

// AddAs adds a finding under a name of its own instead of the check's.
func (n *Notes) AddAs(check string, result Result, found, do string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.findings = append(n.findings, Finding{n.group, check, result, found, do})
	}
}

// OK adds that all is well.
func (n *Notes) OK(format string, args ...any) { n.Add(OK, fmt.Sprintf(format, args...), "") }

// close gives the findings; what comes later is dropped.
func (n *Notes) close() []Finding {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	return n.findings
}

// Configured makes the look only if the settings that begin with prefix allow it, and notes what is wrong with them if not.
// Without the setting needed, which has its name after the prefix, there is nothing to look at.
func Configured(found config.Findings, prefix, needed string, look Look) Look {
	needed = prefix + needed
	malformed, missing := found.Malformed.Under(prefix), found.Missing.Under(prefix)
	return func(ctx context.Context, n *Notes) {
		switch {
		case !found.Has(prefix):
			n.Add(NotChecked, "there is no "+needed, "set "+needed+" as the service has it: docker compose run --rm doctor does")
		case len(malformed) > 0:
			n.Add(NotChecked, malformed[0].Variable+" cannot be used, see configuration", "")
		case len(missing) > 0:
			for _, fault := range missing {
				n.Add(Fault, fault.Variable+" is missing, though others of "+prefix+"… are set", "set "+fault.Variable+": "+fault.Problem)
			}
		case !found.Given[needed]:
			n.Add(NotChecked, "there is no "+needed, "set "+needed+" as the service has it")
		default:
			look(ctx, n)
		}
	}
}

// Count says how many there are of a thing.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// leastSecret is the length from which a secret is looked for in what is printed; shorter ones would garble ordinary words.
const leastSecret = 6

// Redact takes secrets out of the findings: a library may have put one into its error.
func Redact(findings []Finding, secrets []string) {
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

// Password gives a password as a secret, unless it is the user's name: that would hide the name.
func Password(user string, password config.Secret) []string {
	if password.Reveal() == user {
		return nil
	}
	return []string{password.Reveal()}
}
