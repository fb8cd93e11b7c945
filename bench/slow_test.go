package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ism-chat/ism/bench/resources"
	"github.com/ism-chat/ism/test/deployment"
)

var (
	slowConnections = flag.Int("slow", 0, "slow connections of BenchmarkSlowConnections; 0: it is passed over")
	slowAt          = flag.String("slow-at", "", "host:port that BenchmarkSlowAttacker attacks")
	slowPairs       = flag.Int("slow-pairs", 5, "how often BenchmarkSlowConnections measures without and with them")
)

const (
	slowAddress  = "127.0.0.2" // the attacker's
	otherAddress = "127.0.0.3" // everybody else's
	slowRate     = 1000        // connections that the attacker opens a second, to come to its number and to come back when it is closed
	otherRate    = 300         // requests of the others a second, every second on a connection of its own
	slowSlice    = 6 * time.Second
	slowSettle   = 2 * time.Second
)

// BenchmarkSlowConnections measures what one address does to others with thousands of connections that say half a head, or nothing. What is closed
// comes back at once, as fast as slowRate allows. Slices without and with it follow one another; what counts is the ratio of the medians of their p99.
// The others ask for what the gateway has of a service, and no engine: GET /health.
func BenchmarkSlowConnections(b *testing.B) {
	if *slowConnections == 0 {
		b.Skip("-slow says how many connections")
	}
	raiseFileLimit(b, 20000) // the gateway's, which inherits it
	d := deployment.FiveProcesses(b, deployment.Settings{
		"ISM_OTLP_ENDPOINT": "", "ISM_LOG_LEVEL": "warn",
		"GATEWAY_CONNECTIONS_ADDRESS": "6000", "GATEWAY_STREAMS_ADDRESS": "3000", "GATEWAY_RATE_ADDRESS": "500", "GATEWAY_BURST_ADDRESS": "1000", // as compose has them
	})
	gateway := resources.Parts{"gateway": d.PIDs()["gateway"]}
	for b.Loop() {
		var alone, beside measured
		others(b, d) // warms up
		for range *slowPairs {
			alone.add(b, gateway, func() []time.Duration { return others(b, d) })
			attacker := attack(b, d, *slowConnections)
			beside.add(b, gateway, func() []time.Duration { return others(b, d) })
			held, opened := attacker.held(b)
			attacker.end()
			<-time.After(slowSettle)
			b.Logf("alone %s, beside %d connections %s; %d were opened in all", alone.last(), held, beside.last(), opened)
		}
		b.ReportMetric(milliseconds(median(alone.p99)), "alone-p99-ms")
		b.ReportMetric(milliseconds(median(beside.p99)), "beside-p99-ms")
		b.ReportMetric(ratio(beside.p99, alone.p99), "p99-ratio")
		b.ReportMetric(ratio(beside.p50, alone.p50), "p50-ratio")
		b.ReportMetric(milliseconds(median(alone.cpu)), "alone-gateway-cpu-ms/s")
		b.ReportMetric(milliseconds(median(beside.cpu)), "beside-gateway-cpu-ms/s")
	}
}

// measured is what slices of one kind have shown.
type measured struct{ p50, p99, cpu []time.Duration } // cpu: of the gateway, in a second

// add measures one. The gateway's CPU does not depend on what else the machine does, as times of answers do.
func (m *measured) add(b *testing.B, gateway resources.Parts, ask func() []time.Duration) {
	b.Helper()
	before, begun := cpuOf(b, gateway), time.Now()
	took := ask()
	seconds := time.Since(begun).Seconds()
	m.cpu = append(m.cpu, time.Duration(float64(cpuOf(b, gateway)-before)/seconds))
	m.p50, m.p99 = append(m.p50, at(took, 50)), append(m.p99, at(took, 99))
}

func (m *measured) last() string {
	i := len(m.p50) - 1
	return fmt.Sprintf("p50 %s p99 %s, %s of CPU a second", m.p50[i], m.p99[i], m.cpu[i])
}

func cpuOf(b *testing.B, parts resources.Parts) (sum time.Duration) {
	b.Helper()
	usage, err := parts.Usage()
	if err != nil {
		b.Fatal(err)
	}
	for _, of := range usage {
		sum += of.CPU
	}
	return sum
}

func median(of []time.Duration) time.Duration { return at(slices.Sorted(slices.Values(of)), 50) }

func ratio(of, to []time.Duration) float64 { return float64(median(of)) / float64(median(to)) }

// at is a percentile of durations that are sorted.
func at(sorted []time.Duration, percentile int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*percentile/100)]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// raiseFileLimit lets this process, and what it starts, have so many open files.
func raiseFileLimit(b *testing.B, files uint64) {
	b.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	if limit.Cur >= files {
		return
	}
	limit.Cur = max(limit.Cur, files)
	limit.Max = max(limit.Max, files)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatalf("have %d files open: %v", files, err)
	}
}

func dialFrom(address string) func(ctx context.Context, network, to string) (net.Conn, error) {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: 20 * time.Second}
	return dialer.DialContext
}

// others ask at their times, whatever has become of what they asked before. It gives how long each answer took, counted from its time, sorted.
func others(b *testing.B, d *deployment.Deployment) []time.Duration {
	b.Helper()
	kept := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: dialFrom(otherAddress), MaxIdleConnsPerHost: 64}}
	fresh := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: dialFrom(otherAddress), DisableKeepAlives: true}}
	defer kept.CloseIdleConnections()
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	begun := time.Now()
	for i := range int(slowSlice/time.Second) * otherRate {
		due := begun.Add(time.Duration(i) * time.Second / otherRate)
		<-time.After(time.Until(due))
		all.Go(func() {
			by := kept
			if i%2 == 0 {
				by = fresh
			}
			if status, err := health(b.Context(), by, d.BaseURL); err != nil || status != http.StatusOK {
				b.Errorf("a request of another address: %d, %v", status, err)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(due))
		})
	}
	all.Wait()
	slices.Sort(took)
	return took
}

func health(ctx context.Context, by *http.Client, base string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/health", http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := by.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// attacker is a process of its own, of the lowest priority: on a machine of its own it would take nothing from the others.
type attacker struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

// attack starts it and waits until it has tried to open all of its connections.
func attack(b *testing.B, d *deployment.Deployment, connections int) *attacker {
	b.Helper()
	door, err := url.Parse(d.BaseURL)
	if err != nil {
		b.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	a := &attacker{cmd: exec.Command("nice", "-n", "39", self, "-test.run", "^$", "-test.bench", "^BenchmarkSlowAttacker$", "-test.benchtime", "1x",
		"-slow", strconv.Itoa(connections), "-slow-at", door.Host)}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	a.lines = bufio.NewScanner(out)
	if err := a.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(a.end)
	for a.lines.Scan() {
		if held := (&holder{}); held.read(a.lines.Text()) && held.opened.Load() >= int64(connections) {
			return a
		}
	}
	b.Fatal("the attacker has ended")
	return nil
}

// held says how many connections it holds, and how many it has opened, as of now.
func (a *attacker) held(b *testing.B) (open, opened int64) {
	b.Helper()
	var last holder
	for until := time.Now().Add(2 * told); a.lines.Scan(); { // what was said meanwhile is in the pipe
		if last.read(a.lines.Text()) && time.Now().After(until) {
			break
		}
	}
	return last.open.Load(), last.opened.Load()
}

func (a *attacker) end() {
	_ = a.cmd.Process.Kill()
	_ = a.cmd.Wait()
}

const told = 200 * time.Millisecond // how often the attacker says how it fares

// BenchmarkSlowAttacker measures nothing: it is what BenchmarkSlowConnections starts, and lives until it is killed.
func BenchmarkSlowAttacker(b *testing.B) {
	if *slowAt == "" {
		b.Skip("BenchmarkSlowConnections starts it")
	}
	raiseFileLimit(b, uint64(*slowConnections)+1000)
	h, ctx := &holder{}, b.Context()
	turns := make(chan struct{})
	go pace(ctx, turns)
	for i := range *slowConnections {
		said := "GET /health HTTP/1.1\r\nHost: " + *slowAt + "\r\nX-Slow: " + strconv.Itoa(i) + "\r\n"
		if i%3 == 0 {
			said = ""
		}
		go func() {
			for range turns {
				h.hold(ctx, *slowAt, said)
			}
		}()
	}
	for range time.Tick(told) {
		h.tell()
	}
}

// holder counts connections.
type holder struct{ open, opened atomic.Int64 }

const holderLine = "open %d of %d\n"

func (h *holder) tell() { fmt.Fprintf(os.Stdout, holderLine, h.open.Load(), h.opened.Load()) }

// read reads what tell has written.
func (h *holder) read(line string) bool {
	var open, opened int64
	if n, err := fmt.Sscanf(line+"\n", holderLine, &open, &opened); err != nil || n != 2 {
		return false
	}
	h.open.Store(open)
	h.opened.Store(opened)
	return true
}

// pace gives slowRate turns a second: what was not taken at its time is not made up for.
func pace(ctx context.Context, turns chan<- struct{}) {
	tick := time.NewTicker(time.Second / slowRate)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			select {
			case turns <- struct{}{}:
			default:
			}
		case <-ctx.Done():
			return
		}
	}
}

// hold opens a connection and keeps it for as long as the other side does.
func (h *holder) hold(ctx context.Context, to, said string) {
	connection, err := dialFrom(slowAddress)(ctx, "tcp", to)
	h.opened.Add(1)
	if err != nil {
		return
	}
	h.open.Add(1)
	defer h.open.Add(-1)
	defer connection.Close()
	if _, err := io.WriteString(connection, said); err == nil {
		_, _ = io.Copy(io.Discard, connection)
	}
}
