package httpapi

import (
	"context"
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
)

// readiness answers whether the deployable can do its work.
type readiness struct {
	checks   []Check
	draining <-chan struct{}
	log      *slog.Logger

	mu      sync.Mutex // held while checking: probes wait for each other's result
	checked time.Time
	results map[string]string
	ready   bool
}

func newReadiness(deps Deps) *readiness {
	return &readiness{checks: deps.Checks, draining: deps.Draining, log: deps.Telemetry.Log, results: map[string]string{}}
}

type readyAnswer struct {
	Status string            `json:"status"` // "ready" or "not-ready"
	Checks map[string]string `json:"checks"` // "ok" or "unavailable", by name
}

func (r *readiness) answer(c *fiber.Ctx) error {
	select {
	case <-r.draining:
		return c.Status(http.StatusServiceUnavailable).JSON(readyAnswer{Status: "not-ready", Checks: map[string]string{"draining": "unavailable"}})
	default:
	}
	ready, results := r.check(c.UserContext())
	if !ready {
		return c.Status(http.StatusServiceUnavailable).JSON(readyAnswer{Status: "not-ready", Checks: results})
	}
	return c.JSON(readyAnswer{Status: "ready", Checks: results})
}

func (r *readiness) check(ctx context.Context) (ready bool, results map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.checked) < freshness {
		return r.ready, r.results
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs := make([]error, len(r.checks))
	var checking sync.WaitGroup
	for i, check := range r.checks {
		checking.Go(func() { errs[i] = check.Check(ctx) })
	}
	checking.Wait()
	results, ready = make(map[string]string, len(r.checks)), true
	for i, check := range r.checks {
		result := "ok"
		if errs[i] != nil {
			result, ready = "unavailable", false
		}
		if r.results[check.Name] != result {
			r.log.InfoContext(ctx, "readiness changed", "check", check.Name, "result", result, "error", errs[i])
		}
		results[check.Name] = result
	}
	r.checked, r.results, r.ready = time.Now(), results, ready
	return ready, results
}
