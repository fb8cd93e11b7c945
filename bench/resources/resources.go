// Package resources tells what processes have used, from /proc (proc(5)), so that a measurement can say what all of its parts cost
// together: services, gateway, engines and the generator itself.
package resources

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of times in /proc: USER_HZ is 100 on Linux, whatever the kernel's own clock.
const clockTick = 10 * time.Millisecond

// Parts are the processes that are looked at: the root of each tree by a name. A part that another one has started is not counted with
// that one.
type Parts map[string]int

// Usage is what a part has used since it started, and what it holds.
type Usage struct {
	CPU    time.Duration // of the process and its descendants, also of those that have ended and were waited for
	Memory int64         // bytes: proportional set size where /proc tells, else resident
}

// Usage is that of each part, now. A part whose root is gone is an error.
func (p Parts) Usage() (map[string]Usage, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	usage := map[string]Usage{}
	for name, root := range p {
		if _, ok := all[root]; !ok {
			return nil, fmt.Errorf("tell what %s uses: its process %d is gone", name, root)
		}
		var sum Usage
		for _, pid := range p.tree(all, root) {
			sum.CPU += all[pid].cpu
			sum.Memory += memory(pid)
		}
		usage[name] = sum
	}
	return usage, nil
}

// Machine is the processor time that the whole machine has spent on anything but idling, waiting for disks included in idling.
func Machine() (time.Duration, error) {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("tell what the machine has done: %w", err)
	}
	first, _, _ := bytes.Cut(raw, []byte("\n"))
	fields := strings.Fields(string(first)) // cpu user nice system idle iowait irq softirq steal guest guest_nice
	if len(fields) < 8 || fields[0] != "cpu" {
		return 0, errors.New("tell what the machine has done: /proc/stat has another form")
	}
	var ticks int64
	for _, at := range []int{1, 2, 3, 6, 7} {
		n, err := strconv.ParseInt(fields[at], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("tell what the machine has done: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

type process struct {
	parent int
	cpu    time.Duration
}

// processes are all of the machine, by id.
func processes() (map[int]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	all := map[int]process{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if p, err := readProcess(pid); err == nil { // otherwise it has ended meanwhile
			all[pid] = p
		}
	}
	return all, nil
}

func readProcess(pid int) (process, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, err //nolint:wrapcheck // passed over
	}
	return parseStat(string(raw))
}

// parseStat reads /proc/PID/stat. The program's name, in parentheses, may have anything in it.
func parseStat(stat string) (process, error) {
	behind := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[behind+1:]) // from the third of proc_pid_stat(5) on
	if behind < 0 || len(fields) < 15 {
		return process{}, errors.New("/proc/PID/stat has another form")
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return process{}, fmt.Errorf("read the parent: %w", err)
	}
	var ticks int64
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return process{}, fmt.Errorf("read the times: %w", err)
		}
		ticks += n
	}
	return process{parent: parent, cpu: time.Duration(ticks) * clockTick}, nil
}

// tree is a part's process with its descendants.
func (p Parts) tree(all map[int]process, root int) []int {
	parts := map[int]bool{}
	for _, other := range p {
		parts[other] = true
	}
	pids := []int{root}
	for at := 0; at < len(pids); at++ {
		for pid, process := range all {
			if process.parent == pids[at] && !parts[pid] {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func memory(pid int) int64 {
	for _, from := range []struct{ file, field string }{{"smaps_rollup", "Pss:"}, {"status", "VmRSS:"}} {
		raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), from.file))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(raw)) {
			if rest, ok := strings.CutPrefix(line, from.field); ok {
				kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
				if err == nil {
					return kilobytes << 10
				}
			}
		}
	}
	return 0
}

// Listener is the process that listens on a TCP port of this machine: how an engine is found that somebody else has started. It is an
// error where that cannot be seen: another user's process, or one in a container.
func Listener(address string) (pid int, err error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("find who listens on %s: %w", address, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("find who listens on %s: %w", address, err)
	}
	var sockets []string
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		raw, err := os.ReadFile(table)
		if err != nil {
			continue // without IPv6
		}
		sockets = append(sockets, listening(string(raw), uint16(number))...)
	}
	holders, err := filepath.Glob("/proc/[0-9]*/fd/[0-9]*")
	if err != nil {
		return 0, fmt.Errorf("find who listens on %s: %w", address, err)
	}
	var found []int
	for _, holder := range holders {
		target, err := os.Readlink(holder)
		if err == nil && slices.Contains(sockets, target) {
			id, _ := strconv.Atoi(strings.Split(holder, "/")[2])
			found = append(found, id)
		}
	}
	if len(found) == 0 {
		return 0, fmt.Errorf("find who listens on %s: nobody that can be seen", address)
	}
	// Of several that share the socket the eldest is the root: the others are its children.
	return slices.Min(found), nil
}

// listening are the sockets of a table of /proc/net that listen on the port, as the links of descriptors name them.
func listening(table string, port uint16) []string {
	const listen = "0A"
	var sockets []string
	lines := bufio.NewScanner(strings.NewReader(table))
	for lines.Scan() {
		fields := strings.Fields(lines.Text()) // sl local_address rem_address st … inode
		if len(fields) < 10 || fields[3] != listen {
			continue
		}
		_, at, _ := strings.Cut(fields[1], ":")
		if n, err := strconv.ParseUint(at, 16, 16); err == nil && uint16(n) == port {
			sockets = append(sockets, "socket:["+fields[9]+"]")
		}
	}
	return sockets
}
