package deployment

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that a test starts, kills and starts again.
type process struct {
	name           string
	path           string
	args           []string
	env            []string
	readyURL       string // answers 200 once the process is ready; "" where there is none
	logFile        string
	infrastructure bool // not one of the messenger's own

	cmd  *exec.Cmd
	done chan struct{} // closed once the running program has ended
}

// start starts the program, its log behind that of its earlier lives.
func (p *process) start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatalf("open the log of %s: %v", p.name, err)
	}
	defer log.Close()
	cmd := exec.Command(p.path, p.args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	p.cmd, p.done = cmd, done
}

func (p *process) awaitReady(t testing.TB, httpClient *http.Client) {
	t.Helper()
	if p.readyURL == "" {
		return
	}
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	var last string
	for {
		select {
		case <-p.done:
			t.Fatalf("%s ended before it was ready:\n%s", p.name, p.tail())
		case <-deadline.C:
			t.Fatalf("%s is not ready: %s\n%s", p.name, last, p.tail())
		case <-poll.C:
		}
		response, err := httpClient.Get(p.readyURL)
		if err != nil {
			last = err.Error()
			continue
		}
		body, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
		last = string(body)
	}
}

func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatalf("kill %s: %v", p.name, err)
	}
	<-p.done
}

// freeze has processes stand still, as by SIGSTOP, until the function that it gives is called, or the test ends.
func freeze(t testing.TB, processes ...*process) (thaw func()) {
	t.Helper()
	signal := func(signal syscall.Signal) {
		for _, p := range processes {
			if err := p.cmd.Process.Signal(signal); err != nil {
				t.Errorf("%s %s: %v", signal, p.name, err)
			}
		}
	}
	signal(syscall.SIGSTOP)
	thaw = sync.OnceFunc(func() { signal(syscall.SIGCONT) })
	t.Cleanup(thaw)
	return thaw
}

// terminate asks the program to stop and gives its exit code.
func (p *process) terminate(t testing.TB) int {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("stop %s: %v", p.name, err)
	}
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines go to the log
		<-p.done
		t.Fatalf("%s did not stop:\n%s", p.name, p.tail())
		return -1
	}
}

// stop ends the program at the end of a test, if it is still there.
func (p *process) stop(t testing.TB) {
	t.Helper()
	select {
	case <-p.done:
	default:
		if code := p.terminate(t); code != 0 && !p.infrastructure {
			t.Errorf("%s ended with code %d:\n%s", p.name, code, p.tail())
		}
	}
	if t.Failed() {
		t.Logf("the end of the log of %s:\n%s", p.name, p.tail())
	}
}

func (p *process) log(t testing.TB) string {
	t.Helper()
	raw, err := os.ReadFile(p.logFile)
	if err != nil {
		t.Fatalf("read the log of %s: %v", p.name, err)
	}
	return string(raw)
}

func (p *process) ours() bool { return !p.infrastructure }

func (p *process) tail() string {
	raw, err := os.ReadFile(p.logFile)
	if err != nil {
		return err.Error()
	}
	const most = 6 << 10
	return string(raw[max(0, len(raw)-most):])
}

var builds sync.Map // program name and tags → func() (string, error), once

// build builds a program of the suite, once a test binary.
func build(t testing.TB, name string, tags ...string) string {
	t.Helper()
	top, tag := root(t), strings.Join(tags, ",")
	once, _ := builds.LoadOrStore(name+" "+tag, sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp("", "ism-test-bin")
		if err != nil {
			return "", fmt.Errorf("make directory for %s: %w", name, err)
		}
		source := "./services/" + name + "/cmd/" + name
		if name == "ism" {
			source = "./cmd/ism"
		}
		cmd := exec.Command("go", "build", "-tags", tag, "-o", filepath.Join(dir, name), source)
		cmd.Dir = top
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
		return filepath.Join(dir, name), nil
	}))
	path, err := once.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var given sync.Map // addresses that this process has given out

// FreeAddress is a loopback address that nobody listens on, and that was not given out before. Its port is none of those that the system gives to
// clients: one of them could have it by the time at which it is listened on, or while what listens there is started again.
func FreeAddress(t testing.TB) string {
	t.Helper()
	const first, behind = 10_000, 32_768
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.N(behind-first))
		if _, taken := given.LoadOrStore(address, true); taken {
			continue
		}
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// environment is that of this process without what configures the suite, and with the given variables.
func environment(variables map[string]string) []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "ISM_") {
			env = append(env, variable)
		}
	}
	for name, value := range variables {
		env = append(env, name+"="+value)
	}
	return env
}
