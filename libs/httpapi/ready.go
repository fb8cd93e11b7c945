package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	checkTimeout = 2 * time.Second
	// freshness is how long the result of the checks is used again, so that many probes do not become many checks.
	freshness = 500 * time.Millisecond
	// readyAgain is how often somebody looks who waits until it is ready.
	readyAgain = 100 * time.Millisecond
)

// The words of GET /ready.
const (
	wordReady       = "ready"
	wordNotReady    = "not-ready"
	wordOK          = "ok"
	wordUnavailable = "unavailable"
)

// readiness answers whether the deployable can do its work.
type readiness struct {
	checks   []*singleCheck
	draining <-chan struct{}
	log      *slog.Logger

	mu      sync.Mutex // held while checking: probes wait for each other's result
	checked time.Time
	results map[string]string
	ready   bool
}

func newReadiness(deps Deps) *readiness {
	r := &readiness{draining: deps.Draining, log: deps.Telemetry.Log, results: map[string]string{}}
	for _, check := range deps.Checks {
		r.checks = append(r.checks, &singleCheck{Check: check, running: make(chan struct{}, 1)})
	}
	return r
}

type readyAnswer struct {
	Status string            `json:"status"` // "ready" or "not-ready"
	Checks map[string]string `json:"checks"` // "ok" or "unavailable", by name
}

func (r *readiness) answer(c *fiber.Ctx) error {
	select {
	case <-r.draining:
		return c.Status(http.StatusServiceUnavailable).JSON(readyAnswer{Status: wordNotReady, Checks: map[string]string{"draining": wordUnavailable}})
	default:
	}
	ready, results := r.check(c.UserContext())
	if !ready {
		return c.Status(http.StatusServiceUnavailable).JSON(readyAnswer{Status: wordNotReady, Checks: results})
	}
	return c.JSON(readyAnswer{Status: wordReady, Checks: results})
}

// await waits until it is ready, or ctx is done.
func (r *readiness) await(ctx context.Context) {
	again := time.NewTicker(readyAgain)
	defer again.Stop()
	for !r.isReady(ctx) {
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *readiness) isReady(ctx context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	ready, _ := r.look(ctx)
	return ready
}

func (r *readiness) check(ctx context.Context) (ready bool, results map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.checked.IsZero() && time.Since(r.checked) < freshness {
		return r.ready, r.results
	}
	// The result serves every probe that waits, so the deadline of the first one does not end the checks.
	return r.look(context.WithoutCancel(ctx))
}

// look makes the checks; r.mu is held.
func (r *readiness) look(ctx context.Context) (ready bool, results map[string]string) {
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs := make([]error, len(r.checks))
	var checking sync.WaitGroup
	for i, check := range r.checks {
		checking.Go(func() { errs[i] = check.run(limited) })
	}
	checking.Wait()
	results, ready = make(map[string]string, len(r.checks)), true
	causes := map[string]error{}
	for i, check := range r.checks { // services in one process may have checks of one name
		causes[check.Name] = errors.Join(causes[check.Name], errs[i])
	}
	for _, check := range r.checks {
		if _, done := results[check.Name]; done {
			continue
		}
		result, cause := wordOK, causes[check.Name]
		if cause != nil {
			result, ready = wordUnavailable, false
		}
		if r.results[check.Name] != result {
			r.log.InfoContext(ctx, "readiness changed", "check", check.Name, "result", result, "error", cause)
		}
		results[check.Name] = result
	}
	r.checked, r.results, r.ready = time.Now(), results, ready
	return ready, results
}

// singleCheck is a check that runs once at a time.
type singleCheck struct {
	Check

	running chan struct{}
}

var errStillChecking = errors.New("an earlier check has not returned")

// run runs the check, and does not wait for one that goes on after its deadline: it must not take the other checks'
// results with it.
func (s *singleCheck) run(ctx context.Context) error {
	select {
	case s.running <- struct{}{}:
	default:
		return errStillChecking
	}
	result := make(chan error, 1)
	go func() {
		defer func() { <-s.running }()
		result <- s.Check.Check(ctx)
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
