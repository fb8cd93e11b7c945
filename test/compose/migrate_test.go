//go:build compose

package compose

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/ism-chat/ism/test/deployment"
)

// The images have no shell and no client of an engine: the programs themselves show their schemas and change them, as docs/operations.md has it.
func TestComposeShowsSchemas(t *testing.T) {
	stack := deployment.Compose(t)
	for _, c := range []struct {
		service, step, says string
		code                int
	}{
		{"rooms", "status", "00001_rooms.sql", 0},
		{"rooms", "up", "nothing is pending", 0},
		{"rooms", "down", "was not undone", 1},
		{"rooms", "sideways", "rooms migrate status", 2},
		{"messages", "status", "messages by id", 0},
		{"messages", "up", "nothing is pending", 0},
		{"messages", "down", "was not undone", 1},
		{"messages", "sideways", "messages migrate status", 2},
	} {
		out, err := stack.Try(t, "run", "--rm", "--no-deps", c.service, "migrate", c.step)
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code, err = exit.ExitCode(), nil
		}
		if err != nil || code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%s of %s ends with %d, %v:\n%s", c.step, c.service, code, err, out)
		}
	}
}
