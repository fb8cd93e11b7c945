package outbox

import (
	"context"
	"time"

	"github.com/ism-chat/ism/libs/telemetry"
)

// Bounded gives each operation of a lead on its database a deadline. It is for backends, so that they do so alike. Wait has the timeout that
// it is called with.
func Bounded(lead Lead, timeout time.Duration) Lead { return bounded{lead, timeout} }

type bounded struct {
	Lead
	timeout time.Duration
}

func (b bounded) Oldest(ctx context.Context, rows, bytes int) ([]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	return b.Lead.Oldest(ctx, rows, bytes)
}

func (b bounded) Count(ctx context.Context, limit int) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	return b.Lead.Count(ctx, limit)
}

func (b bounded) Delete(ctx context.Context, rows []int64) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	return b.Lead.Delete(ctx, rows)
}

// Observed counts each operation of a lead on its database among the store's, as outbox_oldest, outbox_count and outbox_delete.
func Observed(lead Lead, metrics *telemetry.StoreMetrics) Lead { return observed{lead, metrics} }

type observed struct {
	Lead
	metrics *telemetry.StoreMetrics
}

func (o observed) Oldest(ctx context.Context, rows, bytes int) (oldest []Row, err error) {
	defer o.metrics.Observe("outbox_oldest")(&err)
	return o.Lead.Oldest(ctx, rows, bytes)
}

func (o observed) Count(ctx context.Context, limit int) (rows int, err error) {
	defer o.metrics.Observe("outbox_count")(&err)
	return o.Lead.Count(ctx, limit)
}

func (o observed) Delete(ctx context.Context, rows []int64) (err error) {
	defer o.metrics.Observe("outbox_delete")(&err)
	return o.Lead.Delete(ctx, rows)
}
