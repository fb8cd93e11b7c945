//go:build compose

package compose

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/ism-chat/ism/test/deployment"
)

// The image has no shell and no client of Postgres: the program itself shows the schema and changes it, as docs/operations.md has it.
func TestComposeShowsTheSchemaOfRooms(t *testing.T) {
	stack := deployment.Compose(t)
	for _, c := range []struct {
		step, says string
		code       int
	}{
		{"status", "00001_rooms.sql", 0},
		{"up", "nothing is pending", 0},
		{"down", "was not undone", 1},
		{"sideways", "rooms migrate status", 2},
	} {
		out, err := stack.Try(t, "run", "--rm", "--no-deps", "rooms", "migrate", c.step)
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code, err = exit.ExitCode(), nil
		}
		if err != nil || code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%s ends with %d, %v:\n%s", c.step, code, err, out)
		}
	}
}
