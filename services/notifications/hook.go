package notifications

import (
	"errors"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/reread"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/hooks"
	"github.com/ism-chat/ism/services/notifications/internal/intake"
)

// mimeCloudEvent is the type of a CloudEvent in structured JSON.
const mimeCloudEvent = "application/cloudevents+json"

// What becomes of a webhook.
const (
	hookTold      = "told"
	hookUnsigned  = "bad-signature"
	hookStale     = "stale-timestamp"
	hookMalformed = "malformed"
	hookFailed    = "failed"
)

// unknownSource stands for all sources that there are not, in the labels of metrics.
const unknownSource = "(unknown)"

// keepSources gives the sources as their file has them by now, where they have one.
func keepSources(cfg Config, known *hooks.Sources, tel *telemetry.Telemetry) *reread.Value[*hooks.Sources] {
	const what = "the sources of webhooks, ISM_NOTIFICATIONS_HOOKS_FILE,"
	if cfg.HooksFile == "" {
		return reread.New(what, known, nil, tel.Log)
	}
	return reread.New(what, known, func(*hooks.Sources) (*hooks.Sources, error) {
		list, err := cfg.HooksFile.Read(cfg.Hooks)
		if err != nil {
			return nil, err //nolint:wrapcheck // the log says whose it is
		}
		return hooks.Parse(list.Reveal())
	}, tel.Log)
}

// newHookMetrics counts webhooks by source and by what has become of them.
func newHookMetrics(tel *telemetry.Telemetry, sources *hooks.Sources) *prometheus.CounterVec {
	counter := telemetry.Register(tel.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ism_notifications_hooks_total", Help: "Webhooks that came in, by source and by what has become of them.",
	}, []string{"source", "outcome"}))
	for _, source := range sources.Names() {
		for _, outcome := range []string{hookTold, hookUnsigned, hookStale, hookMalformed, hookFailed} {
			counter.WithLabelValues(source, outcome)
		}
	}
	counter.WithLabelValues(unknownSource, hookUnsigned)
	return counter
}

// hook handles POST /hooks/{source}.
func (s *Service) hook(c *fiber.Ctx) error {
	source := c.Params("source")
	err := s.takeHook(c, source)
	if !s.sources.Now().Has(source) {
		source = unknownSource
	}
	s.hooked.WithLabelValues(source, outcomeOf(err)).Inc()
	return err
}

func outcomeOf(err error) string {
	var problem *httpapi.Problem
	switch {
	case err == nil:
		return hookTold
	case errors.Is(err, hooks.ErrSignature):
		return hookUnsigned
	case errors.Is(err, hooks.ErrStale):
		return hookStale
	case errors.As(err, &problem) && problem.Status < http.StatusInternalServerError:
		return hookMalformed
	default:
		return hookFailed
	}
}

// takeHook tells users what a webhook says. All deliveries of it give the same ids.
func (s *Service) takeHook(c *fiber.Ctx, source string) error {
	body, err := httpapi.PlainBody(c)
	if err != nil {
		return err
	}
	id, err := s.sources.Now().Verify(source, func(name string) string { return c.Get(name) }, body)
	if err != nil {
		return problemOf(err, 0)
	}
	if body, err = httpapi.JSONBody(c, mimeCloudEvent); err != nil {
		return err
	}
	told, _, err := intake.ParseEvent(body)
	if err != nil {
		return err
	}
	return s.tell(c, "", intake.Asked{Notification: told, IDs: intake.OfHook(source, id), Taken: time.Now()})
}
