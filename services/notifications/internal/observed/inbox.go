// Package observed measures a store's operations, whichever its backend.
package observed

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/store"
)

// New gives the store with the golden signals of each operation.
func New(s store.Store, tel *telemetry.Telemetry) store.Store {
	return observed{Store: s, metrics: tel.Store("notifications", store.ErrNoEndpoint, store.ErrNoDelivery)}
}

type observed struct {
	store.Store
	metrics *telemetry.StoreMetrics
}

func (o observed) Ping(ctx context.Context) (err error) {
	defer o.metrics.Observe("ping")(&err)
	return o.Store.Ping(ctx)
}

func (o observed) Put(ctx context.Context, entries []store.Entry) (added int, err error) {
	defer o.metrics.Observe("put_entries")(&err)
	return o.Store.Put(ctx, entries)
}

func (o observed) Entries(ctx context.Context, user uuid.UUID, span store.Span, kept store.Kept, limit int) (entries []store.Entry, err error) {
	defer o.metrics.Observe("list_entries")(&err)
	return o.Store.Entries(ctx, user, span, kept, limit)
}

func (o observed) Unread(ctx context.Context, user uuid.UUID, kept store.Kept) (counts store.Counts, err error) {
	defer o.metrics.Observe("count_unread")(&err)
	return o.Store.Unread(ctx, user, kept)
}

func (o observed) ReadUpTo(ctx context.Context, user uuid.UUID, position int64, kept store.Kept) (counts store.Counts, err error) {
	defer o.metrics.Observe("mark_up_to")(&err)
	return o.Store.ReadUpTo(ctx, user, position, kept)
}

func (o observed) Read(ctx context.Context, user uuid.UUID, ids []uuid.UUID, kept store.Kept) (counts store.Counts, err error) {
	defer o.metrics.Observe("mark_entries")(&err)
	return o.Store.Read(ctx, user, ids, kept)
}

func (o observed) Erase(ctx context.Context, user uuid.UUID, at time.Time, limit int) (erased int, err error) {
	defer o.metrics.Observe("erase_inbox")(&err)
	return o.Store.Erase(ctx, user, at, limit)
}

func (o observed) Clear(ctx context.Context, kept store.Kept, limit int) (more bool, err error) {
	defer o.metrics.Observe("clear_inboxes")(&err)
	return o.Store.Clear(ctx, kept, limit)
}
