package resources

import (
	"net"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

func TestStatIsReadBehindAnyName(t *testing.T) {
	got, err := parseStat("42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 5 6 7\n")
	if want := (process{parent: 7, cpu: 127 * clockTick}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if _, err := parseStat("42 (short) S"); err == nil {
		t.Error("half a line was taken")
	}
}

// What a child has used, while it runs and after it has ended, is its parent's tree's.
func TestUsageIsOfTheWholeTree(t *testing.T) {
	root := exec.Command("sh", "-c", `i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done & wait; echo done; read -r _`)
	in, err := root.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := root.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := root.Start(); err != nil {
		t.Fatal(err)
	}
	parts := Parts{"shell": root.Process.Pid, "test": os.Getpid()}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	usage, err := parts.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if got := usage["shell"]; got.CPU < 2*clockTick || got.Memory < 64<<10 {
		t.Errorf("the shell whose child has counted used %+v", got)
	}
	if slices.Contains(parts.tree(mustProcesses(t), os.Getpid()), root.Process.Pid) {
		t.Error("the shell is counted with the test that has started it, too")
	}
	_ = in.Close()
	_ = root.Wait()
	if _, err := parts.Usage(); err == nil {
		t.Error("a process that is gone has a usage")
	}
}

func mustProcesses(t *testing.T) map[int]process {
	t.Helper()
	all, err := processes()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestListenerIsFoundByItsPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if pid, err := Listener(address); err != nil || pid != os.Getpid() {
		t.Errorf("%d, %v listens; this is %d", pid, err, os.Getpid())
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if pid, err := Listener(address); err == nil {
		t.Errorf("%d listens on a port that is closed", pid)
	}
}

func TestMachineGoesForward(t *testing.T) {
	before, err := Machine()
	if err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); time.Since(begun) < 50*time.Millisecond; {
	}
	after, err := Machine()
	if err != nil || after <= before {
		t.Errorf("%v, then %v, %v", before, after, err)
	}
}
