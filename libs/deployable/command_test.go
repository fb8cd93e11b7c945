package deployable

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/config"
)

func TestAProgramHasCommandsOfItsOwn(t *testing.T) {
	var given []string
	var fails error
	paint := Command{
		Name:  "paint",
		Usage: []Usage{{"paint COLOUR", "paint it"}, {"paint nothing", "leave it"}},
		Run: func(ctx context.Context, args []string, stdout io.Writer) error {
			if ctx.Err() != nil {
				t.Error("it has ended before it began")
			}
			given = args
			_, _ = io.WriteString(stdout, "painted")
			return fails
		},
	}
	for name, c := range map[string]struct {
		args           []string
		fails          error
		code           int
		stdout, stderr []string
		given          []string
	}{
		"it is run":                   {args: []string{"paint", "red", "twice"}, stdout: []string{"painted"}, given: []string{"red", "twice"}},
		"it fails":                    {args: []string{"paint"}, fails: errors.New("no paint"), code: 1, stdout: []string{"painted"}, stderr: []string{"rooms: no paint"}},
		"it is called in a wrong way": {args: []string{"paint"}, fails: UsageError("which colour"), code: 2, stdout: []string{"painted"}, stderr: []string{"which colour", "rooms paint COLOUR"}},
		"its configuration is faulty": {args: []string{"paint"}, fails: config.Faults{{Variable: "ISM_X", Problem: "is required"}}, code: 2, stdout: []string{"painted"}, stderr: []string{"ISM_X"}},
		"help":                        {args: []string{"help"}, stdout: []string{"rooms ", "rooms health", "rooms paint COLOUR    paint it", "rooms paint nothing", "rooms help"}},
		"help of one command":         {args: []string{"paint", "red", "--help"}, stdout: []string{"rooms paint COLOUR    paint it"}},
		"--help":                      {args: []string{"--help"}, stdout: []string{"rooms paint COLOUR"}},
		"there is no such command":    {args: []string{"pain", "red"}, code: 2, stderr: []string{`"pain red"`, "rooms health", "rooms paint COLOUR"}},
		"health takes no arguments":   {args: []string{"health", "now"}, code: 2, stderr: []string{"no arguments"}},
		"a command is its whole name": {args: []string{""}, code: 2, stderr: []string{"no command"}},
	} {
		t.Run(name, func(t *testing.T) {
			given, fails = nil, c.fails
			var stdout, stderr bytes.Buffer
			if code := runCommand("rooms", c.args, []Command{health(), paint}, &stdout, &stderr); code != c.code {
				t.Errorf("exit code %d", code)
			}
			if !slices.Equal(given, c.given) {
				t.Errorf("it is given %q", given)
			}
			expect(t, "stdout", stdout.String(), c.stdout)
			expect(t, "stderr", stderr.String(), c.stderr)
		})
	}
}

func expect(t *testing.T, stream, got string, parts []string) {
	t.Helper()
	if len(parts) == 0 && got != "" {
		t.Errorf("on %s: %s", stream, got)
	}
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not on %s: %s", part, stream, got)
		}
	}
}
