package deployment

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Memory is the resident memory of a process, in bytes (VmRSS of proc_pid_status(5)).
func (d *Deployment) Memory(t testing.TB, service string) int64 {
	t.Helper()
	own, ok := d.processes[service].(*process)
	if !ok {
		t.Fatalf("the memory of %s is told by its container", service)
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", own.cmd.Process.Pid))
	if err != nil {
		t.Fatalf("read the memory of %s: %v", service, err)
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatalf("read the memory of %s: %v", service, err)
			}
			return kilobytes << 10
		}
	}
	t.Fatalf("the memory of %s is not told", service)
	return 0
}
