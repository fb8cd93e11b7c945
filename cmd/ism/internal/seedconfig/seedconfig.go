// Package seedconfig carries the configuration of the Rust ISM over: production.config.toml becomes a .env.
package seedconfig

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/media"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/notifications"
	"github.com/ism-chat/ism/services/rooms"
)

// limit is the size of the largest file that is taken for a configuration, bytes.
const limit = 1 << 20

const usage = `usage: ism import-config FILE

Prints the .env for a production.config.toml of the Rust ISM, with its passwords, to standard output; what has no variable is
told on standard error. docs/configuration-from-toml.md has the table of all keys.
`

// Main runs the command and gives its exit code: 0, 1 if the .env cannot be written, and 2 for a wrong command line or a file
// that cannot be used; then nothing is written to stdout.
func Main(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("ism import-config", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if err != nil || flags.NArg() != 1 {
		fmt.Fprint(stderr, usage)
		return deployable.ExitUsage
	}
	path := flags.Arg(0)
	content, err := open(path)
	if err != nil {
		fmt.Fprintf(stderr, "ism import-config: %v\n", err)
		return deployable.ExitUsage
	}
	found, faults := read(content)
	var lines []line
	var remarks []remark
	if len(faults) == 0 {
		lines, remarks = convert(found)
		faults = refusals(lines)
	}
	for _, f := range faults {
		at := path
		if f.line > 0 {
			at = fmt.Sprintf("%s:%d", path, f.line)
		}
		fmt.Fprintf(stderr, "%s: %s\n", at, f.problem)
	}
	if len(faults) > 0 {
		return deployable.ExitUsage
	}
	for _, r := range remarks {
		fmt.Fprintf(stderr, "%s: %s\n", r.key, r.text)
	}
	if err := write(stdout, lines); err != nil {
		fmt.Fprintf(stderr, "ism import-config: write the .env: %v\n", err)
		return 1
	}
	return 0
}

func open(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return "", err
	}
	if len(content) > limit {
		return "", fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return string(content), nil
}

// ofCompose are the variables that only the compose stack reads.
var ofCompose = []string{"GATEWAY_BIND", "GATEWAY_PORT"}

// refusals asks the services what they would say of the variables.
func refusals(lines []line) []fault {
	var environ []string
	from := map[string]string{}
	for _, l := range lines {
		if !slices.Contains(ofCompose, l.variable) {
			environ = append(environ, l.variable+"="+l.value)
			from[l.variable] = strings.Join(l.from, ", ")
		}
	}
	findings, err := config.Survey(environ, &rooms.ProgramConfig{}, &messages.ProgramConfig{}, &notifications.ProgramConfig{}, &media.ProgramConfig{})
	if err != nil {
		return []fault{{problem: err.Error()}}
	}
	var faults []fault
	for _, refused := range slices.Concat(findings.Malformed, findings.Unread) {
		faults = append(faults, fault{problem: fmt.Sprintf("%s: %s %s", from[refused.Variable], refused.Variable, refused.Problem)})
	}
	return faults
}

const head = `# Made from the Rust ISM's production.config.toml. It has passwords.
#
# Each service refuses variables that it does not know: give it those that begin with its name, and those without a service's name.
# GATEWAY_BIND and GATEWAY_PORT are the compose stack's. That stack runs engines of its own; to use yours instead, see
# docs/configuration-from-toml.md.
`

func write(out io.Writer, lines []line) error {
	if _, err := io.WriteString(out, head); err != nil {
		return err
	}
	for _, l := range lines {
		if _, err := fmt.Fprintf(out, "\n# %s\n%s=%s\n", strings.Join(l.from, ", "), l.variable, quote(l.value)); err != nil {
			return err
		}
	}
	return nil
}

// quote writes a value so that compose, and a shell, read it back unchanged. Between single quotes all stands for itself; but
// neither a quote nor a backslash before one can stand there for both of them.
func quote(value string) string {
	if !strings.ContainsAny(value, `'\`) {
		return "'" + value + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(value) + `"`
}
