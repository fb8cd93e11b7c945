package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestReady(t *testing.T) {
	var down atomic.Bool
	draining := newChannel()
	f := serve(t, nil, func(_ *Config, deps *Deps) {
		deps.Draining = draining
		deps.Checks = []Check{
			{Name: "kafka", Check: func(context.Context) error { return nil }},
			{Name: "store", Check: func(context.Context) error {
				if down.Load() {
					return errors.New("dial db:5432 as ism: refused " + secret)
				}
				return nil
			}},
		}
	})
	expect := func(status int, want string) {
		t.Helper()
		servicetest.Await(t, want, func() bool {
			got := f.do(t, http.MethodGet, "/ready", "")
			if strings.Contains(string(got.body), secret) {
				t.Fatalf("the answer tells the cause: %s", got.body)
			}
			return got.status == status && string(got.body) == want && strings.HasPrefix(got.header.Get("Content-Type"), "application/json")
		})
	}
	expect(http.StatusOK, `{"status":"ready","checks":{"kafka":"ok","store":"ok"}}`)
	down.Store(true)
	expect(http.StatusServiceUnavailable, `{"status":"not-ready","checks":{"kafka":"ok","store":"unavailable"}}`)
	down.Store(false)
	expect(http.StatusOK, `{"status":"ready","checks":{"kafka":"ok","store":"ok"}}`)
	close(draining)
	expect(http.StatusServiceUnavailable, `{"status":"not-ready","checks":{"draining":"unavailable"}}`)
	if got := f.do(t, http.MethodGet, "/health", ""); got.status != http.StatusOK {
		t.Errorf("health while draining: %d", got.status)
	}
	var changes []string
	for _, record := range f.log.records(t, "readiness changed") {
		if record["level"] != "INFO" {
			t.Error(record)
		}
		changes = append(changes, record["check"].(string)+" "+record["result"].(string))
	}
	if got := strings.Join(changes, ", "); got != "kafka ok, store ok, store unavailable, store ok" {
		t.Errorf("changes in the log: %s", got)
	}
	f.noErrors(t)
}

func TestWithoutChecksItIsReady(t *testing.T) {
	got := serve(t, nil).do(t, http.MethodGet, "/ready", "")
	var body map[string]any
	if err := json.Unmarshal(got.body, &body); err != nil || got.status != http.StatusOK || body["status"] != "ready" {
		t.Errorf("%d %s %v", got.status, got.body, err)
	}
}

func readinessOf(checks ...Check) *readiness {
	return newReadiness(Deps{Checks: checks, Telemetry: telemetry.Discard(slog.New(slog.DiscardHandler))})
}

func TestManyProbesAreFewChecks(t *testing.T) {
	var checked atomic.Int32
	release := newChannel()
	r := readinessOf(Check{Name: "store", Check: func(context.Context) error {
		checked.Add(1)
		<-release
		return nil
	}})
	var probes sync.WaitGroup
	for range 1000 {
		probes.Go(func() {
			if ready, _ := r.check(t.Context()); !ready {
				t.Error("not ready")
			}
		})
	}
	servicetest.Await(t, "a check", func() bool { return checked.Load() > 0 })
	close(release)
	probes.Wait()
	if got := checked.Load(); got != 1 {
		t.Errorf("1000 probes made %d checks", got)
	}
}

func TestResultsAgeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checked := 0
		r := readinessOf(Check{Name: "store", Check: func(context.Context) error {
			checked++
			return nil
		}})
		for range 10 {
			r.check(t.Context())
			time.Sleep(freshness / 2)
		}
		if checked != 5 {
			t.Errorf("%d checks", checked)
		}
	})
}

func TestWhoWaitsUntilItIsReadyWaitsNoLonger(t *testing.T) {
	for what, c := range map[string]struct {
		worksAfter, toldToStop time.Duration
		hangs                  bool
		want                   time.Duration
	}{
		"all works":                    {0, time.Hour, false, 0},
		"what is missing comes":        {time.Second, time.Hour, false, time.Second},
		"what is missing stays away":   {time.Hour, time.Hour, false, 5 * time.Second},
		"what is missing answers late": {0, time.Hour, true, 5 * time.Second},
		"it is told to stop":           {time.Hour, 700 * time.Millisecond, true, 700 * time.Millisecond},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.toldToStop)
				defer cancel()
				begun := time.Now()
				s := &Server{readiness: readinessOf(Check{Name: "store", Check: func(ctx context.Context) error {
					if c.hangs {
						<-ctx.Done()
						return ctx.Err()
					}
					if time.Since(begun) < c.worksAfter {
						return errors.New("not there yet")
					}
					return nil
				}})}
				s.AwaitReady(ctx, 5*time.Second)
				if took := time.Since(begun); took != c.want {
					t.Errorf("it took %s, want %s", took, c.want)
				}
			})
		})
	}
}

func TestChecksRunAtTheSameTimeAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		r := readinessOf(
			Check{"a", slow}, Check{"b", slow}, Check{"c", func(context.Context) error { return nil }},
		)
		begun := time.Now()
		ready, results := r.check(t.Context())
		if took := time.Since(begun); took != checkTimeout {
			t.Errorf("it took %s", took)
		}
		if ready || results["a"] != "unavailable" || results["b"] != "unavailable" || results["c"] != "ok" {
			t.Error(ready, results)
		}
	})
}

// TestACheckThatHangs does not take the others with it, and is not begun again and again.
func TestACheckThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int32
		release := newChannel()
		r := readinessOf(
			Check{"deaf", func(context.Context) error {
				begun.Add(1)
				<-release
				return nil
			}},
			Check{"fine", func(context.Context) error { return nil }},
		)
		for range 10 {
			ready, results := r.check(t.Context())
			if ready || results["deaf"] != "unavailable" || results["fine"] != "ok" {
				t.Error(ready, results)
			}
			time.Sleep(freshness)
		}
		if begun.Load() != 1 {
			t.Errorf("the check was begun %d times", begun.Load())
		}
		close(release)
		synctest.Wait()
		if ready, results := r.check(t.Context()); !ready {
			t.Error(results)
		}
	})
}

func TestAProbesDeadlineDoesNotCutTheChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := readinessOf(Check{"store", func(ctx context.Context) error { return ctx.Err() }})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if ready, results := r.check(ctx); !ready {
			t.Error(results)
		}
	})
}

// Services that run in one process may check the same thing, each for itself.
func TestOfChecksOfOneNameTheWorstCounts(t *testing.T) {
	passes := func(context.Context) error { return nil }
	fails := func(context.Context) error { return errors.New("refused") }
	for _, checks := range [][]Check{
		{{Name: "writes", Check: fails}, {Name: "writes", Check: passes}},
		{{Name: "writes", Check: passes}, {Name: "writes", Check: fails}},
	} {
		if ready, results := readinessOf(checks...).check(t.Context()); ready || results["writes"] != wordUnavailable || len(results) != 1 {
			t.Errorf("ready %v, %v", ready, results)
		}
	}
}
