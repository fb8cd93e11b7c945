package media

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
)

// measureTimeout is how long the store may take to be measured, which each scrape waits for.
const measureTimeout = time.Second

// measureWaiting shows for how long the upload has waited that has waited longest to be looked at. Each process shows that of all: the store is asked with each
// scrape, which reads one row of an index.
func (s *Service) measureWaiting() {
	telemetry.Register(s.deps.Telemetry.Metrics, prometheus.Collector(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ism_media_uploaded_oldest_seconds",
		Help: "How long the upload has been uploaded that has waited longest to be ready or rejected, of all processes; 0: none waits; NaN: the store does not say.",
	}, s.waiting)))
}

func (s *Service) waiting() float64 {
	ctx, cancel := context.WithTimeout(telemetry.Untraced(context.Background()), measureTimeout)
	defer cancel()
	now := s.moment()
	oldest, err := s.store.Uploaded(ctx, now, 1)
	switch {
	case err != nil:
		return math.NaN()
	case len(oldest) == 0:
		return 0
	}
	return now.Sub(oldest[0].ChangedAt).Seconds()
}
