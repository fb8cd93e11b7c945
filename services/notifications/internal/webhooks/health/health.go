// Package health looks each minute at how endpoints of webhooks are doing. It says so in metrics, and tells other endpoints that are subscribed to it when one has
// taken nothing for a day, when it is disabled within a day, and when it is disabled.
//
// It reads what deliveries have written: a process that ends loses nothing of it. All processes look, and what they tell has the same id, so it is told once.
package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/schedule"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	lookEvery = time.Minute
	day       = 24 * time.Hour
	perPage   = 100
)

// Endpoints are those that are looked at.
type Endpoints interface {
	Endpoints(ctx context.Context, after uuid.UUID, limit int) ([]store.Endpoint, error)
	OldestWaiting(ctx context.Context) (time.Time, error)
}

// Announcer tells the endpoints that are subscribed. What it was told before it tells nobody again.
type Announcer interface {
	Announce(ctx context.Context, all ...payload.Webhook) error
}

// Health looks at endpoints.
type Health struct {
	endpoints    Endpoints
	announcer    Announcer
	disableAfter time.Duration
	now          func() time.Time
	log          *slog.Logger
	told         map[uuid.UUID]bool // webhooks that were announced here
	counts       *prometheus.GaugeVec
	oldest       prometheus.Gauge
}

// New makes what looks at endpoints that are disabled once they have taken nothing for so long.
func New(endpoints Endpoints, announcer Announcer, disableAfter time.Duration, now func() time.Time, tel *telemetry.Telemetry) *Health {
	h := &Health{
		endpoints: endpoints, announcer: announcer, disableAfter: disableAfter, now: now, log: tel.Log, told: map[uuid.UUID]bool{},
		counts: telemetry.Register(tel.Metrics, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ism_webhooks_endpoints", Help: "Endpoints by how they are, counted each minute by each process: ok, failing, down (several attempts in a row have failed), paused, disabled.",
		}, []string{"health"})),
		oldest: telemetry.Register(tel.Metrics, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ism_webhooks_oldest_waiting_seconds", Help: "For how long that delivery has not been sent which waits the longest at an endpoint that is sent to, as of each minute.",
		})),
	}
	h.show(nil)
	return h
}

// Run looks until ctx is done.
func (h *Health) Run(ctx context.Context) error {
	ctx = telemetry.Untraced(ctx)
	for {
		if err := h.Look(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrUnavailable) {
			h.log.ErrorContext(ctx, "it cannot be looked how endpoints of webhooks are; trying again", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookEvery + rand.N(lookEvery/4)): //nolint:gosec // spreading load takes no secrets
		}
	}
}

// Look looks once.
func (h *Health) Look(ctx context.Context) error {
	all, err := h.all(ctx)
	if err != nil {
		return err
	}
	h.show(all)
	if err := h.tell(ctx, all); err != nil {
		return err
	}
	since, err := h.endpoints.OldestWaiting(ctx)
	if err != nil {
		return fmt.Errorf("look for the oldest webhook that waits: %w", err)
	}
	var waits float64
	if !since.IsZero() {
		waits = max(h.now().Sub(since).Seconds(), 0)
	}
	h.oldest.Set(waits)
	return nil
}

func (h *Health) all(ctx context.Context) (all []store.Endpoint, err error) {
	for after := uuid.Nil; ; {
		page, err := h.endpoints.Endpoints(ctx, after, perPage)
		if err != nil {
			return nil, fmt.Errorf("read endpoints: %w", err)
		}
		if all = append(all, page...); len(page) < perPage {
			return all, nil
		}
		after = page[perPage-1].ID
	}
}

// show says in the metric how endpoints are.
func (h *Health) show(all []store.Endpoint) {
	counts := map[string]int{"ok": 0, "failing": 0, "down": 0, "paused": 0, "disabled": 0}
	for _, e := range all {
		counts[healthOf(e)]++
	}
	for health, n := range counts {
		h.counts.WithLabelValues(health).Set(float64(n))
	}
}

func healthOf(e store.Endpoint) string {
	switch {
	case e.Status == store.EndpointDisabled:
		return "disabled"
	case e.Status == store.EndpointPaused:
		return "paused"
	case e.Failures >= schedule.Failures:
		return "down"
	case e.Failures > 0:
		return "failing"
	default:
		return "ok"
	}
}

// tell announces what there is to say, what was not announced here before.
func (h *Health) tell(ctx context.Context, all []store.Endpoint) error {
	still := map[uuid.UUID]bool{}
	for _, e := range all {
		webhook, due, err := h.due(e)
		if err != nil {
			return err
		}
		if !due {
			continue
		}
		if !h.told[webhook.ID] {
			if err := h.announcer.Announce(ctx, webhook); err != nil {
				return err //nolint:wrapcheck // it says what was being done
			}
			h.log.WarnContext(ctx, "an endpoint of webhooks takes nothing", "webhook_id", e.ID.String(), "status", string(e.Status), "failing_since", e.FailingSince, "failures", e.Failures)
		}
		still[webhook.ID] = true
	}
	h.told = still
	return nil
}

// due gives what is to be said of an endpoint now, and reports false where that is nothing.
func (h *Health) due(e store.Endpoint) (webhook payload.Webhook, due bool, err error) {
	now := h.now()
	if e.FailingSince.IsZero() {
		return payload.Webhook{}, false, nil
	}
	if e.Status == store.EndpointDisabled {
		if now.Sub(e.UpdatedAt) >= day { // it was told; nobody is told anew what the store has forgotten
			return payload.Webhook{}, false, nil
		}
		said := payload.WebhookDisabled{EndpointID: e.ID, Description: e.Description, Reason: e.Reason, FailingSince: wire.At(e.FailingSince)}
		webhook, err = payload.Disabled(said, now)
		return webhook, true, err
	}
	stage := h.stage(now.Sub(e.FailingSince))
	if stage == "" {
		return payload.Webhook{}, false, nil
	}
	said := payload.WebhookFailing{
		EndpointID: e.ID, Description: e.Description, FailingSince: wire.At(e.FailingSince), Failures: e.Failures, DisabledAt: wire.At(e.FailingSince.Add(h.disableAfter)),
	}
	webhook, err = payload.Failing(said, stage, now)
	return webhook, true, err
}

// stage says which of the times to tell is over after so long: "first" after a day, "last" a day before an endpoint is disabled. Where it is disabled earlier than
// after two days there is one, after half of that time.
func (h *Health) stage(failing time.Duration) string {
	first, last := min(day, h.disableAfter/2), h.disableAfter-day
	switch {
	case last > first && failing >= last:
		return "last"
	case failing >= first:
		return "first"
	default:
		return ""
	}
}
