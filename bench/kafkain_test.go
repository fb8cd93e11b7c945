package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/bench/load"
	"github.com/ism-chat/ism/bench/report"
	"github.com/ism-chat/ism/bench/resources"
	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/test/deployment"
)

const (
	toldRates  = "200,1000"       // records a second, unless -rates says otherwise
	toldWithin = 10 * time.Second // what comes later counts as missing
)

// BenchmarkKafkaIn measures records of a backend's topic until users' streams show them. Each is written when it is due, and counts from then.
func BenchmarkKafkaIn(b *testing.B) {
	for _, kind := range strings.Split(*deployments, ",") {
		b.Run(kind, func(b *testing.B) {
			topic := deployment.NewBackendsTopic(b)
			issuer := authntest.New(b)
			settings := []deployment.Settings{topic.Settings(), {
				"ISM_OIDC_ISSUER": issuer.URL, "ISM_OTLP_ENDPOINT": "", "ISM_TRACE_RATIO": "0", "ISM_NOTIFICATIONS_UNKNOWN_USERS": "keep",
			}}
			start := map[string]func(testing.TB, ...deployment.Settings) *deployment.Deployment{"one": deployment.OneProcess, "five": deployment.FiveProcesses}[kind]
			if start == nil {
				b.Fatalf("-deployments: %q is neither one nor five", kind)
			}
			d := start(b, settings...)
			t := listenToAll(b, d, issuer)
			t.write = topic.Writer(b)
			p := path{
				deployment: d, kind: kind, build: "here", parts: resources.Parts{"generator": os.Getpid()},
				file: filepath.Join("results", "kafka-in-"+time.Now().UTC().Format("20060102-150405")),
			}
			maps.Copy(p.parts, d.PIDs())
			if kind == "five" {
				p.addEngines(b)
			}
			for b.Loop() {
				for _, rate := range rising(b) {
					t.tell(b, rate, settling)
					wait, before := p.profile(b, "kafka-in", rate), p.look(b)
					told := t.tell(b, rate, *counted)
					used := p.row("kafka-in", before, p.look(b), float64(told.wanted))
					wait()
					told.report(b, strconv.Itoa(rate))
					b.ReportMetric(report.Total(used.CPU), strconv.Itoa(rate)+"/s-cpu-ms")
					b.Logf("%d/s, milliseconds of CPU a record: %s", rate, eachPart(used.CPU))
				}
			}
		})
	}
}

// eachPart names what was used of each part.
func eachPart(used map[string]float64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(used)) {
		parts = append(parts, fmt.Sprintf("%s %.2f", name, used[name]))
	}
	return strings.Join(parts, ", ")
}

// rising are the rates that are asked for.
func rising(b *testing.B) (all []int) {
	b.Helper()
	asked := toldRates
	if *rates != defaultRates {
		asked = *rates
	}
	for text := range strings.SplitSeq(asked, ",") {
		rate, err := strconv.Atoi(text)
		if err != nil {
			b.Fatalf("-rates: %v", err)
		}
		all = append(all, rate)
	}
	return all
}

// toldUsers have a stream each, which is read.
type toldUsers struct {
	users []uuid.UUID
	write func(key, value string, written func(error))
	now   atomic.Pointer[tellings]
}

// tellings are records that are told at a rate.
type tellings struct {
	id    string
	begin time.Time
	every time.Duration

	mu      sync.Mutex
	written []time.Duration // until the brokers have them
	shown   []time.Duration // until streams show them
	failed  error
	wanted  int
}

func (t *tellings) due(n int) time.Time { return t.begin.Add(time.Duration(n) * t.every) }

// listenToAll opens a stream for each user, which is read until the benchmark ends.
func listenToAll(b *testing.B, d *deployment.Deployment, issuer *authntest.Issuer) *toldUsers {
	b.Helper()
	t := &toldUsers{}
	var readers sync.WaitGroup
	b.Cleanup(readers.Wait)
	for _, name := range load.Names(*pathUsers) {
		user := uuid.New()
		stream, err := client.New(d.BaseURL, d.HTTP(), client.Token(issuer.Token(b, user, name))).Stream(b.Context(), "")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(stream.Close)
		t.users = append(t.users, user)
		readers.Go(func() {
			for {
				event, err := stream.Next()
				if err != nil {
					return
				}
				if event.Type == "SystemMessage" {
					t.show(event.Data)
				}
			}
		})
	}
	return t
}

func (t *toldUsers) show(data []byte) {
	at, now := time.Now(), t.now.Load()
	var said struct {
		Message struct {
			Of     string
			Number int
		}
	}
	if json.Unmarshal(data, &said) != nil || now == nil || said.Message.Of != now.id {
		return
	}
	now.mu.Lock()
	defer now.mu.Unlock()
	now.shown = append(now.shown, at.Sub(now.due(said.Message.Number)))
}

// tell writes records at a rate, and waits until streams have shown them.
func (t *toldUsers) tell(b *testing.B, rate int, length time.Duration) *tellings {
	b.Helper()
	now := &tellings{id: uuid.NewString(), every: time.Second / time.Duration(rate), wanted: int(length.Seconds() * float64(rate)), begin: time.Now()}
	t.now.Store(now)
	for n := range now.wanted {
		time.Sleep(time.Until(now.due(n)))
		to := t.users[n%len(t.users)].String()
		t.write(to, fmt.Sprintf(`{"toUser":%q,"type":"SystemMessage","message":{"of":%q,"number":%d}}`, to, now.id, n), func(err error) {
			at := time.Now()
			now.mu.Lock()
			defer now.mu.Unlock()
			now.written, now.failed = append(now.written, at.Sub(now.due(n))), errors.Join(now.failed, err)
		})
	}
	for end := time.Now().Add(toldWithin); now.missing() > 0 && time.Now().Before(end); {
		time.Sleep(settledEvery)
	}
	return now
}

// settledEvery is between two looks whether all has come.
const settledEvery = 20 * time.Millisecond

func (t *tellings) missing() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wanted - len(t.shown)
}

func (t *tellings) report(b *testing.B, name string) {
	b.Helper()
	if n := t.missing(); n != 0 {
		b.Errorf("%s/s: %d of %d are missing", name, n, t.wanted)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed != nil {
		b.Errorf("%s/s: %v", name, t.failed)
	}
	for what, times := range map[string][]time.Duration{"written": t.written, "shown": t.shown} {
		if len(times) == 0 {
			continue
		}
		slices.Sort(times)
		for quantile, of := range map[string]float64{"p50": 0.5, "p99": 0.99, "max": 1} {
			b.ReportMetric(float64(times[int(of*float64(len(times)-1))].Microseconds())/1000, name+"/s-"+what+"-"+quantile+"-ms")
		}
	}
}
