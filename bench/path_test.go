package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/bench/load"
	"github.com/ism-chat/ism/bench/report"
	"github.com/ism-chat/ism/bench/resources"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/test/deployment"
)

// What BenchmarkPath measures, see README.md.
var (
	builds      = flag.String("builds", "", "builds to measure, name=folder of their programs, comma-separated; without any, BenchmarkPath is passed over")
	deployments = flag.String("deployments", "five,one", "five, one or both")
	rates       = flag.String("rates", defaultRates, "messages a second, ascending")
	runs        = flag.Int("runs", 1, "runs of each build, in turns")
	counted     = flag.Duration("for", 20*time.Second, "how long each rate is measured; a multiple of 5 s, at which Kafka's clients tell of their requests")
	pathUsers   = flag.Int("users", 200, "users, each with a stream, in rooms of ten")
	settings    = flag.String("settings", "", "variables that all services get, NAME=value, comma-separated; for one build alone: build:NAME=value")
	busy        = flag.Int("busy", 0, "other programs that keep a core busy each, all the time")
	profiles    = flag.String("profile", "", "services of which profiles of CPU and allocations are kept in results, comma-separated")
)

const (
	defaultRates = "100,200,500,1000,2500"

	firstWarmUp = 15 * time.Second // before the first warm measurement
	settling    = 5 * time.Second  // at a new rate
	// overloaded is the share of messages refused, or missing from the rate, above which higher rates are not tried.
	overloaded = 0.1
)

// BenchmarkPath measures the whole path of a message, from its send to all recipients' streams, in several builds in turns.
func BenchmarkPath(b *testing.B) {
	if *builds == "" {
		b.Skip("no builds are named: see make bench-path")
	}
	file := filepath.Join("results", "path-"+time.Now().UTC().Format("20060102-150405"))
	var all []report.Row
	for run := range *runs {
		for _, kind := range strings.Split(*deployments, ",") {
			named := strings.Split(*builds, ",")
			if run%2 == 1 { // so that none gains by coming later
				slices.Reverse(named)
			}
			for _, build := range named {
				name, dir, ok := strings.Cut(build, "=")
				if !ok {
					b.Fatalf("-builds: %q is not name=folder", build)
				}
				b.Run(fmt.Sprintf("%s/%s/%d", kind, name, run+1), func(b *testing.B) {
					p := startPath(b, kind, name, dir)
					p.file, p.run = file, run+1
					for b.Loop() {
						p.measure(b)
					}
					all = append(all, p.rows...)
				})
			}
		}
	}
	table := report.Table(all)
	fmt.Printf("\n%s\n", table)
	if err := os.WriteFile(file+".md", []byte(table), 0o600); err != nil && len(all) > 0 {
		b.Fatal(err)
	}
}

// path is one deployment of one build, and what has been measured of it.
type path struct {
	deployment *deployment.Deployment
	session    *load.Session
	parts      resources.Parts
	file       string
	kind       string
	build      string
	run        int
	rows       []report.Row
}

// startPath starts a deployment whose users' tokens come from an issuer of the benchmark's own, and whose traces go nowhere.
func startPath(b *testing.B, kind, build, dir string) *path {
	b.Helper()
	b.Setenv("ISM_TEST_BIN_DIR", dir)
	issuer := authntest.New(b)
	given := deployment.Settings{"ISM_OIDC_ISSUER": issuer.URL, "ISM_OTLP_ENDPOINT": "", "ISM_TRACE_RATIO": "0"}
	if *profiles != "" {
		given["ISM_HTTP_PPROF"] = "true"
	}
	for setting := range strings.SplitSeq(*settings, ",") {
		if only, rest, ok := strings.Cut(setting, ":"); ok {
			if only != build {
				continue
			}
			setting = rest
		}
		if name, value, ok := strings.Cut(setting, "="); ok {
			given[name] = value
		}
	}
	keepBusy(b, *busy)
	tokens := map[string]string{}
	for _, name := range load.Names(*pathUsers) {
		tokens[name] = issuer.Token(b, uuid.New(), name)
	}
	p := &path{kind: kind, build: build, parts: resources.Parts{"generator": os.Getpid()}}
	switch kind {
	case "one":
		p.deployment = deployment.OneProcess(b, given)
	case "five":
		p.deployment = deployment.FiveProcesses(b, given)
		p.addEngines(b)
	default:
		b.Fatalf("-deployments: %q is neither one nor five", kind)
	}
	maps.Copy(p.parts, p.deployment.PIDs())
	// The services are ready: from here on it is the first second.
	session, err := load.Join(b.Context(), load.Options{
		BaseURL: p.deployment.BaseURL, Users: load.Names(*pathUsers), RoomSize: roomSize,
		Token: func(_ context.Context, name string) (string, error) { return tokens[name], nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(session.Close)
	p.session = session
	return p
}

// keepBusy runs programs that do nothing else than keep a core busy each, until the benchmark ends.
func keepBusy(b *testing.B, programs int) {
	b.Helper()
	for range programs {
		loop := exec.CommandContext(b.Context(), "sh", "-c", "while :; do :; done")
		if err := loop.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			_ = loop.Process.Kill()
			_ = loop.Wait()
		})
	}
}

// addEngines finds the engines by the ports that they listen on. One that cannot be seen, in a container, is in the machine's sum alone.
func (p *path) addEngines(b *testing.B) {
	b.Helper()
	engines := map[string]string{
		"kafka": enginetest.KafkaBrokers(b)[0], "cassandra": enginetest.CassandraHosts(b)[0],
		"s3": strings.TrimPrefix(enginetest.S3(b).Endpoint, "http://"),
	}
	for name, address := range map[string]string{"postgres": enginetest.Postgres(b), "keycloak": enginetest.Keycloak(b)} {
		at, err := url.Parse(address)
		if err != nil {
			b.Fatalf("the address of %s is no URL", name)
		}
		engines[name] = at.Host
	}
	for name, address := range engines {
		pid, err := resources.Listener(address)
		if err != nil {
			b.Logf("%s is not counted: %v", name, err)
			continue
		}
		p.parts[name] = pid
	}
}

// measure takes the deployment through its phases.
func (p *path) measure(b *testing.B) {
	b.Helper()
	var steps []int
	for text := range strings.SplitSeq(*rates, ",") {
		rate, err := strconv.Atoi(text)
		if err != nil {
			b.Fatalf("-rates: %v", err)
		}
		steps = append(steps, rate)
	}
	p.at(b, report.Cold, steps[0])
	warmUp := firstWarmUp
	for _, rate := range steps {
		if _, err := p.session.Measure(b.Context(), rate, 0, warmUp); err != nil {
			b.Fatal(err)
		}
		warmUp = settling
		row := p.at(b, report.Warm, rate)
		if float64(row.Failed) > overloaded*float64(row.Sent) || row.Sustained < (1-overloaded)*float64(rate) {
			break
		}
	}
	p.atRest(b)
}

// at measures one rate.
func (p *path) at(b *testing.B, phase string, rate int) report.Row {
	b.Helper()
	stop := p.profile(b, phase, rate)
	before := p.look(b)
	result, err := p.session.Measure(b.Context(), rate, 0, *counted)
	if err != nil {
		b.Fatal(err)
	}
	row := p.row(phase, before, p.look(b), float64(result.Sent-result.Failed))
	stop()
	row.Result = result
	if phase == report.Cold {
		row.Requests = nil                        // what the clients have told by then is older than the phase
		fmt.Printf("\n%s", result.SecondsTable()) // longer than what a log keeps
	}
	p.keep(b, row)
	return row
}

// atRest measures what the streams cost while nobody writes.
func (p *path) atRest(b *testing.B) {
	b.Helper()
	<-time.After(settling)
	before := p.look(b)
	<-time.After(*counted)
	after := p.look(b)
	p.keep(b, p.row(report.Rest, before, after, after.at.Sub(before.at).Seconds()))
}

func (p *path) keep(b *testing.B, row report.Row) {
	b.Helper()
	p.rows = append(p.rows, row)
	if err := report.Append(p.file+".jsonl", row); err != nil {
		b.Fatal(err)
	}
	b.Logf("\n%s", report.Table([]report.Row{row}))
}

// sight is what the parts have used, at one time.
type sight struct {
	at       time.Time
	usage    map[string]resources.Usage
	machine  time.Duration
	requests map[string]float64 // to Kafka, by API
}

func (p *path) look(b *testing.B) sight {
	b.Helper()
	requests := map[string]float64{}
	for _, address := range p.deployment.Internal {
		if err := addRequests(b.Context(), address, requests); err != nil {
			b.Fatal(err)
		}
	}
	usage, err := p.parts.Usage()
	if err != nil {
		b.Fatal(err)
	}
	machine, err := resources.Machine()
	if err != nil {
		b.Fatal(err)
	}
	return sight{at: time.Now(), usage: usage, machine: machine, requests: requests}
}

// row says what was used between two sights, of each of a number of things.
func (p *path) row(phase string, before, after sight, things float64) report.Row {
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	row := report.Row{
		Build: p.build, Deployment: p.kind, Phase: phase, Run: p.run,
		CPU: map[string]float64{}, Memory: map[string]float64{}, Requests: map[string]float64{},
		Machine: milliseconds(after.machine-before.machine) / things,
	}
	for name, usage := range after.usage {
		row.CPU[name] = milliseconds(usage.CPU-before.usage[name].CPU) / things
		row.Memory[name] = float64(usage.Memory) / (1 << 20)
	}
	row.Cores = report.Total(row.CPU) * things / milliseconds(after.at.Sub(before.at))
	for api, n := range after.requests {
		row.Requests[api] = (n - before.requests[api]) / things
	}
	return row
}

// addRequests adds up what the clients of a process have asked of Kafka. A build that does not count tells nothing.
func addRequests(ctx context.Context, internal string, requests map[string]float64) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+internal+"/metrics", nil)
	if err != nil {
		return fmt.Errorf("read metrics: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("read metrics: %w", err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		series, value, ok := strings.Cut(lines.Text(), "} ")
		if !ok || !strings.HasPrefix(series, "ism_kafka_requests_total{") {
			continue
		}
		_, api, _ := strings.Cut(series, `api="`)
		api, _, _ = strings.Cut(api, `"`)
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("read metrics: %w", err)
		}
		requests[api] += n
	}
	return lines.Err() //nolint:wrapcheck // of reading a body
}

// profile takes profiles of services, where they are asked for, until the function that it returns is called.
func (p *path) profile(b *testing.B, phase string, rate int) (wait func()) {
	b.Helper()
	return keepProfiles(b, p.deployment.Internal, fmt.Sprintf("%s-%s-%s-%s-%d", p.file, p.kind, p.build, phase, rate), *counted)
}

// keepProfiles takes profiles of those of the services that are asked for, over a time, and waits for them in the function that it returns.
func keepProfiles(b *testing.B, services map[string]string, beginning string, over time.Duration) (wait func()) {
	b.Helper()
	taken := make(chan error)
	asked := 0
	for name, address := range services {
		if !slices.Contains(strings.Split(*profiles, ","), name) {
			continue
		}
		for _, profile := range []string{"profile", "allocs"} {
			asked++
			file := fmt.Sprintf("%s-%s.%s", beginning, name, profile)
			go func() { taken <- keepProfile(b.Context(), address, profile, file, over) }()
		}
	}
	return func() {
		for range asked {
			if err := <-taken; err != nil {
				b.Error(err)
			}
		}
	}
}

// keepProfile takes a profile over a time, of CPU ("profile") or of what is allocated ("allocs").
func keepProfile(ctx context.Context, internal, profile, file string, over time.Duration) error {
	at := url.URL{Scheme: "http", Host: internal, Path: "/debug/pprof/" + profile, RawQuery: "seconds=" + strconv.Itoa(int(over.Seconds()))}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return fmt.Errorf("take a profile: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+deployment.InternalSecret)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("take a profile: %w", err)
	}
	defer answer.Body.Close()
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("keep a profile: %w", err)
	}
	out, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("keep a profile: %w", err)
	}
	defer out.Close()
	_, err = out.ReadFrom(answer.Body)
	return err //nolint:wrapcheck // of a file that is being written
}
