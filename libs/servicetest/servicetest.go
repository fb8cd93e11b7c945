// Package servicetest has what the tests of every service begin with: waiting for a condition, a log that is kept, and the check for
// goroutines that nobody waits for. Package nodetest beneath it runs a service behind its listeners.
package servicetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	// Timeout is how long a test waits for what must come: far longer than it takes on the slowest machine.
	Timeout = 60 * time.Second

	pollInterval = 5 * time.Millisecond
)

// Await waits until the condition holds. After [Timeout] it fails the test with what was waited for.
func Await(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	deadline := time.After(Timeout)
	for !holds() {
		select {
		case <-poll.C:
		case <-deadline:
			tb.Fatalf("waited %s in vain: %s", Timeout, what)
		}
	}
}

// AwaitSuccess is [Await] for what says why it does not hold: it waits until do gives no error.
func AwaitSuccess(tb testing.TB, what string, do func() error) {
	tb.Helper()
	var err error
	defer func() {
		if err != nil {
			tb.Logf("the last error: %v", err)
		}
	}()
	Await(tb, what, func() bool { err = do(); return err == nil })
}

// Run runs a part until the function that it gives is called, at the latest at the end of the test. A part that fails fails the test.
func Run(tb testing.TB, name string, part func(ctx context.Context) error) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := part(ctx); err != nil {
			tb.Errorf("%s: %v", name, err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	tb.Cleanup(stop)
	return stop
}

// FreePort is a port of loopback at which nobody listens.
func FreePort(tb testing.TB) int {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer listener.Close() // it has given its port
	return listener.Addr().(*net.TCPAddr).Port
}

// VerifyNoLeaks runs a package's tests and fails where a goroutine is left. It passes over what libraries never wait for, and over those
// with one of the given functions on their stack. What is ending has [Timeout] for that: a client of Kafka that could not leave its group in
// time closes beside the tests that follow.
func VerifyNoLeaks(m *testing.M, ignored ...string) {
	ignored = append(ignored,
		// fasthttp keeps one goroutine for the Date header for ever, and one of each server until it next wakes from a sleep of ten seconds.
		"github.com/valyala/fasthttp.updateServerDate.func1",
		"github.com/valyala/fasthttp.(*workerPool).Start.func2",
		// A client of Kafka that cannot leave its group ends with the process at the latest, see there. Package bus holds those of its own tests
		// to their end, while their broker is there.
		"github.com/ism-chat/ism/libs/bus.closeWithin.func1",
		// gocql does not wait for what it begins when a schema is changed, here by tests that run beside this one.
		"github.com/gocql/gocql.(*Session).handleSchemaEvent")
	options := make([]goleak.Option, len(ignored))
	for i, function := range ignored {
		options[i] = goleak.IgnoreAnyFunction(function)
	}
	code := m.Run()
	if code == 0 {
		if err := leftAfter(Timeout, options); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// leftAfter gives the goroutines that are left after so long.
func leftAfter(limit time.Duration, options []goleak.Option) error {
	deadline := time.Now().Add(limit)
	for {
		err := goleak.Find(options...) // it looks for half a second
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// Log keeps what is logged, for a [log/slog.TextHandler] or a [log/slog.JSONHandler] to write to. The zero value is ready. It is safe for
// concurrent use.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is all that has been logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Errors are the lines of level error.
func (l *Log) Errors() []string {
	var lines []string
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, `"level":"ERROR"`) {
			lines = append(lines, line)
		}
	}
	return lines
}

// Records are the records that a [log/slog.JSONHandler] has written.
func (l *Log) Records(tb testing.TB) []map[string]any {
	tb.Helper()
	var records []map[string]any
	for line := range strings.Lines(l.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			tb.Fatalf("a line of the log is no JSON: %q: %v", line, err)
		}
		records = append(records, record)
	}
	return records
}
