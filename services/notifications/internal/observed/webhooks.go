package observed

import (
	"context"
	"errors"

	"github.com/ism-chat/ism/services/notifications/store"
)

// ChangeWebhooks measures the operation. What change refuses is no failure of the store.
func (o observed) ChangeWebhooks(ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error) error {
	return o.change(ctx, operation, change, o.Store.ChangeWebhooks)
}

// ChangeUnflushed measures the operation.
func (o observed) ChangeUnflushed(ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error) error {
	return o.change(ctx, operation, change, o.Store.ChangeUnflushed)
}

func (o observed) change(
	ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error,
	do func(ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error) error,
) error {
	var failed error
	defer o.metrics.Observe(operation)(&failed)
	err := do(ctx, operation, change)
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnstorable) {
		failed = err
	}
	return err
}

func (o observed) EndpointChanges(ctx context.Context) (version int64, err error) {
	defer o.metrics.Observe("read_endpoint_changes")(&err)
	return o.Store.EndpointChanges(ctx)
}

func (o observed) Deliveries(ctx context.Context, query store.DeliveryQuery) (all []store.Delivery, err error) {
	defer o.metrics.Observe("list_deliveries")(&err)
	return o.Store.Deliveries(ctx, query)
}
