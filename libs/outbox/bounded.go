package outbox

import (
	"context"
	"time"

	"github.com/ism-chat/ism/libs/telemetry"
)

// Bounded gives each operation of a lead on its database a deadline, and counts it among the store's as outbox_oldest, outbox_count and
// outbox_delete. It is for backends, so that they do so alike. Wait has the timeout that it is called with.
func Bounded(lead Lead, timeout time.Duration, metrics *telemetry.StoreMetrics) Lead {
	return bounded{lead, timeout, metrics}
}

type bounded struct {
	Lead
	timeout time.Duration
	metrics *telemetry.StoreMetrics
}

func (b bounded) Oldest(ctx context.Context, limit int) (rows []Row, err error) {
	defer b.metrics.Observe("outbox_oldest")(&err)
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	return b.Lead.Oldest(ctx, limit)
}

func (b bounded) Count(ctx context.Context, limit int) (rows int, err error) {
	defer b.metrics.Observe("outbox_count")(&err)
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	return b.Lead.Count(ctx, limit)
}

func (b bounded) Delete(ctx context.Context, rows []int64) (err error) {
	defer b.metrics.Observe("outbox_delete")(&err)
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	return b.Lead.Delete(ctx, rows)
}
