package observed

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications/store"
)

// ChangeWebhooks measures the operation. What change refuses is no failure of the store.
func (o observed) ChangeWebhooks(ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error) error {
	var failed error
	defer o.metrics.Observe(operation)(&failed)
	err := o.Store.ChangeWebhooks(ctx, operation, change)
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnstorable) {
		failed = err
	}
	return err
}

func (o observed) EndpointChanges(ctx context.Context) (version int64, err error) {
	defer o.metrics.Observe("read_endpoint_changes")(&err)
	return o.Store.EndpointChanges(ctx)
}

func (o observed) Sending(ctx context.Context, delivery uuid.UUID, at time.Time) (sending store.Sending, err error) {
	defer o.metrics.Observe("read_sending")(&err)
	return o.Store.Sending(ctx, delivery, at)
}

func (o observed) Deliveries(ctx context.Context, query store.DeliveryQuery) (all []store.Delivery, err error) {
	defer o.metrics.Observe("list_deliveries")(&err)
	return o.Store.Deliveries(ctx, query)
}
